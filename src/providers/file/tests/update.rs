//! Writing, alone and beside others.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;
use crate::{
    error::{Error, ErrorKind, Result},
    options::UpdateOptions,
    provider::{Provider, Updated},
    secret::SecretValue,
};

const FILE: &str = r#"{"secrets":{"b":{"type":"simple","value":"old","n":1.10},"a":{},"c":[1]},
    "vault":{"url":"http://vault/","token":"s.tok"},"vault_token":"s.tok","other":[1e5,{}]}"#;

async fn set(provider: &FileProvider, name: &str, steps: &[&str], value: &str) -> Result<Updated> {
    let options = UpdateOptions::default().with_keypath(steps);
    provider.update(name, &SecretValue::from(value), &options).await
}

/// Indentation takes two bytes for each level of each line.
#[tokio::test]
async fn a_file_that_no_reader_would_take_is_not_written() {
    for depth in [7_400, 20_000] {
        let place = Place::empty();
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = format!(r#"{{"secrets":{{"a":{{"value":"old"}},"deep":{{"x":{deep}}}}},"vault":{{}}}}"#);
        place.replace(&text);
        let provider = place.watched().await;
        let error = set(&provider, "a", &["value"], "new").await.expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains("larger than 100 MiB"), "{error}");
        assert_eq!(place.text(), text, "the file is as it was");
    }
}

#[tokio::test]
async fn one_key_is_changed_and_the_file_is_as_the_fetcher_writes_it() {
    let place = Place::empty();
    place.replace(FILE);
    let provider = place.watched().await;
    let updated = set(&provider, "b", &["value"], "né\"w").await.expect("written");
    assert_eq!(updated.name.as_deref(), Some("b"));
    assert_eq!(provider.read("b").expect("there").simple().expect("simple").expose_str().expect("text"), "né\"w");
    let expected = r#"{
  "other": [
    1e5,
    {}
  ],
  "secrets": {
    "a": {},
    "b": {
      "n": 1.10,
      "type": "simple",
      "value": "n\u00e9\"w"
    },
    "c": [
      1
    ]
  },
  "vault": {
    "token": "s.tok",
    "url": "http://vault/"
  },
  "vault_token": "s.tok"
}"#;
    assert_eq!(place.text(), expected);
    assert!(place.strangers().is_empty());
}

#[tokio::test]
async fn a_whole_entry_must_be_an_object() {
    let place = Place::empty();
    place.replace(FILE);
    let provider = place.unwatched().await;
    set(&provider, "c", &[], r#"{"z": 1, "a": [ ]}"#).await.expect("written");
    assert_eq!(provider.read("c").expect("there").expose_bytes().expect("bytes"), br#"{"a":[],"z":1}"#);
    let before = place.text();
    for value in
        ["plain", "[1]", "7", "\"text\"", ""].map(SecretValue::from).into_iter().chain([SecretValue::binary([1])])
    {
        let error = provider.update("c", &value, &UpdateOptions::default()).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.hint().is_some_and(|hint| hint.contains("--key value")));
    }
    assert_eq!(place.text(), before);
}

#[tokio::test]
async fn a_failed_update_changes_nothing() {
    let place = Place::empty();
    place.replace(FILE);
    let provider = place.unwatched().await;
    let keypath_of = |name, steps: &'static [&'static str]| set(&provider, name, steps, "x");
    assert_eq!(keypath_of("nowhere", &["value"]).await.expect_err("missing").kind(), ErrorKind::NotFound);
    assert_eq!(keypath_of("b", &["x", "y"]).await.expect_err("missing").kind(), ErrorKind::KeyNotFound);
    assert_eq!(keypath_of("c", &["name"]).await.expect_err("missing").kind(), ErrorKind::KeyNotFound);
    let conditional = UpdateOptions::default().with_if_version("1");
    let refused = provider.update("b", &SecretValue::from("{}"), &conditional).await;
    assert_eq!(refused.expect_err("no versions").kind(), ErrorKind::Unsupported);
    assert_eq!(place.text(), FILE);

    place.replace("{\"secrets\": ");
    assert_eq!(keypath_of("b", &["value"]).await.expect_err("corrupt").kind(), ErrorKind::Corrupt);
    fs::remove_file(place.path()).expect("deleted");
    assert_eq!(keypath_of("b", &["value"]).await.expect_err("missing").kind(), ErrorKind::Unavailable);
    assert!(provider.read("b").is_ok() && place.strangers().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn an_update_keeps_mode_and_owner() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let place = Place::with(1);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o640)).expect("changed");
    if chown(place.path(), Some(12345), Some(23456)).is_err() {
        eprintln!("only the mode is tested: giving files away takes the superuser");
    }
    let before = fs::metadata(place.path()).expect("there");
    set(&place.unwatched().await, "app/1", &["value"], "2").await.expect("written");
    let after = fs::metadata(place.path()).expect("there");
    assert_ne!(before.ino(), after.ino());
    assert_eq!((before.mode(), before.uid(), before.gid()), (after.mode(), after.uid(), after.gid()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_can_not_be_written_is_denied() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::with(1);
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o555)).expect("changed");
    if File::create(place.folder.path().join("probe")).is_ok() {
        eprintln!("skipped: the superuser may write everywhere");
        return;
    }
    let error = set(&place.unwatched().await, "app/1", &["value"], "2").await.expect_err("denied");
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert_eq!(place.text(), entries(1));
}

#[cfg(unix)]
#[tokio::test]
async fn an_update_through_a_link_changes_its_target() {
    let place = Place::empty();
    fs::create_dir(place.folder.path().join("real")).expect("made");
    fs::write(place.folder.path().join("real/file.json"), entries(1)).expect("written");
    std::os::unix::fs::symlink("real/file.json", place.path()).expect("a link");
    let provider = place.watched().await;
    set(&provider, "app/1", &["value"], "2").await.expect("written");
    assert!(fs::symlink_metadata(place.path()).expect("there").is_symlink());
    assert!(place.text().contains("\"value\": \"2\""));
    assert_eq!(fs::read_dir(place.folder.path().join("real")).expect("there").count(), 1);
}

/// Puts things into a folder as a stranger would. Only root can give a file away; for any other user a
/// link of its own is refused in such a folder too.
#[cfg(unix)]
async fn update_in_a_shared_folder(link: &str, to: &str, path: &str) -> Error {
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};

    let place = Place::empty();
    let (shared, own) = (place.folder.path().join("tmp"), place.folder.path().join("own"));
    for folder in [&shared, &own] {
        fs::create_dir(folder).expect("made");
    }
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("changed");
    fs::write(own.join("secrets.json"), entries(1)).expect("written");
    symlink(to, shared.join(link)).expect("a link");
    if rustix::process::geteuid().is_root() {
        lchown(shared.join(link), Some(65534), None).expect("given");
    }
    let provider = FileProvider::builder(shared.join(path)).with_watch(false).open().await.expect("opened");
    let error = set(&provider, "app/1", &["value"], "2").await.expect_err("refused");
    assert_eq!(fs::read_to_string(own.join("secrets.json")).expect("read"), entries(1));
    error
}

#[cfg(unix)]
#[tokio::test]
async fn an_update_does_not_follow_a_link_that_another_user_may_have_placed() {
    for (link, to, path) in [("link.json", "../own/secrets.json", "link.json"), ("way", "../own", "way/secrets.json")] {
        let error = update_in_a_shared_folder(link, to, path).await;
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
        assert!(error.to_string().contains("the link "), "{error}");
        assert!(error.hint().is_some());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_update_does_not_write_into_a_file_of_another_user_in_a_shared_folder() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};

    let place = Place::with(1);
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o1777)).expect("changed");
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file away, and only root could write one of another user's.
        set(&place.unwatched().await, "app/1", &["value"], "2").await.expect("our own file");
        return;
    }
    lchown(place.path(), Some(65534), None).expect("given");
    let error = set(&place.unwatched().await, "app/1", &["value"], "2").await.expect_err("refused");
    assert_eq!((error.kind(), place.text()), (ErrorKind::AccessDenied, entries(1)), "{error}");
    // In a folder of nobody else's, root put it there, for a fetcher of that user.
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).expect("changed");
    set(&place.unwatched().await, "app/1", &["value"], "2").await.expect("written");
    assert_eq!(fs::metadata(place.path()).expect("there").uid(), 65534);
}

#[tokio::test]
async fn an_update_removes_leftovers_and_nothing_else() {
    let place = Place::with(1);
    let left = [".secrets.json.s1crets-abc.tmp", ".secrets.json.s1crets-.tmp"];
    let others = [".other.json.s1crets-abc.tmp", ".secrets.json.s1crets-abc", "secrets.json.s1crets-abc.tmp"];
    for name in left.into_iter().chain(others) {
        fs::write(place.folder.path().join(name), "half a file").expect("written");
    }
    set(&place.unwatched().await, "app/1", &["value"], "2").await.expect("written");
    let mut strangers = place.strangers();
    strangers.sort();
    assert_eq!(strangers, others);
}

#[tokio::test]
async fn a_timeout_names_the_process_that_holds_the_lock() {
    let place = Place::with(1);
    let held = File::open(place.path()).expect("there");
    held.lock().expect("locked");
    let mut options = UpdateOptions::default().with_keypath(["value"]);
    options.retry_policy = options.retry_policy.with_timeout(Duration::from_millis(50));
    let provider = place.unwatched().await;
    let error = provider.update("app/1", &SecretValue::from("2"), &options).await.expect_err("locked");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    if cfg!(target_os = "linux") {
        assert!(error.message().contains(&format!("process {}", std::process::id())), "{error}");
    }
    drop(held);
    provider.update("app/1", &SecretValue::from("2"), &options).await.expect("written");
}

/// Whoever waited for the lock of a file that was replaced must not write over the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_a_replaced_file_does_not_count() {
    let place = Place::with(1);
    let held = File::open(place.path()).expect("there");
    held.lock().expect("locked");
    let provider = place.unwatched().await;
    let waiting = tokio::spawn(async move { set(&provider, "app/1", &["value"], "waited").await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    place.replace(&entries(2));
    waiting.await.expect("no panic").expect("written, without waiting for the old lock");
    assert!(place.text().contains("\"again\": \"2\"") && place.text().contains("\"waited\""));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_and_two_threads_lose_no_update() {
    const ROUNDS: u32 = 200;
    let place = Place::with(0);
    let started = Instant::now();
    let mut child = updating_process(&place.path(), "app/3", ROUNDS);
    let threads: Vec<_> = ["app/1", "app/2"]
        .map(|name| {
            let path = place.path();
            thread::spawn(move || update_often(&path, name, ROUNDS))
        })
        .into_iter()
        .collect();
    for thread in threads {
        thread.join().expect("nothing was lost");
    }
    assert!(child.wait().expect("ended").success(), "nothing was lost in the other process");
    let provider = place.unwatched().await;
    for name in ["app/1", "app/2", "app/3"] {
        let value = provider.read(name).expect("there").simple().expect("simple");
        assert_eq!(value.expose_str().expect("text"), ROUNDS.to_string(), "{name}");
    }
    assert!(place.strangers().is_empty());
    eprintln!("{} updates in {:?}", 3 * ROUNDS, started.elapsed());
}

/// Counts up in one entry, and looks after each update whether all others are still there.
fn update_often(path: &Path, name: &str, rounds: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let provider = FileProvider::builder(path).with_watch(false).open().await.expect("opened");
        let mut options = UpdateOptions::default().with_keypath(["value"]);
        options.retry_policy = options.retry_policy.with_timeout(Duration::from_secs(60));
        for round in 1..=rounds {
            let before = provider.read(name).expect("there").simple().expect("simple");
            assert_eq!(before.expose_str().expect("text"), (round - 1).to_string(), "lost");
            provider.update(name, &SecretValue::from(round.to_string()), &options).await.expect("written");
        }
    });
}

/// This test's own executable, as another process that updates.
pub(super) fn updating_process(path: &Path, name: &str, rounds: u32) -> Child {
    let test = concat!(module_path!(), "::as_another_process").split_once("::").expect("the crate's name first").1;
    let mut command = Command::new(std::env::current_exe().expect("a test"));
    command.args(["--exact", test, "--nocapture"]).stdout(Stdio::null());
    command.env("S1CRETS_TEST_UPDATE", format!("{rounds} {name} {}", path.display())).spawn().expect("started")
}

/// No test but the body of [`updating_process`].
#[test]
fn as_another_process() {
    let Ok(task) = std::env::var("S1CRETS_TEST_UPDATE") else { return };
    let mut words = task.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    let (rounds, name, path) = (word().parse().expect("a number"), word(), word());
    update_often(Path::new(path), name, rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_without_the_lock_is_not_overwritten() {
    let place = Arc::new(Place::with(0));
    let provider = place.watched().await;
    let stop = Arc::new(AtomicBool::new(false));
    let foreign = thread::spawn({
        let (place, stop) = (place.clone(), stop.clone());
        move || write_without_lock(&place, &stop)
    });
    let (mut written, mut conflicts) = (0, 0);
    for _ in 0..100 {
        match set(&provider, "app/0", &["value"], "mine").await {
            Ok(_) => written += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                conflicts += 1;
            }
        }
        serde_json::from_str::<serde_json::Value>(&place.text()).expect("whole");
    }
    stop.store(true, Ordering::Relaxed);
    let (count, lost) = foreign.join().expect("no panic");
    set(&provider, "app/0", &["value"], "at last").await.expect("written");
    assert!(place.text().contains("at last") && place.strangers().is_empty());
    eprintln!("{written} updates, {conflicts} conflicts beside {count} foreign writes, of which {lost} were lost");
    // Without the check before the rename it is about every third.
    assert!(lost * 10 <= count, "only the instant between check and rename can lose one");
}

/// Replaces the file again and again. How often, and how often that was undone by somebody else.
fn write_without_lock(place: &Place, stop: &AtomicBool) -> (u32, u32) {
    let (mut count, mut lost) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        count += 1;
        place.replace(&entries(count));
        thread::sleep(Duration::from_millis(3));
        let document: serde_json::Value = serde_json::from_str(&place.text()).expect("whole");
        lost += u32::from(document["secrets"]["app/1"]["value"].as_str() != Some(&count.to_string()));
    }
    (count, lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_future_is_dropped_leaves_a_whole_file() {
    let place = Place::with(0);
    let provider = place.watched().await;
    for round in 0..50u64 {
        let update = set(&provider, "app/0", &["value"], "x");
        let _ = tokio::time::timeout(Duration::from_micros(round * 40), update).await;
        serde_json::from_str::<serde_json::Value>(&place.text()).expect("whole");
    }
    // Those that nobody waits for any more run to their end.
    eventually("the last end", || place.strangers().is_empty());
    assert!(place.text().contains("\"x\""));
}
