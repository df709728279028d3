//! The pages name things that exist: tests, variables, files and headings.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The page says which test proves what. Without this, a renamed test would leave a claim unproved.
#[test]
fn every_test_that_the_security_page_names_is_there() {
    let page = page("docs/security.md");
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 40, "{named:?}");
    let mut sources = String::new();
    for folder in ["src", "fs/src", "cli", "tests", "testbed/src", "xtask/src"] {
        read(&root().join(folder), &mut sources);
    }
    let missing: Vec<_> = named.into_iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let notes = page.split("[test module").skip(1).map(|rest| rest.split(']').next().unwrap());
    let modules: BTreeSet<_> = notes.flat_map(|note| note.split('`').skip(1).step_by(2)).collect();
    assert!(modules.len() >= 4, "{modules:?}");
    let missing: Vec<_> = modules.into_iter().filter(|name| !sources.contains(&format!("\nmod {name};"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_environment_variable_is_documented() {
    let (ours, vaults) = (variables("src/config/variables.rs"), variables("src/vault/env.rs"));
    assert!(ours.len() >= 12 && vaults.len() >= 14, "{ours:?} {vaults:?}");
    let (config, vault) = (page("docs/config.md"), page("docs/providers/vault.md"));
    let missing = |name: &&String| match name.starts_with("S1CRETS_") {
        true => !config.contains(&format!("\n| `{name}` |")),
        false => !vault.contains(&format!("`{name}`")),
    };
    let missing: Vec<_> = ours.iter().chain(&vaults).filter(missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The names in a file's module `env_vars`.
fn variables(file: &str) -> Vec<String> {
    let source = page(file);
    let module = source.split("pub mod env_vars {").nth(1).unwrap().split("\n}").next().unwrap();
    module.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_feature_is_in_the_readme() {
    let manifest = page("Cargo.toml");
    let features = manifest.split("[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = features.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let names: Vec<_> = names.filter(|name| *name != "default" && !name.starts_with("__")).collect();
    assert!(names.len() >= 10, "{names:?}");
    let (readme, library) = (page("README.md"), page("src/lib.rs"));
    let is_missing = |name: &&&str| [&readme, &library].iter().any(|page| !page.contains(&format!("`{name}`")));
    let missing: Vec<_> = names.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_link_of_the_pages_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    for file in pages() {
        let text = without_code(&fs::read_to_string(&file).unwrap());
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", file.display());
            if !heading.is_empty() {
                let anchors = anchors(&fs::read_to_string(&target).unwrap());
                assert!(anchors.contains(heading), "{}: {link}: {anchors:?}", file.display());
            }
            links += 1;
        }
    }
    assert!(links > 80, "{links}");
}

/// The anchors that GitHub gives a page's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}

fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CHANGELOG.md"), root().join("examples/README.md")];
    for folder in ["docs", "docs/providers"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => read(&path, sources),
            Some(extension) if extension == "rs" => *sources += &fs::read_to_string(path).unwrap(),
            _ => {}
        }
    }
}
