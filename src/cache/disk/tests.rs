//! Tests of the disk cache: other processes, other keys, damaged files, a full disk.

mod child; // a test process that plays a role
mod damage; // records, keys and folders that can't be used
mod drops; // what is outdated is not served
mod maintenance; // what is removed by itself, and on demand
mod processes; // many processes, killed ones, and a full disk

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    DiskCache, DiskKey, clock,
    header::DropFilter,
    scoped::ScopedStore,
    store::{Answer, RecordStore, Request},
};
use crate::{
    provider::Listing,
    secret::{Metadata, Secret},
};

const LIFE: Duration = Duration::from_secs(100);

/// A folder for a disk cache, in a temporary one.
struct Place {
    folder: TempDir,
    cache: DiskCache,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::default().with_path(folder.path().join("cache"));
        Self { folder, cache }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Opens the folder as another process would.
    fn open(&self) -> ScopedStore {
        open(&self.cache)
    }

    /// The settings with another key.
    fn with_other_key(&self) -> DiskCache {
        let file = self.folder.path().join("other-key");
        private(&file, &[9; 32]);
        self.cache.clone().with_key(DiskKey::File(file))
    }

    fn files(&self, prefix: &str) -> Vec<PathBuf> {
        let names = fs::read_dir(self.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
        names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))).collect()
    }

    fn record(&self) -> PathBuf {
        let mut records = self.files("r-");
        assert_eq!(records.len(), 1);
        records.remove(0)
    }
}

fn open(cache: &DiskCache) -> ScopedStore {
    ScopedStore::new(Arc::new(RecordStore::open(cache, 1000).expect("a store")), "settings")
}

/// Drops a name, and returns once that is done.
fn drop_name(scoped: &ScopedStore, name: &str) {
    drop_matching(scoped, scoped.store().filter_of(name));
}

fn drop_matching(scoped: &ScopedStore, filter: DropFilter) {
    let warnings_of_this_thread = tracing::dispatcher::get_default(Clone::clone);
    // A thread without a runtime does it itself.
    let act = || scoped.store().drop_matching(filter, None);
    let act = || tracing::dispatcher::with_default(&warnings_of_this_thread, act);
    std::thread::scope(|scope| scope.spawn(act).join().expect("no panic"));
}

fn private(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;

    fs::write(file, bytes).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a private file");
}

fn secret(text: &str) -> Secret {
    Secret::text(text, Metadata::default().with_name("arn:backend").with_version("7"))
}

fn request(scoped: &ScopedStore) -> Request {
    Request { time: clock::now(), generation: scoped.snapshot().expect("a generation"), replaces: None }
}

fn write(scoped: &ScopedStore, key: &str, text: &str) {
    let request = Request { replaces: scoped.fingerprint::<Secret>(key.as_bytes()), ..request(scoped) };
    scoped.write(key.as_bytes(), &Answer { path: key, value: &secret(text), life: LIFE, request });
}

fn read(scoped: &ScopedStore, key: &str) -> Option<String> {
    let restored = scoped.read::<Secret>(key.as_bytes())?;
    Some(restored.value.expose_str().expect("text").to_owned())
}

/// The warnings that `act` logs on this thread.
fn warnings(act: impl FnOnce()) -> Vec<String> {
    use std::{io::Write, sync::Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false);
    tracing::subscriber::with_default(subscriber.with_writer(move || writer.clone()).finish(), act);
    let lines = lines.0.lock().expect("no panic");
    String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect()
}

#[test]
fn records_survive_a_restart() {
    let place = Place::new();
    let created = std::time::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let kept = Secret::binary([0, 0xff], secret("").metadata().clone().with_created(created));
    let listing = Listing::new([("a/b".to_owned(), kept.clone())].into(), Default::default());
    {
        let scoped = place.open();
        let request = request(&scoped);
        scoped.write(b"k", &Answer { path: "k", value: &kept, life: LIFE, request });
        scoped.write(b"k", &Answer { path: "k", value: &listing, life: LIFE, request });
    }
    let scoped = place.open();
    let found = scoped.read::<Secret>(b"k").expect("a secret");
    assert_eq!((&found.value, found.value.is_binary()), (&kept, true));
    assert_eq!(found.value.metadata(), kept.metadata());
    assert!(clock::now() - found.loaded < 60_000);
    let found = scoped.read::<Listing>(b"k").expect("a listing");
    assert!(found.value.iter().eq(listing.iter()));
}

#[test]
fn no_file_reveals_a_name_or_a_value() {
    use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

    let place = Place::new();
    let scoped = place.open();
    let (name, value) = ("very/telling/name", "correct-horse-battery-staple");
    // Twice: the first one must not stay behind either.
    for text in [value, value] {
        write(&scoped, name, text);
    }
    let mut forms = Vec::new();
    for clear in [name, value, "arn:backend"] {
        let reversed: String = clear.chars().rev().collect();
        let hex: String = clear.bytes().map(|byte| format!("{byte:02x}")).collect();
        // All three ways in which base64 may cut it.
        let base64 = (0..3).map(|skip| BASE64.encode(&clear[skip..clear.len() - (clear.len() - skip) % 3]));
        forms.extend(base64.chain([clear.to_owned(), reversed, hex]));
    }
    for file in place.files("") {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = [name.as_bytes(), &fs::read(&file).expect("a file")].concat();
        for form in &forms {
            assert!(!bytes.windows(form.len()).any(|part| part == form.as_bytes()), "{form} in {name}");
        }
    }
    assert_eq!(place.files("r-").len(), 1, "an old record stays");
}

#[test]
fn all_files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    write(&place.open(), "k", "x");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&place.path()), 0o700);
    let files = place.files("");
    assert!(files.len() >= 4, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[test]
fn other_settings_and_kinds_have_other_records() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "x");
    let other = ScopedStore::new(scoped.store().clone(), "other settings");
    assert_eq!((read(&scoped, "k").as_deref(), read(&other, "k")), (Some("x"), None));
    assert!(scoped.read::<Listing>(b"k").is_none());
}
