//! The bytes of a record: a header in clear, and a sealed body.
//!
//! ```text
//! 0    102  the header
//! 102  24   nonce
//! 126  16   tag
//! 142  …    the body: encrypted, and bound to the header and the file's name
//! ```
//!
//! The body is a [`Content`] in [postcard](https://postcard.jamesmunns.com/wire-format), which
//! borrows what it reads: a value is never copied between the record's buffer and its own. A change
//! of these types is a new [version](super::header::VERSION) of the format.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s1crets_fs::seal::{NONCE, Name, Seal, TAG};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::header::{HEADER, Header, Subject, Unreadable};
use crate::{
    provider::Listing,
    secret::{Metadata, Secret, SecretValue},
};

const BODY: usize = HEADER + NONCE + TAG;
/// The most bytes of a record that is written or read: all secrets of a listing, with room to
/// spare.
pub(super) const LIMIT: usize = 16 * 1024 * 1024;

/// What a record holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content<'a> {
    Secret(#[serde(borrow)] Entry<'a>),
    /// Each secret with its path.
    Listing(#[serde(borrow)] Vec<(&'a str, Entry<'a>)>),
}

/// A secret.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(borrow)]
    value: Value<'a>,
    name: Option<&'a str>,
    version: Option<&'a str>,
    /// Nanoseconds since 1970.
    created: Option<i128>,
    custom: Vec<(&'a str, &'a str)>,
}

/// The value of a secret.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Value<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Map(#[serde(borrow)] Vec<(&'a str, NamedValue<'a>)>),
}

/// A value in a map.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum NamedValue<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// What can be stored on disk: a secret, or a listing.
pub(crate) trait OnDisk: Sized {
    /// A part of the record's name.
    const KIND: u8;

    fn content(&self) -> Content<'_>;

    /// `None` if the content is of the other kind, or is malformed.
    fn from_content(content: Content<'_>) -> Option<Self>;
}

/// The record of a content. `None` if it is too large, or the system has no random bytes.
pub(super) fn seal(seal: &Seal, name: Name, header: Header, content: &Content<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let size = postcard::serialize_with_flavor(content, postcard::ser_flavors::Size::default()).ok()?;
    if size > LIMIT - BODY {
        return None;
    }
    let mut record = Zeroizing::new(vec![0; BODY + size]);
    let header = header.to_bytes();
    let (head, body) = record.split_at_mut(BODY);
    postcard::to_slice(content, body).ok()?;
    let (nonce, tag) = seal.seal(name, &header, body)?;
    head.copy_from_slice(&[&header[..], &nonce, &tag].concat());
    Some(record)
}

/// The header and the content of a record, which is decrypted in place.
///
/// # Errors
/// Why it can't be read.
pub(super) fn open<'a>(seal: &Seal, name: Name, record: &'a mut [u8]) -> Result<(Header, Content<'a>), Unreadable> {
    let header = Header::parse(record)?;
    let (bound, rest) = record.split_first_chunk_mut::<HEADER>().ok_or(Unreadable::TooShort)?;
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>().ok_or(Unreadable::TooShort)?;
    let (tag, body) = rest.split_first_chunk_mut::<TAG>().ok_or(Unreadable::TooShort)?;
    seal.open(name, bound, *nonce, *tag, body).ok_or(Unreadable::NotSealedSo)?;
    Ok((header, decode(body).ok_or(Unreadable::Malformed)?))
}

fn decode(bytes: &[u8]) -> Option<Content<'_>> {
    let (content, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(content)
}

impl Content<'_> {
    /// What a record with this content is about, if it was asked for by this path.
    pub(super) fn subject(&self, seal: &Seal, path: &str) -> Subject {
        match self {
            Self::Secret(entry) => Subject::secret(seal, path, entry.name),
            Self::Listing(entries) => Subject::listing(seal, path, entries.iter().filter_map(|(_, entry)| entry.name)),
        }
    }
}

impl OnDisk for Secret {
    const KIND: u8 = 0;

    fn content(&self) -> Content<'_> {
        Content::Secret(Entry::of(self))
    }

    fn from_content(content: Content<'_>) -> Option<Self> {
        match content {
            Content::Secret(entry) => entry.to_secret(),
            Content::Listing(_) => None,
        }
    }
}

impl OnDisk for Listing {
    const KIND: u8 = 1;

    fn content(&self) -> Content<'_> {
        Content::Listing(self.iter().map(|(path, secret)| (path, Entry::of(secret))).collect())
    }

    fn from_content(content: Content<'_>) -> Option<Self> {
        let Content::Listing(entries) = content else { return None };
        let secrets = entries.into_iter().map(|(path, entry)| Some((path.to_owned(), entry.to_secret()?)));
        Some(Self::new(secrets.collect::<Option<_>>()?, Default::default()))
    }
}

impl<'a> Entry<'a> {
    fn of(secret: &'a Secret) -> Self {
        let Metadata { name, version, created, custom, lease: _, valid_for: _ } = secret.metadata();
        Self {
            value: Value::of(secret),
            name: name.as_deref(),
            version: version.as_deref(),
            created: created.map(nanos),
            custom: custom.iter().map(|(key, value)| (&**key, &**value)).collect(),
        }
    }

    fn to_secret(&self) -> Option<Secret> {
        let metadata = Metadata {
            name: self.name.map(Into::into),
            version: self.version.map(Into::into),
            created: self.created.map(time).map_or(Some(None), |time| Some(Some(time?)))?,
            custom: self.custom.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            // A value with a lifetime of its own is never written to disk.
            lease: None,
            valid_for: None,
        };
        Some(Secret::new(self.value.to_secret_value()?, metadata))
    }
}

impl<'a> Value<'a> {
    fn of(secret: &'a Secret) -> Self {
        if secret.is_map() {
            let named = |(name, is_binary, bytes)| (name, NamedValue::of(is_binary, bytes));
            return Self::Map(secret.named_values().map(named).collect());
        }
        match NamedValue::of(secret.is_binary(), secret.expose_bytes().unwrap_or_default()) {
            NamedValue::Text(text) => Self::Text(text),
            NamedValue::Binary(bytes) => Self::Binary(bytes),
        }
    }

    fn to_secret_value(&self) -> Option<SecretValue> {
        match self {
            Self::Text(text) => Some(SecretValue::text(*text)),
            Self::Binary(bytes) => Some(SecretValue::binary(*bytes)),
            Self::Map(entries) => {
                let named = entries.iter().map(|(name, value)| {
                    let value = match value {
                        NamedValue::Text(text) => SecretValue::text(*text),
                        NamedValue::Binary(bytes) => SecretValue::binary(*bytes),
                    };
                    (*name, value)
                });
                SecretValue::map(named).ok()
            }
        }
    }
}

impl<'a> NamedValue<'a> {
    /// Text, if it is not marked as bytes.
    fn of(is_binary: bool, bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if !is_binary => Self::Text(text),
            _ => Self::Binary(bytes),
        }
    }
}

fn nanos(time: SystemTime) -> i128 {
    let signed = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -signed(before.duration()), signed)
}

fn time(nanos: i128) -> Option<SystemTime> {
    let whole = u64::try_from(nanos.unsigned_abs() / 1_000_000_000).ok()?;
    let span = Duration::new(whole, u32::try_from(nanos.unsigned_abs() % 1_000_000_000).ok()?);
    if nanos < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) }
}

/// Reads any bytes as a record, a header and a body. What can be read round-trips.
#[cfg(feature = "__fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    use super::header::{DropFilter, removable_after};

    let key = Seal::new(&s1crets_fs::Key::of([7; 32]), "fuzz");
    let name = key.scope("").name(0, b"");
    let _ = open(&key, name, &mut bytes.to_vec());
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(header.to_bytes()[..], bytes[..HEADER]);
        assert_eq!(removable_after(bytes), Some(header.removable_after));
        let _ = DropFilter::name(&key, "a/b").matches("", Some(&header));
    }
    let _ = super::outage::OutageRecord::parse(bytes);
    let Some(content) = decode(bytes) else { return };
    let header = Header { removable_after: 1, requested: 2, loaded: 3, subject: content.subject(&key, "a") };
    let mut record = seal(&key, name, header, &content).expect("what was read is small enough");
    assert_eq!(open(&key, name, &mut record), Ok((header, decode(bytes).expect("as before"))));
    match content {
        Content::Secret(_) => drop(Secret::from_content(content)),
        Content::Listing(_) => drop(Listing::from_content(content)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use s1crets_fs::Key;

    use super::*;
    use crate::cache::disk::header::removable_after;

    fn sealing() -> (Seal, Name) {
        let seal = Seal::new(&Key::of([7; 32]), "test");
        let name = seal.scope("s").name(0, b"a");
        (seal, name)
    }

    fn sealed<T: OnDisk>(of: &T) -> Zeroizing<Vec<u8>> {
        let ((key, name), content) = (sealing(), of.content());
        let header = Header { removable_after: 9, requested: 1, loaded: 2, subject: content.subject(&key, "a/b") };
        seal(&key, name, header, &content).expect("a record")
    }

    fn metadata() -> Metadata {
        let custom = [("owner".to_owned(), "me".to_owned())].into();
        let created = UNIX_EPOCH - Duration::new(5, 7);
        Metadata::default().with_name("arn:a").with_version("3").with_created(created).with_custom(custom)
    }

    fn map() -> Secret {
        let entries = [
            ("tls.crt", SecretValue::text("PEM")),
            ("keystore", SecretValue::binary([0, 0xff])),
            ("password", SecretValue::binary(*b"text")),
        ];
        Secret::map(entries, metadata()).expect("a map")
    }

    #[test]
    fn values_and_metadata_round_trip() {
        let (key, name) = sealing();
        for secret in [
            Secret::text("", Metadata::default()),
            Secret::text(r#"{"n":1.10}"#, metadata()),
            Secret::binary([0, 0xff, 0xfe], metadata()),
            Secret::binary(*b"text", Metadata::default()),
            map(),
            Secret::map([("", "")], metadata()).expect("a map"),
            Secret::new(SecretValue::map::<&str, &str>([]).expect("a map"), metadata()),
        ] {
            let mut record = sealed(&secret);
            assert_eq!(removable_after(&record), Some(9));
            let (header, content) = open(&key, name, &mut record).expect("a record");
            assert_eq!((header.requested, header.loaded), (1, 2));
            let again = Secret::from_content(content).expect("a secret");
            assert_eq!((&again, again.is_binary(), again.metadata()), (&secret, secret.is_binary(), secret.metadata()));
            assert!(again.entries().map(|(_, it)| it.is_binary()).eq(secret.entries().map(|(_, it)| it.is_binary())));
        }
    }

    #[test]
    fn a_value_that_is_not_of_its_kind_is_refused() {
        #[derive(Serialize)]
        struct Other<'a> {
            content: u8,
            kind: u8,
            value: &'a [u8],
            rest: [u8; 4],
        }

        let mut bytes = [0; 64];
        for (kind, value, is_read) in [(0, b"x", true), (1, &[0xff], true), (0, &[0xff], false), (3, b"x", false)] {
            let other = Other { content: 0, kind, value, rest: [0; 4] };
            let bytes = postcard::to_slice(&other, &mut bytes).expect("it fits");
            assert_eq!(decode(bytes).is_some(), is_read, "{kind}");
        }
    }

    #[test]
    fn a_record_with_any_bit_flipped_or_cut_anywhere_does_not_open() {
        let (key, name) = sealing();
        let whole = sealed(&Secret::text("hunter2", metadata()));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, name, &mut flipped).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(&key, name, &mut whole[..length].to_vec()).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_record_does_not_open_under_another_name_or_key() {
        let (key, name) = sealing();
        let whole = sealed(&Secret::text("hunter2", metadata()));
        let others = [key.scope("s").name(0, b"b"), key.scope("t").name(0, b"a"), key.scope("s").name(1, b"a")];
        for other in others {
            assert!(open(&key, other, &mut whole.clone()).is_err());
        }
        assert!(open(&Seal::new(&Key::of([8; 32]), "test"), name, &mut whole.clone()).is_err());
        assert!(open(&key, name, &mut whole.clone()).is_ok());
    }

    #[test]
    fn equal_secrets_look_different_each_time() {
        let secret = Secret::text("hunter2", metadata());
        let records = [0, 1].map(|_| sealed(&secret));
        assert_ne!(records[0][HEADER..], records[1][HEADER..]);
    }

    proptest! {
        #[test]
        fn any_listing_round_trips(text in ".*", bytes in any::<Vec<u8>>(), path in ".*") {
            let (key, name) = sealing();
            let entries = [(text.clone(), SecretValue::binary(bytes.clone())), (path.clone(), SecretValue::text(&text))];
            let secrets = [
                (path.clone(), Secret::text(text, Metadata::default())),
                (path.clone() + "2", Secret::binary(bytes, metadata())),
                (path + "3", Secret::map(entries, metadata()).expect("a map")),
            ];
            let listing = Listing::new(secrets.into(), Default::default());
            let mut record = sealed(&listing);
            let (_, content) = open(&key, name, &mut record).expect("a record");
            prop_assert!(listing.iter().eq(Listing::from_content(content).expect("a listing").iter()));
        }

        /// The fuzz target, on bytes that random ones rarely are: a body, and a damaged record.
        #[cfg(feature = "__fuzzing")]
        #[test]
        fn the_fuzz_target_holds_for_bodies_and_damaged_records(text in ".*", at in any::<prop::sample::Index>()) {
            let secret = Secret::text(text, metadata());
            let mut body = vec![0; 4096];
            fuzz(postcard::to_slice(&secret.content(), &mut body).expect("a short body"));
            let mut record = sealed(&secret);
            fuzz(&record);
            let at = at.index(record.len());
            record[at] ^= 1;
            fuzz(&record);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }
}
