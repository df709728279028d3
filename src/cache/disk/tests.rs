//! The hazards of a cache on disk: other processes, other keys, broken files, a full disk.

mod broken;
mod child;
mod drops;
mod maintenance;
mod processes;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    DiskCache, DiskKey, clock,
    store::{Answer, Store, Tier},
};
use crate::{
    provider::Listing,
    secret::{Metadata, Secret},
};

const LIFE: Duration = Duration::from_secs(100);

/// A folder, and what opens it.
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

    /// What another process would open.
    fn tier(&self) -> Tier {
        self.tier_by(&self.cache)
    }

    fn tier_by(&self, cache: &DiskCache) -> Tier {
        Tier::new(Arc::new(Store::open(cache, 1000).expect("a store")), "settings")
    }

    /// With a key of its own.
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

fn private(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;

    fs::write(file, bytes).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a private file");
}

fn secret(text: &str) -> Secret {
    Secret::text(text, Metadata::default().with_name("arn:backend").with_version("7"))
}

fn keep(tier: &Tier, key: &str, text: &str) {
    let (asked, mark) = (clock::now(), tier.mark().expect("a mark"));
    tier.keep(key.as_bytes(), &Answer { path: key, value: &secret(text), asked, life: LIFE, mark });
}

fn read(tier: &Tier, key: &str) -> Option<String> {
    let found = tier.read::<Secret>(key.as_bytes())?;
    Some(found.value.expose_str().expect("text").to_owned())
}

/// What was warned of while `act` ran.
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
fn a_restart_loses_nothing() {
    let place = Place::new();
    let created = std::time::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let kept = Secret::binary([0, 0xff], secret("").metadata().clone().with_created(created));
    let listing = Listing::new([("a/b".to_owned(), kept.clone())].into(), Default::default());
    {
        let (tier, asked) = (place.tier(), clock::now());
        let mark = tier.mark().expect("a mark");
        tier.keep(b"k", &Answer { path: "k", value: &kept, asked, life: LIFE, mark });
        tier.keep(b"k", &Answer { path: "k", value: &listing, asked, life: LIFE, mark });
    }
    let tier = place.tier();
    let found = tier.read::<Secret>(b"k").expect("a secret");
    assert_eq!((&found.value, found.value.is_binary()), (&kept, true));
    assert_eq!(found.value.metadata(), kept.metadata());
    assert!(clock::now() - found.loaded < 60_000);
    let found = tier.read::<Listing>(b"k").expect("a listing");
    assert!(found.value.iter().eq(listing.iter()));
}

#[test]
fn nothing_in_the_folder_tells_a_name_or_a_value() {
    use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

    let place = Place::new();
    let tier = place.tier();
    let (name, value) = ("very/telling/name", "correct-horse-battery-staple");
    // Twice: the first one must not stay behind either.
    for text in [value, value] {
        keep(&tier, name, text);
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
fn nobody_else_may_look_at_any_file() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    keep(&place.tier(), "k", "x");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&place.path()), 0o700);
    let files = place.files("");
    assert!(files.len() >= 4, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[test]
fn other_settings_have_other_records() {
    let place = Place::new();
    let tier = place.tier();
    keep(&tier, "k", "x");
    let other = Tier::new(Arc::new(Store::open(&place.cache, 1000).expect("a store")), "other settings");
    assert_eq!((read(&tier, "k").as_deref(), read(&other, "k")), (Some("x"), None));
    assert!(tier.read::<Listing>(b"k").is_none());
}
