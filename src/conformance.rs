//! The contract of [`Provider`], as functions that hold an implementation to it.
//!
//! Unstable: tests may be added and changed in any release. A provider's own test makes a [`Fixture`] and
//! calls [`run`]; the cases are picked by what the provider [can do](Provider::capabilities), so that
//! read-only ones are held to the contract too, on values that the fixture plants.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    capabilities::Capabilities,
    error::{ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::Provider,
    secret::{Secret, SecretValue},
    watch::Watch,
};

/// A provider to be held to the contract, and the means to plant secrets behind its back.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The provider under test.
    fn provider(&self) -> Arc<dyn Provider>;

    /// A path that is this run's own: no other secret lies below it, and none bears its name.
    fn root(&self) -> String;

    /// Makes a secret by another way than the provider's own. Called for fresh names only.
    async fn plant(&self, name: &str, value: &SecretValue);

    /// Whether the backend keeps what a JSON value means rather than its text: keys are sorted, and numbers come back
    /// as the backend writes them. By default it keeps the text.
    fn keeps_meaning_only(&self) -> bool {
        false
    }
}

/// Runs every case that applies.
///
/// # Panics
/// If the provider breaks the contract.
pub async fn run(fixture: &dyn Fixture) {
    let suite = Suite { provider: fixture.provider(), fixture, root: fixture.root() };
    suite.missing_is_not_found().await;
    suite.values_come_back_exact().await;
    suite.binary_comes_back_exact().await;
    suite.odd_names_are_names().await;
    suite.many_have_an_answer_each().await;
    suite.listings_end_at_a_slash().await;
    suite.long_listings_are_whole().await;
    suite.levels_exist().await;
    suite.versions_are_told_apart().await;
    suite.versions_are_told_without_values().await;
    suite.unknown_options_are_refused();
    suite.updates_change_the_value_alone().await;
    suite.updates_never_create().await;
    suite.updates_of_a_key_leave_the_rest().await;
    suite.updates_on_condition_conflict().await;
    suite.changes_are_reported_to_every_watch().await;
    suite.errors_and_debug_hold_no_value().await;
}

struct Suite<'a> {
    provider: Arc<dyn Provider>,
    fixture: &'a dyn Fixture,
    root: String,
}

impl Suite<'_> {
    fn can(&self) -> Capabilities {
        self.provider.capabilities()
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.root)
    }

    async fn plant(&self, rest: &str, value: impl Into<SecretValue>) -> String {
        let name = self.name(rest);
        self.fixture.plant(&name, &value.into()).await;
        name
    }

    async fn get(&self, name: &str) -> Result<Secret> {
        self.provider.get(name, &GetOptions::default()).await
    }

    /// The name read afresh: another's change behind a cache may be seen late.
    async fn fresh(&self, name: &str) -> Secret {
        let options = GetOptions { cached: false, ..GetOptions::default() };
        self.provider.get(name, &options).await.expect("a secret that is there")
    }

    async fn list(&self, path: &str, options: ListOptions) -> Vec<String> {
        let listing = self.provider.get_by_path(path, &options).await.expect("a listing");
        listing.names().map(str::to_owned).collect()
    }

    async fn missing_is_not_found(&self) {
        let planted = self.plant("missing/there", r#"{"a":1}"#).await;
        for name in ["missing/nope", "missing/ther", "missing/there/more", "missing"].map(|rest| self.name(rest)) {
            let error = self.get(&name).await.expect_err("no such secret");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}: {error:?}");
            assert!(!error.is_retryable());
        }
        // What was missing a moment ago is there once it is made.
        let late = self.plant("missing/nope", r#"{"a":2}"#).await;
        assert_eq!(self.fresh(&late).await.key("a").expect("a").expose_bytes(), b"2");
        assert!(self.get(&planted).await.is_ok());
    }

    async fn values_come_back_exact(&self) {
        if self.fixture.keeps_meaning_only() {
            return self.values_come_back_in_meaning().await;
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

    async fn values_come_back_in_meaning(&self) {
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

    async fn binary_comes_back_exact(&self) {
        if !self.can().binary {
            return;
        }
        let bytes: Vec<u8> = (0..=255).collect();
        let name = self.plant("binary", bytes.clone()).await;
        let secret = self.get(&name).await.expect("planted");
        assert!(secret.is_binary());
        assert_eq!(secret.expose_bytes(), bytes);
        assert_eq!(secret.key("a").expect_err("no JSON").kind(), ErrorKind::KeyNotFound);
    }

    async fn odd_names_are_names(&self) {
        for (index, rest) in ["odd/a.b-c_d", "odd/UPPER", "odd/deep/er/still", "odd/1"].iter().enumerate() {
            let name = self.plant(rest, format!("{{\"i\":{index}}}")).await;
            let secret = self.get(&name).await.expect("planted");
            assert_eq!(secret.key("i").expect("i").parse::<usize>().expect("a number"), index);
        }
    }

    async fn many_have_an_answer_each(&self) {
        let mut names = Vec::new();
        for index in 0..23 {
            names.push(self.plant(&format!("many/{index}"), format!("{{\"i\":{index}}}")).await);
        }
        let missing = self.name("many/missing");
        // In the order asked, one of them twice, one of them not there.
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

    async fn listings_end_at_a_slash(&self) {
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
        assert_eq!(secret.key("v").expect("v").expose_bytes(), b"1");
        assert_eq!(listing.failures().len(), 0);
    }

    async fn long_listings_are_whole(&self) {
        let mut expected = Vec::new();
        for index in 0..45 {
            expected.push(self.plant(&format!("long/{index:02}"), r#"{"v":1}"#).await);
        }
        assert_eq!(self.list(&self.name("long"), ListOptions::default()).await, expected);
    }

    async fn levels_exist(&self) {
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

    async fn versions_are_told_apart(&self) {
        let can = self.can();
        if !(can.update && (can.version_numbers || can.version_ids)) {
            return;
        }
        let name = self.plant("versions", r#"{"v":1}"#).await;
        let first = self.get(&name).await.expect("planted");
        let first_version = first.version().expect("a version").to_owned();
        assert!(first.created().is_some());
        let updated = self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        let second = self.get(&name).await.expect("updated");
        assert_eq!(second.version(), updated.version.as_deref());
        assert_ne!(second.version(), Some(first_version.as_str()));
        let version = match can.version_ids {
            true => Version::Id(first_version),
            false => Version::Number(first_version.parse().expect("a number")),
        };
        let again =
            self.provider.get(&name, &GetOptions::default().with_version(version)).await.expect("the first one");
        assert_eq!(again.key("v").expect("v").expose_bytes(), b"1");
        let nowhere = match can.version_ids {
            true => Version::Id("00000000-0000-0000-0000-000000000000".into()),
            false => Version::Number(99),
        };
        let error =
            self.provider.get(&name, &GetOptions::default().with_version(nowhere)).await.expect_err("no version");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    }

    /// The check is the facade's; here it is that the capabilities agree with it.
    fn unknown_options_are_refused(&self) {
        let can = self.can();
        for (version, known) in [
            (Version::Number(1), can.version_numbers),
            (Version::Label("x".into()), can.version_labels),
            (Version::Id("x".into()), can.version_ids),
            (Version::Stage("x".into()), can.version_stages),
        ] {
            let checked = GetOptions::default().with_version(version).check(can);
            assert_eq!(checked.err().map(|error| error.kind()), (!known).then_some(ErrorKind::Unsupported));
        }
        assert_eq!(UpdateOptions::default().check(can).is_ok(), can.update);
        assert!(can.batch >= 1, "a provider reads at least one name a call");
    }

    async fn update(
        &self,
        name: &str,
        value: impl Into<SecretValue>,
        options: UpdateOptions,
    ) -> Result<crate::provider::Updated> {
        self.provider.update(name, &value.into(), &options).await
    }

    async fn updates_change_the_value_alone(&self) {
        if !self.can().update {
            return;
        }
        let name = self.plant("update/it", r#"{"v":1}"#).await;
        let beside = self.plant("update/it-too", r#"{"v":1}"#).await;
        let below = self.plant("update/it/below", r#"{"v":1}"#).await;
        assert_eq!(self.get(&name).await.expect("planted").key("v").expect("v").expose_bytes(), b"1");
        self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        assert_eq!(self.get(&name).await.expect("updated").expose_bytes(), br#"{"v":2}"#);
        for other in [&beside, &below] {
            assert_eq!(self.fresh(other).await.expose_bytes(), br#"{"v":1}"#, "{other}");
        }
        let listing =
            self.provider.get_by_path(&self.name("update"), &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.get(&name).expect("listed").expose_bytes(), br#"{"v":2}"#);
        // A listing that was read before an update is not read again after it.
        self.update(&name, r#"{"v":3}"#, UpdateOptions::default()).await.expect("updated");
        let listing =
            self.provider.get_by_path(&self.name("update"), &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.get(&name).expect("listed").expose_bytes(), br#"{"v":3}"#);
        if self.can().binary {
            let bytes = self.plant("update/bytes", vec![0xff]).await;
            self.update(&bytes, "text", UpdateOptions::default()).await.expect("updated");
        }
    }

    async fn versions_are_told_without_values(&self) {
        let name = self.plant("probe/there", r#"{"v":1}"#).await;
        let options = GetOptions::default();
        let told = async |name: &str| self.provider.version(name, &options).await;
        let read = self.fresh(&name).await;
        assert_eq!(told(&name).await.expect("planted").as_deref(), read.version());
        let error = told(&self.name("probe/nope")).await.expect_err("no such secret");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        if !self.can().update {
            return;
        }
        self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        let (now, updated) = (told(&name).await.expect("updated"), self.fresh(&name).await);
        assert_eq!(now.as_deref(), updated.version());
        assert!(now.is_none() || now.as_deref() != read.version(), "an update makes a version of its own");
    }

    async fn updates_never_create(&self) {
        if !self.can().update {
            return;
        }
        self.plant("create/it/below", r#"{"v":1}"#).await;
        let name = self.name("create/it");
        for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["v"])] {
            let error = self.update(&name, r#"{"v":2}"#, options).await.expect_err("no such secret");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        }
        assert_eq!(self.fresh(&self.name("create/it/below")).await.expose_bytes(), br#"{"v":1}"#);
    }

    async fn updates_of_a_key_leave_the_rest(&self) {
        if !self.can().update {
            return;
        }
        let number = if self.fixture.keeps_meaning_only() { "1.5" } else { "1.10" };
        let planted = format!(r#"{{"n":{number},"o":{{"k":"old","z":[1,2]}},"last":true}}"#);
        let name = self.plant("key", planted).await;
        let at = |steps: &[&str]| UpdateOptions::default().with_keypath(steps);
        self.update(&name, "n\"ew", at(&["o", "k"])).await.expect("updated");
        self.update(&name, SecretValue::json_text("[3]").expect("JSON"), at(&["o", "z", "1"])).await.expect("updated");
        self.update(&name, "added", at(&["more"])).await.expect("updated");
        let secret = self.get(&name).await.expect("updated");
        for (steps, value) in [
            (&["n"][..], number),
            (&["o", "k"], "n\"ew"),
            (&["o", "z", "0"], "1"),
            (&["o", "z", "1", "0"], "3"),
            (&["last"], "true"),
            (&["more"], "added"),
        ] {
            assert_eq!(secret.keypath(steps).expect("a key").expose_str().expect("text"), value, "{steps:?}");
        }
        let error = self.update(&name, "x", at(&["no", "such"])).await.expect_err("no such level");
        assert_eq!(error.kind(), ErrorKind::KeyNotFound, "{error:?}");
    }

    async fn updates_on_condition_conflict(&self) {
        if !self.can().update_if_version {
            return;
        }
        let name = self.plant("condition", r#"{"v":1}"#).await;
        let version = self.get(&name).await.expect("planted").version().expect("a version").to_owned();
        let condition = UpdateOptions::default().with_if_version(version);
        self.update(&name, r#"{"v":2}"#, condition.clone()).await.expect("it still has that version");
        let error = self.update(&name, r#"{"v":3}"#, condition).await.expect_err("it has another version by now");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert_eq!(self.get(&name).await.expect("updated").expose_bytes(), br#"{"v":2}"#);
    }

    /// Two watches of a secret that does not exist yet see it appear and change, by versions that hold
    /// nothing of the value. Whether a new version with the same value is reported is left open.
    async fn changes_are_reported_to_every_watch(&self) {
        const MARK: &str = "s1crets-conformance-watched";
        let name = self.name("watch/it");
        let first = self.provider.watch(&name).await.expect("a secret to come can be watched");
        assert_eq!(first.is_some(), self.can().watch, "as the capabilities say");
        let Some(first) = first else { return };
        let mut watches = [first.clone(), self.provider.watch(&name).await.expect("again").expect("a second watch")];
        assert!(watches.iter().all(|watch| watch.version().is_none()), "there is no such secret yet");

        self.plant("watch/other", r#"{"v":1}"#).await;
        self.plant("watch/it", format!(r#"{{"v":"{MARK}"}}"#)).await;
        let mut versions = Vec::new();
        for watch in &mut watches {
            versions.push(next_version(watch).await.expect("the secret appeared"));
        }
        assert_eq!(versions[0], versions[1]);
        if self.can().update {
            self.update(&name, format!(r#"{{"v":"{MARK}-2"}}"#), UpdateOptions::default()).await.expect("updated");
            for watch in &mut watches {
                versions.push(next_version(watch).await.expect("the secret changed"));
            }
            assert_eq!(versions[2], versions[3]);
            assert_ne!(versions[0], versions[2]);
        }
        let shown = format!("{versions:?} {watches:?}");
        assert!(!shown.contains(MARK), "{shown}");
        let late = self.provider.watch(&name).await.expect("watched").expect("a third watch");
        assert_eq!(late.version().as_ref(), versions.last(), "a watch starts at the current version");
    }

    async fn errors_and_debug_hold_no_value(&self) {
        const MARK: &str = "s1crets-conformance-mark";
        let name = self.plant("redacted", format!("{{\"v\":\"{MARK}\"}}")).await;
        let secret = self.get(&name).await.expect("planted");
        let mut shown = format!("{:?} {:?} {:?}", secret, secret.key("v"), self.provider);
        shown += &format!("{:?}", secret.key("w").expect_err("no such key"));
        shown += &format!("{:?}", secret.parse::<Vec<u8>>().expect_err("no list"));
        assert!(!shown.contains(MARK), "{shown}");
    }
}

/// The version after the next change that is reported.
async fn next_version(watch: &mut Watch) -> Option<String> {
    let changed = tokio::time::timeout(Duration::from_secs(30), watch.changed()).await;
    assert!(changed.expect("a change is reported"), "the provider is still there");
    watch.version()
}
