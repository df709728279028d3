//! The bytes of a record: a header in clear, and a sealed body.
//!
//! ```text
//! 0   4  "s1cr"
//! 4   1  the version of the format: 1
//! 5   8  when the record may be removed, in milliseconds since 1970, big-endian
//! 13  24 nonce
//! 37  16 tag
//! 53  …  the body, sealed; header and file name are bound to it
//! ```
//!
//! The first 13 bytes are so in every version to come, so that each version can remove what another left.
//! The body is [postcard](https://postcard.jamesmunns.com/wire-format), which borrows what it reads: no part of a value is
//! copied on the way into its own buffer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    provider::Listing,
    secret::{Metadata, Secret, SecretValue},
};
use s1crets_fs::seal::{NONCE, Name, Seal, TAG};

const MAGIC: [u8; 4] = *b"s1cr";
const VERSION: u8 = 1;
pub(super) const HEADER: usize = 13;
const START: usize = HEADER + NONCE + TAG;
/// Larger records are neither written nor read: all secrets of a listing, with room to spare.
pub(super) const LIMIT: usize = 16 * 1024 * 1024;

/// What a record holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Body<'a> {
    /// The path that was asked for.
    pub(super) path: &'a str,
    /// When it was asked for, and when the answer came.
    pub(super) asked: u64,
    pub(super) loaded: u64,
    #[serde(borrow)]
    pub(super) content: Content<'a>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content<'a> {
    Secret(#[serde(borrow)] Entry<'a>),
    Listing(Vec<(&'a str, Entry<'a>)>),
}

/// A secret.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(borrow)]
    value: Value<'a>,
    pub(super) name: Option<&'a str>,
    version: Option<&'a str>,
    /// Nanoseconds since 1970.
    created: Option<i128>,
    custom: Vec<(&'a str, &'a str)>,
}

/// The value of a secret. Before there were maps, it was written as a boolean and bytes, which read
/// the same as the first two variants.
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

/// What can be kept on disk.
pub(crate) trait OnDisk: Sized {
    /// Part of the record's name.
    const KIND: u8;

    fn content(&self) -> Content<'_>;

    fn from_content(content: Content<'_>) -> Option<Self>;
}

/// When a record may be removed, as its header says; nothing if it is no record at all.
pub(super) fn dies(header: &[u8]) -> Option<u64> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<1>()?;
    (*magic == MAGIC).then_some(u64::from_be_bytes(*rest.first_chunk()?))
}

/// The record of a body; nothing if it is too large, or there is no randomness.
pub(super) fn seal(seal: &Seal, name: Name, dies: u64, body: &Body<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let size = postcard::serialize_with_flavor(body, postcard::ser_flavors::Size::default()).ok()?;
    if size > LIMIT - START {
        return None;
    }
    let mut record = Zeroizing::new(vec![0; START + size]);
    record[..HEADER].copy_from_slice(&header(dies));
    let (head, sealed) = record.split_at_mut(START);
    postcard::to_slice(body, sealed).ok()?;
    let (nonce, tag) = seal.seal(name, &head[..HEADER], sealed)?;
    head[HEADER..HEADER + NONCE].copy_from_slice(&nonce);
    head[HEADER + NONCE..].copy_from_slice(&tag);
    Some(record)
}

/// The body of a record, which is decrypted in place.
///
/// # Errors
/// Why it can't be read.
pub(super) fn open<'a>(seal: &Seal, name: Name, record: &'a mut [u8]) -> Result<Body<'a>, &'static str> {
    const CUT: &str = "it is cut short";
    let (header, rest) = record.split_first_chunk_mut::<HEADER>().ok_or(CUT)?;
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>().ok_or(CUT)?;
    let (tag, body) = rest.split_first_chunk_mut::<TAG>().ok_or(CUT)?;
    if header[..4] != MAGIC {
        return Err("it is no record");
    }
    if header[4] != VERSION {
        return Err("it has a format of another version");
    }
    seal.open(name, header, *nonce, *tag, body).ok_or("it was changed, or sealed by another key")?;
    decode(body).ok_or("it is malformed")
}

fn header(dies: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = VERSION;
    header[5..].copy_from_slice(&dies.to_be_bytes());
    header
}

fn decode(bytes: &[u8]) -> Option<Body<'_>> {
    let (body, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(body)
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
        Content::Listing(self.iter().map(|(name, secret)| (name, Entry::of(secret))).collect())
    }

    fn from_content(content: Content<'_>) -> Option<Self> {
        let Content::Listing(entries) = content else { return None };
        let secrets = entries.into_iter().map(|(name, entry)| Some((name.to_owned(), entry.to_secret()?)));
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
            // What has a life of its own is never written to disk.
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

/// Any bytes are a record or are refused; what is read is written and read again as the same.
#[cfg(feature = "__fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let key = Seal::new(&s1crets_fs::Key::of([7; 32]), "fuzz");
    let name = key.scope("").name(0, b"");
    let _ = dies(bytes);
    let _ = open(&key, name, &mut bytes.to_vec());
    let Some(body) = decode(bytes) else { return };
    let mut record = seal(&key, name, 1, &body).expect("what was read is small enough");
    assert_eq!(open(&key, name, &mut record), Ok(decode(bytes).expect("as before")));
    match body.content {
        Content::Secret(_) => drop(Secret::from_content(body.content)),
        Content::Listing(_) => drop(Listing::from_content(body.content)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use s1crets_fs::Key;

    fn sealing() -> (Seal, Name) {
        let seal = Seal::new(&Key::of([7; 32]), "test");
        let name = seal.scope("s").name(0, b"a");
        (seal, name)
    }

    fn body(secret: &Secret) -> Body<'_> {
        Body { path: "a/b", asked: 1, loaded: 2, content: secret.content() }
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
    fn values_and_metadata_are_read_as_they_were_written() {
        let (seal_, name) = sealing();
        for secret in [
            Secret::text("", Metadata::default()),
            Secret::text(r#"{"n":1.10}"#, metadata()),
            Secret::binary([0, 0xff, 0xfe], metadata()),
            Secret::binary(*b"text", Metadata::default()),
            map(),
            Secret::map([("", "")], metadata()).expect("a map"),
            Secret::new(SecretValue::map::<&str, &str>([]).expect("a map"), metadata()),
        ] {
            let mut record = seal(&seal_, name, 9, &body(&secret)).expect("a record");
            assert_eq!(dies(&record), Some(9));
            let read = open(&seal_, name, &mut record).expect("a body");
            assert_eq!((read.path, read.asked, read.loaded), ("a/b", 1, 2));
            let again = Secret::from_content(read.content).expect("a secret");
            assert_eq!((&again, again.is_binary(), again.metadata()), (&secret, secret.is_binary(), secret.metadata()));
            assert!(again.entries().map(|(_, it)| it.is_binary()).eq(secret.entries().map(|(_, it)| it.is_binary())));
        }
    }

    /// A program from before there were maps takes such a record for malformed, and loads the secret.
    #[test]
    fn records_from_before_maps_are_read_as_they_were_written() {
        #[derive(Serialize, Deserialize)]
        struct Before<'a> {
            binary: bool,
            value: &'a [u8],
            name: Option<&'a str>,
            version: Option<&'a str>,
            created: Option<i128>,
            custom: Vec<(&'a str, &'a str)>,
        }

        for (binary, value, secret) in [
            (false, &b"hunter2"[..], Secret::text("hunter2", Metadata::default())),
            (true, &[0, 0xff], Secret::binary([0, 0xff], Metadata::default())),
            (true, b"text", Secret::binary(*b"text", Metadata::default())),
        ] {
            let before = Before { binary, value, name: None, version: None, created: None, custom: Vec::new() };
            let [mut bytes, mut bytes_before] = [[0; 64]; 2];
            let before = postcard::to_slice(&before, &mut bytes_before).expect("it fits");
            assert_eq!(postcard::to_slice(&Entry::of(&secret), &mut bytes).expect("it fits"), before);
            assert_eq!(postcard::from_bytes::<Entry<'_>>(before).expect("an entry"), Entry::of(&secret));
        }
        let (map, mut bytes) = (map(), [0; 256]);
        let new = postcard::to_slice(&Entry::of(&map), &mut bytes).expect("it fits");
        assert!(postcard::from_bytes::<Before<'_>>(new).is_err());
        let not_text =
            Before { binary: false, value: &[0xff], name: None, version: None, created: None, custom: vec![] };
        let not_text = postcard::to_slice(&not_text, &mut bytes).expect("it fits");
        assert!(postcard::from_bytes::<Entry<'_>>(not_text).is_err());
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unnoticed() {
        let (seal_, name) = sealing();
        let secret = Secret::text("hunter2", metadata());
        let whole = seal(&seal_, name, 9, &body(&secret)).expect("a record");
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&seal_, name, &mut flipped).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(&seal_, name, &mut whole[..length].to_vec()).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_record_is_nothing_under_another_name_or_key() {
        let (seal_, name) = sealing();
        let secret = Secret::text("hunter2", metadata());
        let whole = seal(&seal_, name, 9, &body(&secret)).expect("a record");
        let others = [seal_.scope("s").name(0, b"b"), seal_.scope("t").name(0, b"a"), seal_.scope("s").name(1, b"a")];
        for other in others {
            assert!(open(&seal_, other, &mut whole.clone()).is_err());
        }
        assert!(open(&Seal::new(&Key::of([8; 32]), "test"), name, &mut whole.clone()).is_err());
        assert!(open(&seal_, name, &mut whole.clone()).is_ok());
    }

    #[test]
    fn equal_secrets_look_different_each_time() {
        let (seal_, name) = sealing();
        let secret = Secret::text("hunter2", metadata());
        let records = [0, 1].map(|_| seal(&seal_, name, 9, &body(&secret)).expect("a record"));
        assert_ne!(records[0][HEADER..], records[1][HEADER..]);
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_comes_back(text in ".*", bytes in any::<Vec<u8>>(), key in ".*") {
            let (seal_, name) = sealing();
            let secrets = [(key.clone(), Secret::text(text, Metadata::default())), (key + "2", Secret::binary(bytes, metadata()))];
            let listing = Listing::new(secrets.into(), Default::default());
            let body = Body { path: "", asked: 0, loaded: u64::MAX, content: listing.content() };
            let mut record = seal(&seal_, name, 0, &body).expect("a record");
            let again = Listing::from_content(open(&seal_, name, &mut record).expect("a body").content).expect("a listing");
            prop_assert!(listing.iter().eq(again.iter()));
        }

        #[test]
        fn no_bytes_are_too_odd_to_be_refused(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }
}
