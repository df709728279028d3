//! Cases about updates.

use super::Suite;
use crate::{
    error::ErrorKind,
    options::{ListOptions, UpdateOptions},
    secret::SecretValue,
};

impl Suite<'_> {
    pub(super) async fn updates_change_one_value(&self) {
        if !self.can().update {
            return;
        }
        let name = self.plant("update/it", r#"{"v":1}"#).await;
        let beside = self.plant("update/it-too", r#"{"v":1}"#).await;
        let below = self.plant("update/it/below", r#"{"v":1}"#).await;
        assert_eq!(self.get(&name).await.expect("planted").key("v").expect("v").expose_bytes().expect("bytes"), b"1");
        self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        assert_eq!(self.get(&name).await.expect("updated").expose_bytes().expect("bytes"), br#"{"v":2}"#);
        for other in [&beside, &below] {
            assert_eq!(self.fresh(other).await.expose_bytes().expect("bytes"), br#"{"v":1}"#, "{other}");
        }
        let listing =
            self.provider.get_by_path(&self.name("update"), &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.get(&name).expect("listed").expose_bytes().expect("bytes"), br#"{"v":2}"#);
        // A listing from before an update is not returned after it.
        self.update(&name, r#"{"v":3}"#, UpdateOptions::default()).await.expect("updated");
        let listing =
            self.provider.get_by_path(&self.name("update"), &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.get(&name).expect("listed").expose_bytes().expect("bytes"), br#"{"v":3}"#);
        if self.can().binary {
            let bytes = self.plant("update/bytes", vec![0xff]).await;
            self.update(&bytes, "text", UpdateOptions::default()).await.expect("updated");
        }
    }

    pub(super) async fn updates_never_create(&self) {
        if !self.can().update {
            return;
        }
        self.plant("create/it/below", r#"{"v":1}"#).await;
        let name = self.name("create/it");
        for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["v"])] {
            let error = self.update(&name, r#"{"v":2}"#, options).await.expect_err("no such secret");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        }
        assert_eq!(self.fresh(&self.name("create/it/below")).await.expose_bytes().expect("bytes"), br#"{"v":1}"#);
    }

    pub(super) async fn updates_of_a_key_keep_the_rest(&self) {
        if !self.can().update {
            return;
        }
        let number = if self.fixture.normalizes_json() { "1.5" } else { "1.10" };
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

    pub(super) async fn updates_of_another_version_conflict(&self) {
        if !self.can().update_if_version {
            return;
        }
        let name = self.plant("condition", r#"{"v":1}"#).await;
        let version = self.get(&name).await.expect("planted").version().expect("a version").to_owned();
        let condition = UpdateOptions::default().with_if_version(version);
        self.update(&name, r#"{"v":2}"#, condition.clone()).await.expect("it still has that version");
        let error = self.update(&name, r#"{"v":3}"#, condition).await.expect_err("it has another version by now");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert_eq!(self.get(&name).await.expect("updated").expose_bytes().expect("bytes"), br#"{"v":2}"#);
    }
}
