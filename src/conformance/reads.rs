//! Cases about reading: values, names, batches, listings and errors.

use super::Suite;
use crate::{
    error::ErrorKind,
    options::{GetOptions, ListOptions},
};

impl Suite<'_> {
    pub(super) async fn missing_secrets_are_not_found(&self) {
        let planted = self.plant("missing/there", r#"{"a":1}"#).await;
        for name in ["missing/nope", "missing/ther", "missing/there/more", "missing"].map(|rest| self.name(rest)) {
            let error = self.get(&name).await.expect_err("no such secret");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}: {error:?}");
            assert!(!error.is_retryable());
        }
        // A secret that was missing is found once it is created.
        let late = self.plant("missing/nope", r#"{"a":2}"#).await;
        assert_eq!(self.fresh(&late).await.key("a").expect("a").expose_bytes().expect("bytes"), b"2");
        assert!(self.get(&planted).await.is_ok());
    }

    pub(super) async fn values_are_exact(&self) {
        if self.fixture.normalizes_json() {
            return self.values_are_equal_json().await;
        }
        let json = r#"{"n":1.10,"big":12345678901234567890123,"s":"h\u00e9llo\n","o":{"x":[1,{"y":null}]}}"#;
        let name = self.plant("exact/json", json).await;
        let secret = self.get(&name).await.expect("planted");
        assert_eq!(secret.expose_str().expect("text"), json);
        assert_eq!(secret.key("n").expect("n").expose_str().expect("text"), "1.10");
        assert_eq!(secret.key("s").expect("s").expose_str().expect("text"), "h\u{e9}llo\n");
        assert_eq!(secret.keypath(["o", "x", "1", "y"]).expect("y").expose_str().expect("text"), "null");
        assert_eq!(secret.name(), Some(name.as_str()));
        if self.can().json_only {
            return;
        }
        for (index, text) in
            ["plain", " ", " padded\n", "a,b,c", "h\u{e9}\u{1f600}", "'\"\\$(x)`", "0123"].iter().enumerate()
        {
            let name = self.plant(&format!("exact/text-{index}"), *text).await;
            assert_eq!(self.get(&name).await.expect("planted").expose_str().expect("text"), *text);
        }
    }

    pub(super) async fn values_are_equal_json(&self) {
        let json = r#"{"n":1.5,"big":1234567890123456,"s":"h\u00e9<llo>\n","o":{"x":[1,{"y":null}]}}"#;
        let name = self.plant("meaning", json).await;
        let secret = self.get(&name).await.expect("planted");
        for (steps, value) in [
            (&["n"][..], "1.5"),
            (&["big"], "1234567890123456"),
            (&["s"], "h\u{e9}<llo>\n"),
            (&["o", "x", "0"], "1"),
            (&["o", "x", "1", "y"], "null"),
        ] {
            assert_eq!(secret.keypath(steps).expect("a key").expose_str().expect("text"), value, "{steps:?}");
        }
        assert_eq!(secret.name(), Some(name.as_str()));
    }

    pub(super) async fn binary_values_are_exact(&self) {
        if !self.can().binary {
            return;
        }
        let bytes: Vec<u8> = (0..=255).collect();
        let name = self.plant("binary", bytes.clone()).await;
        let secret = self.get(&name).await.expect("planted");
        assert!(secret.is_binary());
        assert_eq!(secret.expose_bytes().expect("bytes"), bytes);
        assert_eq!(secret.key("a").expect_err("no JSON").kind(), ErrorKind::KeyNotFound);
    }

    pub(super) async fn unusual_names_work(&self) {
        for (index, rest) in ["odd/a.b-c_d", "odd/UPPER", "odd/deep/er/still", "odd/1"].iter().enumerate() {
            let name = self.plant(rest, format!("{{\"i\":{index}}}")).await;
            let secret = self.get(&name).await.expect("planted");
            assert_eq!(secret.key("i").expect("i").parse::<usize>().expect("a number"), index);
        }
    }

    pub(super) async fn get_many_has_one_result_for_each_name(&self) {
        let mut names = Vec::new();
        for index in 0..23 {
            names.push(self.plant(&format!("many/{index}"), format!("{{\"i\":{index}}}")).await);
        }
        let missing = self.name("many/missing");
        // One name occurs twice, and one does not exist.
        names.reverse();
        names.insert(7, missing.clone());
        names.push(names[0].clone());
        let answers = self.provider.get_many(&names, &GetOptions::default()).await;
        assert_eq!(answers.len(), names.len());
        for (name, answer) in names.iter().zip(answers) {
            match answer {
                Ok(secret) => assert_eq!(secret.name(), Some(name.as_str())),
                Err(error) => {
                    assert_eq!((name, error.kind()), (&missing, ErrorKind::NotFound), "{error:?}");
                }
            }
        }
        assert!(self.provider.get_many(&[], &GetOptions::default()).await.is_empty());
    }

    pub(super) async fn listings_go_by_whole_levels(&self) {
        for rest in ["list/data/a", "list/data/b/c", "list/database", "list/dat"] {
            self.plant(rest, r#"{"v":1}"#).await;
        }
        let below = |rests: &[&str]| rests.iter().map(|rest| self.name(rest)).collect::<Vec<_>>();
        for path in [self.name("list/data"), self.name("list/data/")] {
            assert_eq!(self.list(&path, ListOptions::default()).await, below(&["list/data/a", "list/data/b/c"]));
            let flat = ListOptions::default().with_recursive(false);
            assert_eq!(self.list(&path, flat).await, below(&["list/data/a"]));
        }
        assert!(self.list(&self.name("list/nothing"), ListOptions::default()).await.is_empty());
        let listing =
            self.provider.get_by_path(&self.name("list/data"), &ListOptions::default()).await.expect("a listing");
        let secret = listing.get(&self.name("list/data/a")).expect("listed");
        assert_eq!(secret.key("v").expect("v").expose_bytes().expect("bytes"), b"1");
        assert_eq!(listing.failures().len(), 0);
    }

    pub(super) async fn long_listings_are_complete(&self) {
        let mut expected = Vec::new();
        for index in 0..45 {
            expected.push(self.plant(&format!("long/{index:02}"), r#"{"v":1}"#).await);
        }
        assert_eq!(self.list(&self.name("long"), ListOptions::default()).await, expected);
    }

    pub(super) async fn names_and_levels_exist(&self) {
        self.plant("exists/data/x", r#"{"v":1}"#).await;
        for (rest, exists) in [
            ("exists/data/x", true),
            ("exists/data", true),
            ("exists", true),
            ("exists/dat", false),
            ("exists/data/x/y", false),
            ("exists/data/xy", false),
        ] {
            let found = self.provider.path_exists(&self.name(rest)).await.expect("an answer");
            assert_eq!(found, exists, "{rest}");
        }
    }

    pub(super) async fn errors_and_debug_contain_no_value(&self) {
        const MARK: &str = "s1crets-conformance-mark";
        let name = self.plant("redacted", format!("{{\"v\":\"{MARK}\"}}")).await;
        let secret = self.get(&name).await.expect("planted");
        let mut shown = format!("{:?} {:?} {:?}", secret, secret.key("v"), self.provider);
        shown += &format!("{:?}", secret.key("w").expect_err("no such key"));
        shown += &format!("{:?}", secret.parse::<Vec<u8>>().expect_err("no list"));
        assert!(!shown.contains(MARK), "{shown}");
    }
}
