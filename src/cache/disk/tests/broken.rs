//! What can't be read or written is a miss and one warning.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::{super::clock, Place, keep, private, read, warnings};
use crate::cache::disk::{DiskCache, DiskKey, store::Store};

/// Breaks a record, which is then a miss and one warning, and can be written anew.
#[track_caller]
fn misses_when(broken: impl FnOnce(&std::path::Path), warned: &str) {
    let place = Place::new();
    keep(&place.tier(), "k", "x");
    broken(&place.record());
    let told = warnings(|| {
        let tier = place.tier();
        assert_eq!((read(&tier, "k"), read(&tier, "k")), (None, None));
        if !place.record().is_dir() {
            keep(&tier, "k", "y");
            assert_eq!(read(&tier, "k").as_deref(), Some("y"));
        }
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(warned) && told[0].contains("WARN"), "{told:?}");
}

#[test]
fn a_flipped_byte_is_a_miss_and_a_warning() {
    for at in [0, 4, 12, 13, 40, 53, 60] {
        let flip = |record: &std::path::Path| {
            let mut bytes = fs::read(record).expect("a record");
            // Not the time of its end: that would make it one that is over, which is no trouble.
            bytes[at] ^= if at == 12 { 1 } else { 0x80 };
            fs::write(record, bytes).expect("a record");
        };
        misses_when(flip, "can't be read");
    }
}

#[test]
fn a_cut_file_is_a_miss_and_a_warning() {
    for length in [0, 1, 12, 13, 52, 53, 80] {
        let cut = |record: &std::path::Path| {
            let bytes = fs::read(record).expect("a record");
            fs::write(record, &bytes[..length]).expect("a record");
        };
        misses_when(cut, "can't be read");
    }
}

#[test]
fn what_is_no_file_is_a_miss_and_a_warning() {
    let replaced = |make: fn(&std::path::Path)| {
        move |record: &std::path::Path| {
            fs::remove_file(record).expect("a record");
            make(record);
        }
    };
    misses_when(replaced(|record| fs::create_dir(record).expect("a folder")), "can't be read");
    misses_when(replaced(|record| symlink("/etc/passwd", record).expect("a link")), "can't be read");
    misses_when(replaced(|record| fs::write(record, vec![0; 17 << 20]).expect("a large file")), "too large");
}

#[test]
fn a_record_in_place_of_another_is_a_miss_and_a_warning() {
    let place = Place::new();
    let tier = place.tier();
    keep(&tier, "a", "of a");
    let a = place.record();
    keep(&tier, "b", "of b");
    let b = place.files("r-").into_iter().find(|file| *file != a).expect("two records");
    fs::rename(a, b).expect("a record");
    let told = warnings(|| assert_eq!((read(&tier, "a"), read(&tier, "b")), (None, None)));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_format_of_another_version_is_a_miss_and_a_warning() {
    misses_when(
        |record| {
            let mut bytes = fs::read(record).expect("a record");
            bytes[4] = 2;
            fs::write(record, bytes).expect("a record");
        },
        "another version",
    );
}

#[test]
fn under_a_wrong_key_nothing_is_found_and_nothing_is_lost() {
    let place = Place::new();
    keep(&place.tier(), "k", "x");
    let other = place.tier_by(&place.with_other_key());
    assert_eq!(read(&other, "k"), None);
    keep(&other, "k", "theirs");
    assert_eq!((read(&other, "k").as_deref(), read(&place.tier(), "k").as_deref()), (Some("theirs"), Some("x")));
    // The key beside the records is made anew: what was sealed with the old one is never found again.
    fs::remove_file(place.path().join("key")).expect("a key");
    assert_eq!(read(&place.tier(), "k"), None);
}

#[test]
fn a_key_that_is_none_or_that_others_may_read_is_refused() {
    let place = Place::new();
    let file = place.folder.path().join("key");
    let open = |key: DiskKey| Store::open(&place.cache.clone().with_key(key), 1).err().map(|error| error.to_string());
    assert!(open(DiskKey::File(file.clone())).is_some_and(|why| why.contains("can't read")));
    private(&file, b"short");
    assert!(open(DiskKey::File(file.clone())).is_some_and(|why| why.contains("holds no key")));
    private(&file, &[7; 32]);
    assert_eq!(open(DiskKey::File(file.clone())), None);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
    assert!(open(DiskKey::File(file.clone())).is_some_and(|why| why.contains("others may read it")));
    assert_eq!(open(DiskKey::Credential(file)), None);
    assert!(open(DiskKey::Variable("S1CRETS_NO_SUCH_KEY".into())).is_some_and(|why| why.contains("holds no key")));
    private(&place.path().join("key"), b"");
    assert!(open(DiskKey::Kept).is_some_and(|why| why.contains("holds no key")));
}

#[test]
fn a_folder_that_others_may_look_into_is_refused() {
    let place = Place::new();
    let open = |cache: &DiskCache| Store::open(cache, 1).map(drop).map_err(|error| error.to_string());
    open(&place.cache).expect("a folder of ours");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o750)).expect("a mode");
    assert!(open(&place.cache).is_err_and(|why| why.contains("others may look into it")));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    let link = place.folder.path().join("link");
    symlink(place.path(), &link).expect("a link");
    open(&DiskCache::default().with_path(link)).expect_err("a link");
    let file = place.folder.path().join("file");
    fs::File::create(&file).and_then(|mut file| file.write_all(b"x")).expect("a file");
    open(&DiskCache::default().with_path(file)).expect_err("a file");
}

#[test]
fn a_clock_that_was_set_back_is_a_miss_and_a_warning() {
    let place = Place::new();
    let tier = place.tier();
    clock::AHEAD.set(20_000);
    keep(&tier, "k", "x");
    clock::AHEAD.set(16_000);
    assert_eq!(read(&tier, "k").as_deref(), Some("x"), "clocks are put right by little all the time");
    clock::AHEAD.set(0);
    let told = warnings(|| assert_eq!(read(&tier, "k"), None));
    assert!(told.len() == 1 && told[0].contains("from the future"), "{told:?}");
}
