//! The check on small libraries, each written for one rule.

use std::{fs, io};

use super::{check, rules::Rules, tree::Library};

/// Three layers, and nothing else allowed.
const LAYERS: Rules<'_> =
    Rules { layers: &[&["low"], &["middle", "beside"], &["high"]], independent: &[], cycles: &[] };

const ROOT: (&str, &str) =
    ("lib.rs", "mod low; mod middle; mod beside; mod high; pub use high::{High, inner::Inner as Deep};");

/// Reads a library of these files below `src/`. Modules of [`ROOT`] that they leave out are empty.
fn library(files: &[(&str, &str)]) -> io::Result<Library> {
    let package = tempfile::tempdir().expect("a folder");
    let empty = ["low.rs", "middle.rs", "beside.rs"].map(|file| (file, ""));
    let high = ("high/mod.rs", "mod inner; pub struct High;");
    let layers = [empty.as_slice(), &[ROOT, high, ("high/inner.rs", "pub struct Inner;")]].concat();
    let given = files.iter().any(|(file, _)| *file == ROOT.0);
    for (file, text) in if given { files.to_vec() } else { [&layers, files].concat() } {
        let path = package.path().join("src").join(file);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("created");
        fs::write(path, text).expect("written");
    }
    Library::read(package.path())
}

fn violations(files: &[(&str, &str)], rules: Rules<'_>) -> Vec<String> {
    check::violations(&library(files).expect("it parses"), rules)
}

/// What `src/low.rs` violates with this text, without the file's name.
fn violations_of_low(text: &str) -> Vec<String> {
    let found = violations(&[("low.rs", text)], LAYERS);
    found.iter().map(|line| line.strip_prefix("src/low.rs:").unwrap_or(line).to_owned()).collect()
}

#[test]
fn an_upward_import_is_reported_with_its_file_and_line() {
    let found = violations(&[("middle.rs", "use crate::low::Low;\n\nuse crate::high::High;\n")], LAYERS);
    assert_eq!(found, ["src/middle.rs:3: middle imports high (crate::high::High): high is a higher layer"]);
}

#[test]
fn a_downward_import_is_allowed() {
    let files = [("high/inner.rs", "use crate::{low::Low, middle};"), ("middle.rs", "use super::low;")];
    assert_eq!(violations(&files, LAYERS), [""; 0]);
}

#[test]
fn modules_of_one_layer_must_not_import_each_other() {
    let found = violations(&[("beside.rs", "use crate::middle::Middle;")], LAYERS);
    assert_eq!(found, ["src/beside.rs:1: beside imports middle (crate::middle::Middle): middle is in the same layer"]);
}

#[test]
fn a_name_that_the_root_reexports_is_an_import_of_its_module() {
    let found = violations_of_low("use crate::{\n    High,\n    Deep as Other,\n};");
    let reason = "high is a higher layer";
    assert_eq!(
        found,
        [
            format!("2: low imports high (crate::High): {reason}"),
            format!("3: low imports high (crate::Deep): {reason}")
        ]
    );
}

#[test]
fn an_item_of_the_root_itself_is_above_every_layer() {
    for written in ["crate::start", "crate"] {
        let found = violations_of_low(&format!("use {written} as root;"));
        assert_eq!(found, [format!("1: low imports lib ({written}): lib is a higher layer")]);
    }
    let found = violations(&[("high/mod.rs", "mod inner; pub use super::start;")], LAYERS);
    assert_eq!(found, ["src/high/mod.rs:1: high imports lib (super::start): lib is a higher layer"]);
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    for (text, written) in [
        ("use crate::high;", "crate::high"),
        ("use crate::high::*;", "crate::high"),
        ("use crate::high::{self};", "crate::high"),
        ("use crate::high::{self as above};", "crate::high"),
        ("use crate::{low::Low, high::{inner::{Inner}}};", "crate::high::inner::Inner"),
        ("pub use super::high::High;", "super::high::High"),
        ("fn f() { use super::high::High; }", "super::high::High"),
        ("mod inline { use super::super::high::High; }", "super::super::high::High"),
        ("fn f(value: &crate::high::High) {}", "crate::high::High"),
        ("fn f() -> Vec<Option<super::high::High>> { Vec::new() }", "super::high::High"),
        ("impl crate::high::Trait for Low {}", "crate::high::Trait"),
        ("fn f() { match 1 { crate::high::ONE => {} _ => {} } }", "crate::high::ONE"),
        ("fn f() { println!(\"{}\", [1, crate::high::g()].len()) }", "crate::high::g"),
        ("macro_rules! m { () => { $crate::high::g() } }", "crate::high::g"),
        ("#[serde(with = \"crate::high::span\")] struct Low;", "crate::high::span"),
        ("struct Low { #[serde(default = \"super::high::g\")] low: u8 }", "super::high::g"),
    ] {
        assert_eq!(
            violations_of_low(text),
            [format!("1: low imports high ({written}): high is a higher layer")],
            "{text}"
        );
    }
}

#[test]
fn what_only_looks_like_an_import_is_not_reported() {
    for text in [
        "/// See [`crate::high::High`].\npub struct Low;",
        "use high::Other; extern crate high;",
        "use ::high::Other;",
        "pub(in crate::low) mod high { pub struct High; }\nuse high::High; use self::high::High as Own;",
        "fn f() -> &'static str { \"crate::high::High\" }",
        "fn f(high: Option<u8>) { high::<u8>(); Self::high(); }",
    ] {
        assert_eq!(violations_of_low(text), [""; 0], "{text}");
    }
}

#[test]
fn code_that_only_tests_compile_is_exempt() {
    for text in [
        "#[cfg(test)] mod tests { use crate::high::High; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(all(test, unix))] use crate::high::High;",
        "#[cfg(any(test, all(unix, test)))] fn f() { crate::high::g() }",
        "struct Low { #[cfg(test)] high: crate::high::High }",
        "impl Low { #[cfg(test)] fn f() { crate::high::g() } }",
        "fn f() { #[cfg(test)] let high = crate::high::g(); }",
    ] {
        assert_eq!(violations_of_low(text), [""; 0], "{text}");
    }
}

#[test]
fn code_that_other_builds_compile_too_is_not_exempt() {
    for condition in ["unix", "not(test)", "any(test, feature = \"x\")", "any()", "feature = \"test\""] {
        let text = format!("#[cfg({condition})] use crate::high::High;");
        assert_eq!(violations_of_low(&text).len(), 1, "{text}");
    }
}

#[test]
fn the_rules_must_list_every_module_once_and_no_other() {
    let layers: &[&[&str]] = &[&["low", "gone"], &["middle", "high"], &["low"]];
    let rules = Rules { layers, independent: &["high", "high::gone"], ..Rules::default() };
    let file = "xtask/src/layers/rules.rs";
    assert_eq!(
        violations(&[], rules),
        [
            format!("{file}: beside is in no layer: add it to `layers`, above the modules that it imports"),
            format!("{file}: src/ has no module gone: remove it from `layers`, or correct its name"),
            format!("{file}: low is in `layers` twice: remove one"),
            format!("{file}: src/ has no module high::gone: remove it from `independent`, or correct its name"),
        ]
    );
}

const FOLDER: Rules<'_> = Rules { layers: &[&["folder"]], independent: &[], cycles: &[] };

/// A folder whose `one` imports `two` in its second line.
fn folder<'t>(two: &'t str, three: &'t str) -> [(&'t str, &'t str); 5] {
    [
        ("lib.rs", "mod folder;"),
        ("folder/mod.rs", "mod one;\nmod two;\nmod three;\npub use one::One;\npub(crate) use three::Three;"),
        ("folder/one.rs", "\nuse super::two::Two;"),
        ("folder/two/mod.rs", two),
        ("folder/three.rs", three),
    ]
}

#[test]
fn a_cycle_in_a_folder_is_reported_at_each_of_its_imports() {
    let found = violations(&folder("use super::Three;", "use crate::folder::{Two, One};"), FOLDER);
    let cycle = "is a cycle";
    assert_eq!(
        found,
        [
            format!(
                "src/folder/one.rs:2: folder::one imports folder::two (super::two::Two): \
                 folder::one → folder::two → folder::three → folder::one {cycle}"
            ),
            format!(
                "src/folder/three.rs:1: folder::three imports folder::one (crate::folder::One): \
                 folder::three → folder::one → folder::two → folder::three {cycle}"
            ),
            format!(
                "src/folder/two/mod.rs:1: folder::two imports folder::three (super::Three): \
                 folder::two → folder::three → folder::one → folder::two {cycle}"
            ),
        ]
    );
}

#[test]
fn a_folder_without_a_cycle_may_reexport_what_is_in_it() {
    assert_eq!(violations(&folder("use super::Three;", "use std::fmt;"), FOLDER), [""; 0]);
}

#[test]
fn a_file_deep_in_a_subfolder_closes_a_cycle_of_its_folder() {
    let mut files = folder("mod deep;", "").to_vec();
    files.push(("folder/two/deep.rs", "use super::super::One;"));
    let found = violations(&files, FOLDER);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("src/folder/two/deep.rs:1: folder::two imports folder::one (super::super::One)"));
}

#[test]
fn a_folder_and_a_file_in_it_that_use_each_other_are_a_cycle() {
    let mut files = folder("", "use super::shared;");
    files[1].1 = "mod one;\nmod two;\nmod three;\npub(crate) fn shared() { three::g() }";
    let found = violations(&files, FOLDER);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("src/folder/mod.rs:4: folder imports folder::three (three::g)"), "{found:?}");
}

#[test]
fn modules_in_one_file_may_import_each_other() {
    let files =
        [("lib.rs", "mod folder;"), ("folder.rs", "mod a { use super::b::B; } mod b { use super::a::A; } use a::A;")];
    assert_eq!(violations(&files, FOLDER), [""; 0]);
}

#[test]
fn a_listed_cycle_is_allowed_until_it_is_cut() {
    let listed = Rules { cycles: &[&["folder::one", "folder::two", "folder::three"]], ..FOLDER };
    let cycle = folder("use super::three::Three;", "use super::one::One;");
    assert_eq!(violations(&cycle, listed), [""; 0]);

    let shorter = folder("use super::one::One;", "use super::one::One;");
    assert_eq!(
        violations(&shorter, listed),
        ["xtask/src/layers/rules.rs: folder::three is in no such cycle: remove it from `cycles`"]
    );
}

#[test]
fn a_listed_cycle_must_not_grow() {
    let listed = Rules { cycles: &[&["folder::one", "folder::two"]], ..FOLDER };
    let found = violations(&folder("use super::{one::One, three::Three};", "use super::two::Two;"), listed);
    let places: Vec<_> = found.iter().filter_map(|line| line.split_once(": ")).map(|(place, _)| place).collect();
    assert_eq!(places, ["src/folder/three.rs:1", "src/folder/two/mod.rs:1"], "{found:?}");
}

#[test]
fn members_of_an_independent_folder_must_not_import_each_other() {
    let rules = Rules { independent: &["folder"], ..FOLDER };
    assert_eq!(
        violations(&folder("", "use super::shared;"), rules),
        ["src/folder/one.rs:2: folder::one imports folder::two (super::two::Two): \
             the modules in folder must not import each other"]
    );
}

#[test]
fn a_file_that_is_missing_or_no_rust_is_named() {
    for (files, message) in [
        ([("lib.rs", "mod a;"), ("b.rs", "")], "src/lib.rs: there is no file for the module a"),
        ([("lib.rs", "mod a;"), ("a.rs", "struct;")], "src/a.rs: expected identifier"),
    ] {
        assert_eq!(library(&files).expect_err("it can't be read").to_string(), message);
    }
}
