//! The Vault CSI mount.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::*;
use crate::{
    error::ErrorKind,
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::Provider,
    secret::SecretValue,
};

/// A mount as the driver lays it out.
struct Mount {
    outside: TempDir,
}

impl Mount {
    fn new(files: &[(&str, &str)]) -> Self {
        let mount = Self { outside: tempfile::tempdir().expect("a folder") };
        fs::create_dir(mount.path()).expect("made");
        mount.swap("1", files);
        mount
    }

    fn path(&self) -> PathBuf {
        self.outside.path().join("mount")
    }

    /// Puts a new state in the place of the old one.
    fn swap(&self, state: &str, files: &[(&str, &str)]) {
        let folder = self.path().join(format!("..{state}"));
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }
        symlink(format!("..{state}"), self.path().join("..data_tmp")).expect("a link");
        fs::rename(self.path().join("..data_tmp"), self.path().join("..data")).expect("swapped");
    }

    async fn open(&self) -> FileProvider {
        FileProvider::builder(self.path()).with_poll_interval(NEVER).open().await.expect("opened")
    }
}

fn value(provider: &FileProvider, name: &str) -> String {
    let secret = provider.read(name).expect("there").simple().expect("simple");
    secret.expose_str().expect("text").to_owned()
}

const V1: &str = r#"{"request_id": "r", "data": {"type": "simple", "value": "one"}, "lease_id": ""}"#;
const V2: &str = r#"{"data": {"data": {"type": "simple", "value": "two"},
                     "metadata": {"version": 3, "created_time": "2020-01-01T00:00:00Z"}}}"#;

#[tokio::test]
async fn every_file_is_a_secret_by_its_relative_path() {
    let mount = Mount::new(&[("plain", V1), ("app/kv2", V2), ("app/deep/er", V1)]);
    let provider = mount.open().await;
    assert_eq!(provider.names().expect("names"), ["app/deep/er", "app/kv2", "plain"]);
    assert_eq!(
        provider.read("plain").expect("there").expose_bytes().expect("bytes"),
        br#"{"type":"simple","value":"one"}"#
    );
    assert_eq!((value(&provider, "app/deep/er"), value(&provider, "app/kv2")), ("one".into(), "two".into()));
    assert!(provider.path_exists("app").await.expect("an answer"));
    let listing = provider.get_by_path("app", &ListOptions::default()).await.expect("listed");
    assert_eq!(listing.names().collect::<Vec<_>>(), ["app/deep/er", "app/kv2"]);
}

#[tokio::test]
async fn a_bad_file_is_a_corrupt_secret_and_the_others_work() {
    let bad = [
        ("not-json", "{"),
        ("no-data", r#"{"errors":[]}"#),
        ("data-is-text", r#"{"data":"x"}"#),
        ("no-object", "[1]"),
        ("empty", ""),
    ];
    let mount = Mount::new(&[&bad[..], &[("good", V1)]].concat());
    fs::write(mount.path().join("..data/not-text"), [0xff]).expect("written");
    let provider = mount.open().await;
    assert_eq!(value(&provider, "good"), "one");
    for name in bad.map(|(name, _)| name).into_iter().chain(["not-text"]) {
        let error = provider.read(name).expect_err("corrupt");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
        assert!(error.message().contains(name), "{error}");
    }
    let strict = provider.get_by_path("", &ListOptions::default()).await;
    assert_eq!(strict.expect_err("corrupt").kind(), ErrorKind::Corrupt);
    let listing = provider.get_by_path("", &ListOptions::default().with_fail_on_error(false)).await.expect("listed");
    assert_eq!((listing.len(), listing.failures().len()), (1, 6));
    assert!(provider.status().last_error.is_none());
}

#[tokio::test]
async fn nothing_outside_of_the_mount_is_read() {
    let mount = Mount::new(&[("good", V1)]);
    let outside = mount.outside.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("secret"), V1).expect("written");
    symlink(outside.join("secret"), mount.path().join("..data/link")).expect("a link");
    symlink("../../outside", mount.path().join("..data/folder")).expect("a link");
    symlink("good", mount.path().join("..data/inside")).expect("a link");
    let provider = mount.open().await;
    for name in ["link", "folder"] {
        assert_eq!(provider.read(name).expect_err("refused").kind(), ErrorKind::Corrupt, "{name}");
    }
    let absolute = outside.join("secret").display().to_string();
    for name in ["../../outside/secret", "../..data/good", "folder/secret", "./good", "good/", &absolute] {
        assert_eq!(provider.read(name).expect_err("no such name").kind(), ErrorKind::NotFound, "{name}");
    }
    assert_eq!(value(&provider, "inside"), "one");

    // A whole state that lies elsewhere.
    symlink(&outside, mount.path().join("..data_tmp")).expect("a link");
    fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).expect("swapped");
    eventually("the refusal", || provider.status().last_error.is_some());
    assert_eq!(value(&provider, "good"), "one");
    assert_eq!(provider.read("secret").expect_err("no such name").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_swapped_state_is_read_whole() {
    let mount = Mount::new(&[("a", V1), ("gone", V1)]);
    let provider = mount.open().await;
    mount.swap("2", &[("a", V2), ("new/b", V2)]);
    eventually("the new state", || value(&provider, "a") == "two");
    assert_eq!(provider.names().expect("names"), ["a", "new/b"]);
    // Back again, to what has an older time.
    mount.swap("1", &[]);
    eventually("the old state", || value(&provider, "a") == "one");
    fs::remove_file(mount.path().join("..data")).expect("removed");
    eventually("the error", || provider.status().last_error.is_some());
    assert_eq!(value(&provider, "gone"), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_one_state_while_the_driver_swaps_and_removes() {
    let state = |number: u32| {
        let answer = format!(r#"{{"data":{{"value":"{number}","again":"{number}"}}}}"#);
        move |mount: &Mount| mount.swap(&number.to_string(), &[("a", answer.as_str()), ("b/c", &answer)])
    };
    let mount = Mount::new(&[]);
    state(2)(&mount);
    let provider = mount.open().await;
    thread::scope(|scope| {
        let driver = scope.spawn(|| {
            for number in 3..100 {
                state(number)(&mount);
                fs::remove_dir_all(mount.path().join(format!("..{}", number - 1))).expect("removed");
            }
            eventually("the last state", || numbered(&provider.read("a").expect("there")) == 99);
        });
        while !driver.is_finished() {
            let snapshot = provider.snapshot().expect("served");
            let [one, other] = ["a", "b/c"].map(|name| numbered(&snapshot.get(name).expect("served")));
            assert_eq!(one, other);
        }
    });
}

#[tokio::test]
async fn a_folder_that_is_no_mount_is_a_setting_gone_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("secrets.json"), "{}").expect("written");
    for make in [None, Some("..data")] {
        if let Some(name) = make {
            fs::write(folder.path().join(name), "no folder").expect("written");
        }
        let error = FileProvider::builder(folder.path()).open().await.expect_err("no mount");
        assert_eq!(error.kind(), ErrorKind::Config);
        let data = folder.path().join("..data");
        assert_eq!(error.message(), format!("expected {} to be a folder", data.display()));
        assert!(error.hint().is_some_and(|hint| hint.contains("the root of the Vault CSI mount")));
    }
}

#[tokio::test]
async fn a_mount_is_read_only_and_knows_no_vault() {
    let mount = Mount::new(&[("a", V1)]);
    let provider = mount.open().await;
    assert!(!provider.capabilities().update);
    let updated = provider.update("a", &SecretValue::from("{}"), &UpdateOptions::default()).await;
    assert_eq!(updated.expect_err("read only").kind(), ErrorKind::Unsupported);
    assert_eq!(provider.vault_url().expect_err("none").kind(), ErrorKind::Unsupported);
    assert_eq!(provider.vault_token().expect_err("none").kind(), ErrorKind::Unsupported);
    let version = GetOptions::default().with_decrypt(false);
    assert_eq!(provider.get("a", &version).await.expect_err("unknown").kind(), ErrorKind::Unsupported);
}
