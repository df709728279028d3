//! What the reads answer.

use std::{error::Error as _, io};

use futures::FutureExt;

use super::*;
use crate::{
    error::ErrorKind,
    options::{GetOptions, ListOptions},
    provider::Provider,
};

const FILE: &str = r#"{
  "secrets": {
    "secret/one": { "type": "simple",
                    "value": "h\u00e9llo", "n" : 1.10 },
    "secret/two": {"type": "credential", "username": "u", "password": "p"},
    "secret/deep/three": {},
    "secretive": [1, 2],
    "../up": "text"
  },
  "vault": { "token": "s.tok", "url": "http://127.0.0.1:18200/" },
  "vault_token": "s.old"
}"#;

async fn provider(text: &str) -> FileProvider {
    let place = Place::empty();
    place.replace(text);
    place.unwatched().await
}

#[tokio::test]
async fn an_entry_keeps_its_text_without_whitespace() {
    let provider = provider(FILE).await;
    let secret = provider.get("secret/one", &GetOptions::default()).await.expect("there");
    assert_eq!(secret.expose_str().expect("text"), r#"{"type":"simple","value":"h\u00e9llo","n":1.10}"#);
    assert_eq!(secret.name(), Some("secret/one"));
    assert_eq!(secret.simple().expect("simple").expose_str().expect("text"), "héllo");
    assert_eq!(
        provider
            .read("secret/two")
            .expect("there")
            .credential()
            .expect("credential")
            .password
            .expose_bytes()
            .expect("bytes"),
        b"p"
    );
}

#[tokio::test]
async fn an_entry_of_another_shape_is_readable_and_corrupt_in_typed_reads() {
    let provider = provider(FILE).await;
    for (name, text) in [("secretive", "[1,2]"), ("../up", r#""text""#)] {
        let secret = provider.read(name).expect("there");
        assert_eq!(secret.expose_str().expect("text"), text);
        assert_eq!(secret.simple().expect_err("no object").kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn a_missing_secret_is_not_found_with_the_message_of_baseplate() {
    for text in [FILE, "{}", r#"{"secrets":{}}"#] {
        let error = provider(text).await.read("secret").expect_err("not there");
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "secret not found: 'secret'"));
    }
}

#[tokio::test]
async fn many_names_have_one_result_each_in_order() {
    let names = ["secret/two", "nowhere", "secret/two", "../up"].map(str::to_owned);
    let answers = provider(FILE).await.get_many(&names, &GetOptions::default()).await;
    let found: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok().and_then(Secret::name)).collect();
    assert_eq!(found, [Some("secret/two"), None, Some("secret/two"), Some("../up")]);
}

#[tokio::test]
async fn listing_levels_end_at_slashes() {
    let provider = provider(FILE).await;
    let all = ListOptions::default();
    let first_level = ListOptions::default().with_recursive(false);
    for (path, options, expected) in [
        ("secret", &all, &["secret/deep/three", "secret/one", "secret/two"][..]),
        ("secret/", &first_level, &["secret/one", "secret/two"]),
        ("secret/one", &all, &[]),
        ("", &all, &["../up", "secret/deep/three", "secret/one", "secret/two", "secretive"]),
        ("/", &first_level, &["secretive"]),
    ] {
        let listing = provider.get_by_path(path, options).await.expect("listed");
        assert_eq!(listing.names().collect::<Vec<_>>(), expected, "{path:?}");
    }
    for (path, exists) in
        [("secret", true), ("secret/deep", true), ("secret/one", true), ("secre", false), ("", true), ("x", false)]
    {
        assert_eq!(provider.path_exists(path).await.expect("an answer"), exists, "{path:?}");
    }
    assert_eq!(provider.names().expect("names").len(), 5);
}

#[tokio::test]
async fn vault_url_and_token_are_read_from_the_vault_object_only() {
    let file = provider(FILE).await;
    assert_eq!(file.vault_url().expect("there"), "http://127.0.0.1:18200/");
    assert_eq!(file.vault_token().expect("there").expose_bytes().expect("bytes"), b"s.tok");
    for (text, kind) in [
        (r#"{"secrets":{},"vault_token":"s.old"}"#, ErrorKind::NotFound),
        (r#"{"vault":{}}"#, ErrorKind::NotFound),
        (r#"{"vault":{"url":1,"token":null}}"#, ErrorKind::Corrupt),
        (r#"{"vault":{"url":"\ud800","token":"\udc00"}}"#, ErrorKind::Corrupt),
    ] {
        let file = provider(text).await;
        assert_eq!(file.vault_url().expect_err("no address").kind(), kind, "{text}");
        assert_eq!(file.vault_token().expect_err("no token").kind(), kind, "{text}");
    }
}

#[tokio::test]
async fn a_file_of_another_format_is_corrupt_and_the_error_shows_no_content() {
    for (text, why) in [
        ("", "not JSON (line 1, column 1)"),
        (r#"{"secrets": {"hunter2": "#, "not JSON (line 1, column 25)"),
        (r#"["hunter2"]"#, "it is an array, not an object"),
        (r#"{"secrets": "hunter2"}"#, "'secrets' is a string, not an object"),
        (r#"{"secrets": null}"#, "'secrets' is null, not an object"),
    ] {
        let place = Place::empty();
        place.replace(text);
        let error = place.unwatched().await.read("x").expect_err("corrupt");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.message(), format!("could not load secrets: {}: {why}", place.path().display()));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let place = Place::empty();
    fs::write(place.path(), [b'"', 0xff, b'"']).expect("written");
    assert!(place.unwatched().await.read("x").expect_err("corrupt").message().ends_with("not UTF-8 text"));
}

#[tokio::test]
async fn a_missing_file_is_read_once_it_exists_even_without_a_watcher() {
    let place = Place::empty();
    let provider = place.unwatched().await;
    let error = provider.get("app/1", &GetOptions::default()).await.expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let why = format!("could not load secrets: {}: there is no such file", place.path().display());
    assert_eq!(error.message(), why);
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).expect("the cause");
    assert_eq!(cause.kind(), io::ErrorKind::NotFound);
    assert_eq!(provider.status().last_error.expect("told").message(), why);
    assert!(provider.snapshot().is_err() && provider.names().is_err());

    place.replace(&entries(7));
    assert_eq!(numbered(&provider.get("app/1", &GetOptions::default()).await.expect("there")), 7);
    assert!(provider.status().last_error.is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_permission_is_denied_and_read_once_it_is_permitted() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::with(1);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o000)).expect("changed");
    if File::open(place.path()).is_ok() {
        eprintln!("skipped: the superuser may read everything");
        return;
    }
    let provider = place.watched().await;
    assert_eq!(provider.read("app/1").expect_err("denied").kind(), ErrorKind::AccessDenied);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o600)).expect("changed");
    eventually("a read after chmod", || provider.status().loaded_at.is_some());
}

#[tokio::test]
async fn a_fifo_is_refused_without_blocking() {
    let place = Place::empty();
    let made = std::process::Command::new("mkfifo").arg(place.path()).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mkfifo");
        return;
    }
    let error = place.unwatched().await.read("x").expect_err("refused");
    assert!(error.message().ends_with("not a regular file"), "{error}");
}

#[tokio::test]
async fn open_waits_until_the_file_exists() {
    let place = Place::empty();
    let path = place.path();
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        fs::write(&path, "{\"secrets\": ").expect("written");
        thread::sleep(Duration::from_millis(50));
        fs::write(&path, entries(3)).expect("written");
    });
    let builder = FileProvider::builder(place.path()).with_wait(Duration::from_secs(60)).with_watch(false);
    assert_eq!(number(&builder.open().await.expect("in time")), 3);
    writer.join().expect("written");
}

#[tokio::test]
async fn open_stops_waiting_at_the_deadline() {
    let place = Place::empty();
    for wait in [Duration::ZERO, Duration::from_millis(100)] {
        let started = Instant::now();
        let builder = FileProvider::builder(place.path()).with_wait(wait).with_backoff(Duration::from_millis(30));
        let error = builder.open().await.expect_err("too late");
        assert!(started.elapsed() >= wait);
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let path = place.path();
        let expected = format!("{0}: timed out. last error was: could not load secrets: {0}: ", path.display());
        assert_eq!(error.message(), expected + "there is no such file");
        assert!(error.source().is_some_and(|cause| cause.is::<io::Error>()));
    }
}

#[tokio::test]
async fn an_empty_path_and_a_zero_interval_are_refused() {
    let zero = FileProvider::builder("/nowhere").with_poll_interval(Duration::ZERO).open().await;
    assert_eq!(zero.expect_err("refused").kind(), ErrorKind::Config);
    let empty = FileProvider::builder("").open().await;
    assert_eq!(empty.expect_err("refused").kind(), ErrorKind::Config);
}

#[tokio::test]
async fn debug_output_shows_no_value() {
    let place = Place::empty();
    place.replace(r#"{"secrets":{"a":{"type":"simple","value":"hunter2"}},"vault":{"url":"u","token":"hunter2"}}"#);
    let provider = place.watched().await;
    let watch = provider.watch("a").await.expect("watched");
    let (snapshot, changes) = (provider.snapshot().expect("loaded"), provider.changes());
    let shown = format!("{provider:?}{snapshot:?}{changes:?}{:?}{watch:?}", provider.status());
    assert!(!shown.contains("hunter2"), "{shown}");
    fs::write(place.path(), r#"{"secrets":"hunter2"}"#).expect("written");
    eventually("the corrupt file", || provider.status().last_error.is_some());
    assert!(!format!("{provider:?}").contains("hunter2"));
}

#[test]
fn reads_work_without_a_runtime() {
    let place = Place::with(4);
    let provider = place.watched().now_or_never().expect("nothing to wait for");
    assert_eq!(number(&provider), 4);
    let secret = provider.get("app/1", &GetOptions::default()).now_or_never();
    assert_eq!(numbered(&secret.expect("nothing to wait for").expect("there")), 4);
}

/// A FIFO in place of the file once blocked whoever opened it, with the lock of all reads held.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_fifo_that_replaces_the_file_between_check_and_open_blocks_nobody() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    };

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let place = Place::with(1);
    let (path, over) = (place.path(), Arc::new(AtomicBool::new(false)));
    let (fifo, file) = (place.folder.path().join("fifo"), place.folder.path().join("file"));
    let (swapped, ends) = (path.clone(), over.clone());
    let swaps = thread::spawn(move || {
        while !ends.load(Ordering::Relaxed) {
            mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
            fs::rename(&fifo, &swapped).expect("renamed");
            fs::write(&file, "{}").expect("written");
            fs::rename(&file, &swapped).expect("renamed");
        }
    });
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..2000 {
            let _ = crate::providers::file::read::read(&path);
        }
        sender.send(()).expect("the test waits");
    });
    let in_time = ended.recv_timeout(Duration::from_secs(60));
    over.store(true, Ordering::Relaxed);
    swaps.join().expect("it ends");
    in_time.expect("no read waits for a writer");
}
