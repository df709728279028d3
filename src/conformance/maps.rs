//! Cases about maps of named values.

use super::Suite;
use crate::{
    error::{ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    secret::{KeyPath, Secret, SecretValue},
};

const CONFIG: &str = r#"{"n":1.10,"db":{"port":5432}}"#;

/// A map with text, JSON and bytes.
fn map() -> SecretValue {
    let entries = [
        ("tls.crt", SecretValue::text("line one\nline two\n")),
        ("tls", SecretValue::text("plain")),
        ("config.json", SecretValue::text(CONFIG)),
        ("keystore", SecretValue::binary((0..=255).collect::<Vec<u8>>())),
    ];
    SecretValue::map(entries).expect("no map in a map")
}

fn text(secret: Result<Secret>) -> String {
    secret.expect("a key").expose_str().expect("text").to_owned()
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("an error").kind()
}

impl Suite<'_> {
    pub(super) async fn maps_are_exact(&self) {
        if !self.can().maps {
            return;
        }
        let name = self.plant("maps/read/all", map()).await;
        let secret = self.get(&name).await.expect("planted");
        assert!(secret.is_map() && !secret.is_binary());
        assert!(secret.names().eq(["config.json", "keystore", "tls", "tls.crt"]));
        assert_eq!(text(secret.key("tls.crt")), "line one\nline two\n");
        assert_eq!(text(secret.key("tls")), "plain");
        assert_eq!(text(secret.key("config.json")), CONFIG);
        assert_eq!(text(secret.keypath(["config.json", "n"])), "1.10");
        assert_eq!(text(secret.keypath(["config.json", "db", "port"])), "5432");
        assert_eq!(text(secret.at(&KeyPath::from_pointer("/config.json/db/port").expect("a pointer"))), "5432");
        let keystore = secret.key("keystore").expect("bytes");
        assert!(keystore.is_binary() && keystore.expose_bytes().expect("bytes") == (0..=255).collect::<Vec<u8>>());
        assert_eq!((keystore.name(), keystore.version()), (Some(name.as_str()), secret.version()));
        for steps in [&["tl"][..], &["tls.cr"], &["tls", "crt"], &["config", "json"], &["keystore", "0"]] {
            assert_eq!(kind(secret.keypath(steps)), ErrorKind::KeyNotFound, "{steps:?}");
        }
        assert_eq!(kind(secret.expose_bytes()), ErrorKind::InvalidInput, "a map is not one value");
        assert_eq!(kind(secret.json()), ErrorKind::InvalidInput, "JSON has no bytes");

        let listed = self.provider.get_by_path(&self.name("maps/read"), &ListOptions::default()).await;
        assert_eq!(listed.expect("a listing").get(&name), Some(&secret));
        let answers = self.provider.get_many(std::slice::from_ref(&name), &GetOptions::default()).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| *answer == secret)), "{answers:?}");

        let texts = SecretValue::map([("user", "app"), ("password", "\"x\"")]).expect("no map in a map");
        let texts = self.get(&self.plant("maps/texts", texts).await).await.expect("planted");
        assert_eq!(texts.json().expect("an object").raw(), r#"{"password":"\"x\"","user":"app"}"#);
    }

    pub(super) async fn updates_of_a_map_keep_the_rest(&self) {
        if !(self.can().maps && self.can().update) {
            return;
        }
        let name = self.plant("maps/update", map()).await;
        let at = |steps: &[&str]| UpdateOptions::default().with_keypath(steps);
        self.update(&name, "new", at(&["tls.crt"])).await.expect("updated");
        self.update(&name, "n\"ew", at(&["config.json", "db", "port"])).await.expect("updated");
        self.update(&name, "added", at(&["added"])).await.expect("updated");
        self.update(&name, vec![0xff, 0], at(&["tls"])).await.expect("updated");
        let secret = self.get(&name).await.expect("updated");
        assert!(secret.names().eq(["added", "config.json", "keystore", "tls", "tls.crt"]));
        assert_eq!(text(secret.key("tls.crt")), "new");
        assert_eq!(text(secret.key("config.json")), CONFIG.replace("5432", r#""n\"ew""#));
        assert_eq!(text(secret.key("added")), "added");
        assert_eq!(secret.key("tls").expect("bytes").expose_bytes().expect("bytes"), [0xff, 0]);
        assert_eq!(secret.key("keystore").expect("bytes").expose_bytes().expect("bytes").len(), 256);

        for steps in [&["nope", "deeper"][..], &["config.json", "nope", "deeper"], &["tls.crt", "no JSON"]] {
            assert_eq!(kind(self.update(&name, "x", at(steps)).await), ErrorKind::KeyNotFound, "{steps:?}");
        }
        let whole = SecretValue::map([("only", "one")]).expect("no map in a map");
        assert_eq!(kind(self.update(&name, whole.clone(), at(&["tls"])).await), ErrorKind::InvalidInput);
        assert_eq!(self.fresh(&name).await, secret, "refused updates change nothing");
        self.update(&name, whole, UpdateOptions::default()).await.expect("updated");
        assert!(self.get(&name).await.expect("updated").names().eq(["only"]));
    }

    pub(super) async fn maps_are_redacted(&self) {
        const MARK: &str = "s1crets-conformance-map";
        if !self.can().maps {
            return;
        }
        let entries =
            [("text", SecretValue::text(MARK)), ("bytes", SecretValue::binary([MARK.as_bytes(), &[0xff]].concat()))];
        let name = self.plant("maps/redacted", SecretValue::map(entries).expect("no map in a map")).await;
        let secret = self.get(&name).await.expect("planted");
        let mut shown = format!("{secret:?} {:?} {:?}", secret.key("text"), self.provider);
        shown += &format!("{:?} {:?}", secret.expose_str(), secret.json());
        shown += &format!("{:?} {:?}", secret.key("nope"), secret.keypath(["text", "nope"]));
        shown += &format!("{:?}", secret.key("bytes").expect("bytes").expose_str());
        shown += &format!("{:?}", secret.parse::<Vec<u8>>().expect_err("no list"));
        assert!(!shown.contains(MARK), "{shown}");
    }
}
