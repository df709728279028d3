//! The header of a record, in clear: when it may be removed, and what it is about.
//!
//! ```text
//! 0    4   "s1cr"
//! 4    1   the version of the format: 2
//! 5    8   when the record may be removed, in milliseconds since 1970, big-endian
//! 13   8   when the answer was requested, likewise
//! 21   8   when it arrived, likewise
//! 29   8   which key sealed it: the start of a keyed hash
//! 37   1   0 for a secret, 1 for a listing
//! 38   32  the path: a keyed hash
//! 70   32  the backend's name for the secret: a keyed hash; for a listing, a bit for each such name
//! ```
//!
//! Paths and names are hashed without their empty levels, as they may be the same without.
//!
//! The first 13 bytes are the same in every version, so that each version can remove what another
//! left. The seal covers the header: one that was changed makes a record that does not open. So a
//! drop can trust it without opening the record, as what it spares by mistake is never served.

use std::fmt;

use s1crets_fs::seal::{Label, Seal};

use crate::cache::key::without_empty_levels;

/// The version of the format that this library writes and reads.
pub(super) const VERSION: u8 = 2;
/// The length of a header, in bytes.
pub(super) const HEADER: usize = 102;
/// The length of the part that all versions share.
pub(super) const COMMON: usize = 13;
const MAGIC: [u8; 4] = *b"s1cr";

/// The contents of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// In milliseconds since 1970, as the other times.
    pub(super) removable_after: u64,
    pub(super) requested: u64,
    pub(super) loaded: u64,
    pub(super) subject: Subject,
}

/// What a record is about, as hashes that mean nothing without the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    key: KeyId,
    kind: u8,
    path: Label,
    names: Label,
}

/// Tells the records of one key from those of another.
type KeyId = [u8; 8];

/// Why bytes are not a record that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    TooShort,
    NoRecord,
    OtherVersion(u8),
    NotSealedSo,
    Malformed,
}

/// The records that a drop removes.
#[derive(Debug)]
pub(super) enum DropFilter {
    All,
    /// All records that are, or may be, about a secret of this name.
    Name(Box<NameFilter>),
    /// The record in this file.
    File(String),
}

/// A name in the forms in which headers hold it.
pub(super) struct NameFilter {
    key: KeyId,
    path: Label,
    name: Label,
    /// The paths of listings that cover it: its own, and all above it.
    listings: Vec<Label>,
}

const SECRET: u8 = 0;
const LISTING: u8 = 1;

/// What a label is of.
mod kind {
    pub(super) const KEY: u8 = 0;
    pub(super) const PATH: u8 = 1;
    pub(super) const LISTED_PATH: u8 = 2;
    pub(super) const NAME: u8 = 3;
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let Subject { key, kind, path, names } = self.subject;
        let times = [self.removable_after, self.requested, self.loaded].map(u64::to_be_bytes);
        let parts = [&MAGIC[..], &[VERSION], times.as_flattened(), &key, &[kind], &path, &names];
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(&parts.concat());
        bytes
    }

    /// Reads a header from the first bytes of a record.
    pub(super) fn parse(record: &[u8]) -> Result<Self, Unreadable> {
        check_version(record)?;
        let header = record.first_chunk::<HEADER>().ok_or(Unreadable::TooShort)?;
        Self::split(&header[MAGIC.len() + 1..]).ok_or(Unreadable::TooShort)
    }

    fn split(bytes: &[u8]) -> Option<Self> {
        let time = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        let (removable_after, rest) = bytes.split_first_chunk()?;
        let (requested, rest) = rest.split_first_chunk()?;
        let (loaded, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (path, rest) = rest.split_first_chunk()?;
        let (names, _) = rest.split_first_chunk()?;
        let subject = Subject { key: *key, kind: *kind, path: *path, names: *names };
        let [removable_after, requested, loaded] = [removable_after, requested, loaded].map(time);
        Some(Self { removable_after, requested, loaded, subject })
    }
}

/// When a record of any version may be removed. `None` if it is no record.
pub(super) fn removable_after(record: &[u8]) -> Option<u64> {
    let (magic, rest) = record.split_first_chunk()?;
    let (_version, rest) = rest.split_first()?;
    (*magic == MAGIC).then_some(u64::from_be_bytes(*rest.first_chunk()?))
}

fn check_version(record: &[u8]) -> Result<(), Unreadable> {
    let (magic, rest) = record.split_first_chunk().ok_or(Unreadable::TooShort)?;
    match (*magic == MAGIC, rest.first()) {
        (false, _) => Err(Unreadable::NoRecord),
        (true, None) => Err(Unreadable::TooShort),
        (true, Some(&VERSION)) => Ok(()),
        (true, Some(version)) => Err(Unreadable::OtherVersion(*version)),
    }
}

impl Subject {
    /// A secret that was asked for by this path, and its name in the backend.
    pub(super) fn secret(seal: &Seal, path: &str, name: Option<&str>) -> Self {
        let names = name.map_or([0; 32], |name| label(seal, kind::NAME, name));
        Self { key: key_id(seal), kind: SECRET, path: label(seal, kind::PATH, path), names }
    }

    /// A listing of this path, and the backend's names of the secrets in it.
    pub(super) fn listing<'a>(seal: &Seal, path: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let mut bits = [0; 32];
        for name in names {
            let (byte, bit) = bit_of(&label(seal, kind::NAME, name));
            bits[byte] |= bit;
        }
        Self { key: key_id(seal), kind: LISTING, path: label(seal, kind::LISTED_PATH, path), names: bits }
    }
}

impl DropFilter {
    /// The records that are about a secret of this path or backend name, and the listings that may
    /// contain it.
    pub(super) fn name(seal: &Seal, name: &str) -> Self {
        let name = &*without_empty_levels(name);
        let above = name.match_indices('/').map(|(end, _)| &name[..end]);
        Self::Name(Box::new(NameFilter {
            key: key_id(seal),
            path: label(seal, kind::PATH, name),
            name: label(seal, kind::NAME, name),
            listings: above.chain(["", name]).map(|path| label(seal, kind::LISTED_PATH, path)).collect(),
        }))
    }

    /// Whether it needs no header to match.
    pub(super) fn matches_file(&self, file: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(_) => false,
            Self::File(own) => own == file,
        }
    }

    /// Whether the record in this file matches. One whose header can't be read might be about
    /// anything.
    pub(super) fn matches(&self, file: &str, header: Option<&Header>) -> bool {
        match self {
            Self::Name(name) => header.is_none_or(|header| name.matches(&header.subject)),
            Self::All | Self::File(_) => self.matches_file(file),
        }
    }
}

impl NameFilter {
    /// Without its key, a record can't be compared, and might be about this name.
    fn matches(&self, subject: &Subject) -> bool {
        let (byte, bit) = bit_of(&self.name);
        match subject.kind {
            _ if subject.key != self.key => true,
            SECRET => subject.path == self.path || subject.names == self.name,
            LISTING => self.listings.contains(&subject.path) || subject.names[byte] & bit != 0,
            _ => true,
        }
    }
}

/// The label of a path or name, whatever empty levels it has.
fn label(seal: &Seal, kind: u8, path: &str) -> Label {
    seal.label(kind, without_empty_levels(path).as_bytes())
}

fn key_id(seal: &Seal) -> KeyId {
    let mut id = KeyId::default();
    id.copy_from_slice(&seal.label(kind::KEY, b"")[..8]);
    id
}

/// The bit, among 256, that stands for a name: which byte, and which bit of it.
fn bit_of(name: &Label) -> (usize, u8) {
    (usize::from(name[0] / 8), 1 << (name[0] % 8))
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("it is cut short"),
            Self::NoRecord => f.write_str("it is not a record"),
            Self::OtherVersion(version) => write!(f, "it has version {version} of the format, not {VERSION}"),
            Self::NotSealedSo => f.write_str("it was changed, or sealed with another key"),
            Self::Malformed => f.write_str("its contents are malformed"),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject([redacted])")
    }
}

impl fmt::Debug for NameFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameFilter([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use s1crets_fs::Key;

    use super::*;
    use crate::cache::key::may_cover;

    fn sealing() -> Seal {
        Seal::new(&Key::of([7; 32]), "test")
    }

    fn header(subject: Subject) -> Header {
        Header { removable_after: 9, requested: 1, loaded: 2, subject }
    }

    fn is_dropped(name: &str, subject: Subject) -> bool {
        DropFilter::name(&sealing(), name).matches("", Some(&header(subject)))
    }

    #[test]
    fn a_header_is_read_as_it_is_written_and_no_shorter() {
        let written = header(Subject::secret(&sealing(), "a", Some("arn:a")));
        let bytes = written.to_bytes();
        assert_eq!((Header::parse(&bytes), removable_after(&bytes)), (Ok(written), Some(9)));
        for length in 0..HEADER {
            assert_eq!(Header::parse(&bytes[..length]), Err(Unreadable::TooShort), "{length}");
        }
        assert_eq!(removable_after(&bytes[..COMMON]), Some(9));
        assert_eq!(removable_after(&bytes[..COMMON - 1]), None);
    }

    #[test]
    fn a_secret_is_dropped_by_its_path_and_by_its_backend_name() {
        let subject = Subject::secret(&sealing(), "prod/db", Some("arn:db"));
        for (name, dropped) in [("prod/db", true), ("arn:db", true), ("prod", false), ("prod/db/x", false), ("", false)]
        {
            assert_eq!(is_dropped(name, subject), dropped, "{name}");
        }
        assert!(!is_dropped("", Subject::secret(&sealing(), "a", None)));
    }

    #[test]
    fn a_listing_is_dropped_by_every_name_in_it() {
        let names: Vec<_> = (0..20).map(|number| format!("arn:{number}")).collect();
        let subject = Subject::listing(&sealing(), "prod", names.iter().map(String::as_str));
        assert!(names.iter().all(|name| is_dropped(name, subject)));
        let others = (0..1000).filter(|number| is_dropped(&format!("arn:other-{number}"), subject)).count();
        assert!(others < 500, "{others} of 1000 others");
    }

    #[test]
    fn what_is_not_understood_is_dropped() {
        let filter = DropFilter::name(&sealing(), "a");
        assert!(filter.matches("", None));
        let theirs = Subject::secret(&Seal::new(&Key::of([8; 32]), "test"), "b", None);
        assert!(filter.matches("", Some(&header(theirs))));
        let unknown = Subject { kind: 2, ..Subject::secret(&sealing(), "b", None) };
        assert!(filter.matches("", Some(&header(unknown))));
    }

    proptest! {
        #[test]
        fn disk_drops_the_listings_that_memory_drops(name in "[ab/]{0,8}", path in "[ab/]{0,6}") {
            let dropped = is_dropped(&name, Subject::listing(&sealing(), &path, std::iter::empty()));
            prop_assert_eq!(dropped, may_cover(&path, &name));
        }
    }
}
