//! A record, key or folder that can't be used is a miss and one warning.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::{super::clock, Place, drop_name, open, private, read, warnings, write};
use crate::cache::disk::{DiskCache, DiskKey, header::HEADER, store::RecordStore};

/// Damages a record, which is then a miss and one warning, and can be written again.
#[track_caller]
fn misses_when(broken: impl FnOnce(&std::path::Path), warned: &str) {
    let place = Place::new();
    write(&place.open(), "k", "x");
    broken(&place.record());
    let told = warnings(|| {
        let scoped = place.open();
        assert_eq!((read(&scoped, "k"), read(&scoped, "k")), (None, None));
        if !place.record().is_dir() {
            write(&scoped, "k", "y");
            assert_eq!(read(&scoped, "k").as_deref(), Some("y"));
        }
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(warned) && told[0].contains("WARN"), "{told:?}");
}

/// Every bit of the header, and some of the rest.
#[test]
fn a_flipped_bit_is_a_miss_and_a_warning() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "x");
    let record = place.record();
    let whole = fs::read(&record).expect("a record");
    for bit in (0..HEADER * 8).chain((HEADER * 8..whole.len() * 8).step_by(7)) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&record, flipped).expect("a record");
        let told = warnings(|| {
            let scoped = place.open();
            assert_eq!((read(&scoped, "k"), read(&scoped, "k")), (None, None), "bit {bit}");
            write(&scoped, "k", "y");
            assert_eq!(read(&scoped, "k").as_deref(), Some("y"), "bit {bit}");
        });
        assert!(told.len() == 1 && told[0].contains("can't be read"), "bit {bit}: {told:?}");
    }
}

/// A header that says that a later answer is in place must not keep new ones out.
#[test]
fn a_flipped_bit_in_any_time_does_not_keep_a_new_value_out() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "x");
    let record = place.record();
    let whole = fs::read(&record).expect("a record");
    for bit in 5 * 8..29 * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&record, flipped).expect("a record");
        write(&scoped, "k", &bit.to_string());
        assert_eq!(read(&scoped, "k"), Some(bit.to_string()), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_never_saves_a_record_from_a_drop_and_is_served_after() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "old");
    let record = place.record();
    let whole = fs::read(&record).expect("a record");
    for bit in 0..HEADER * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&record, flipped).expect("a record");
        drop_name(&scoped, "k");
        assert_eq!((read(&scoped, "k"), read(&place.open(), "k")), (None, None), "bit {bit}");
    }
}

#[test]
fn a_record_that_is_cut_short_is_a_miss_and_a_warning() {
    for length in [0, 1, 4, 12, 13, HEADER - 1, HEADER, HEADER + 1, HEADER + 40, HEADER + 50] {
        let cut = |record: &std::path::Path| {
            let bytes = fs::read(record).expect("a record");
            fs::write(record, &bytes[..length]).expect("a record");
        };
        misses_when(cut, "can't be read");
    }
}

#[test]
fn a_folder_link_or_huge_file_in_place_of_a_record_is_a_miss_and_a_warning() {
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
    let scoped = place.open();
    write(&scoped, "a", "of a");
    let a = place.record();
    write(&scoped, "b", "of b");
    let b = place.files("r-").into_iter().find(|file| *file != a).expect("two records");
    fs::rename(a, b).expect("a record");
    let told = warnings(|| assert_eq!((read(&scoped, "a"), read(&scoped, "b")), (None, None)));
    assert_eq!(told.len(), 1, "{told:?}");
}

fn set_version(record: &std::path::Path, version: u8) {
    let mut bytes = fs::read(record).expect("a record");
    bytes[4] = version;
    fs::write(record, bytes).expect("a record");
}

#[test]
fn a_later_version_of_the_format_is_a_miss_and_a_warning() {
    misses_when(|record| set_version(record, 3), "version 3 of the format");
}

#[test]
fn a_record_of_the_first_version_is_missing_replaced_and_dropped_without_a_warning() {
    let place = Place::new();
    let scoped = place.open();
    let told = warnings(|| {
        write(&scoped, "k", "x");
        set_version(&place.record(), 1);
        assert_eq!(read(&scoped, "k"), None);
        write(&scoped, "k", "y");
        assert_eq!(read(&scoped, "k").as_deref(), Some("y"));
        set_version(&place.record(), 1);
        drop_name(&scoped, "another name");
        assert_eq!(place.files("r-").len(), 0, "it might be about that name");
    });
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn a_wrong_key_finds_nothing_and_destroys_nothing() {
    let place = Place::new();
    write(&place.open(), "k", "x");
    let other = open(&place.with_other_key());
    assert_eq!(read(&other, "k"), None);
    write(&other, "k", "theirs");
    assert_eq!((read(&other, "k").as_deref(), read(&place.open(), "k").as_deref()), (Some("theirs"), Some("x")));
    // The key beside the records is made anew: what was sealed with the old one is never found
    // again.
    fs::remove_file(place.path().join("key")).expect("a key");
    assert_eq!(read(&place.open(), "k"), None);
}

#[test]
fn a_malformed_or_public_key_is_refused() {
    let place = Place::new();
    let file = place.folder.path().join("key");
    let open =
        |key: DiskKey| RecordStore::open(&place.cache.clone().with_key(key), 1).err().map(|error| error.to_string());
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
    let open = |cache: &DiskCache| RecordStore::open(cache, 1).map(drop).map_err(|error| error.to_string());
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
fn a_record_from_the_future_is_a_miss_and_a_warning() {
    let place = Place::new();
    let scoped = place.open();
    clock::AHEAD.set(20_000);
    write(&scoped, "k", "x");
    clock::AHEAD.set(16_000);
    assert_eq!(read(&scoped, "k").as_deref(), Some("x"), "clocks are put right by little all the time");
    clock::AHEAD.set(0);
    let told = warnings(|| assert_eq!(read(&scoped, "k"), None));
    assert!(told.len() == 1 && told[0].contains("from the future"), "{told:?}");
}
