use std::{collections::BTreeSet, fs, path::Path};

/// The page says which test holds us to what: a test that was renamed would leave it empty talk.
#[test]
fn every_test_that_the_security_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 40, "{named:?}");
    let mut sources = String::new();
    for folder in ["src", "fs/src", "cli", "tests", "testbed/src", "xtask/src"] {
        read(&root.join(folder), &mut sources);
    }
    let missing: Vec<_> = named.into_iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
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
