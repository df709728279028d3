//! Encodings of secret values: every text under which a value may show up in output.
//!
//! CI masks and `run --redact` search for these texts. For the value itself, the value without the
//! whitespace around it, and each of its lines, they are: the text as it is, base64, hexadecimal,
//! percent-encoded, in string literals, in HTML and XML, quoted for shells, and escaped for CI
//! systems. If the value is JSON, each string in it counts as a value of its own.
//!
//! [`string_literals`], [`markup`], [`urls`] and [`shell`] list the known encoders in tables. A
//! mask of a CI system is plain text, not a pattern. So each encoder has an entry of its own, with
//! all that it writes for the value.
//!
//! # Invariants
//!
//! - No entry is shorter than [`MIN_LENGTH`]: it would match everywhere, and show by its position
//!   what the value is.
//! - No entry begins or ends with whitespace. The value without it is an entry too, and the
//!   redactor would have to hold back every line end as the possible beginning of a match.
//! - Entries take little more than the memory limit, however large the values are. An entry is
//!   wiped when dropped, also one that is not kept.

mod markup;
mod rewrite;
mod shell;
mod string_literals;
#[cfg(test)]
mod tests;
mod urls;

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use s1crets::{Json, Metadata, Secret};
use zeroize::{Zeroize, Zeroizing};

use crate::quoting;

/// The least length of a value to search for, in bytes.
pub(crate) const MIN_LENGTH: usize = 4;

/// How many levels of JSON within strings of JSON are searched for values.
const MAX_JSON_DEPTH: usize = 4;

/// The line lengths of `base64` and of PEM files.
const BASE64_LINE_LENGTHS: [usize; 2] = [76, 64];

/// The line lengths of hexadecimal dumps: `xxd -p` and others.
const HEX_LINE_LENGTHS: [usize; 2] = [60, 64];

/// The most memory that all encodings together may take, in bytes. A value of 64 KiB, the most that
/// AWS stores, takes 10 to 70 MiB. 1 MiB of base64 lines, the most that Kubernetes stores, takes
/// 180 MiB. Without a limit, a value of 64 MiB would take gigabytes.
const MEMORY_LIMIT: usize = 256 << 20;

/// The approximate memory per entry besides its bytes: its node in the set, and the allocator's
/// part.
const ENTRY_OVERHEAD: usize = 64;

/// The encodings of a value take at least this many times its size. A value too large by this
/// estimate is refused before anything is encoded.
const MIN_EXPANSION: usize = 8;

/// A sorted set of the encodings of any number of values. Wiped when dropped.
pub(crate) struct Encodings {
    all: BTreeSet<Vec<u8>>,
    /// The memory that the entries take, in bytes.
    size: usize,
    /// The most memory that they may take, in bytes.
    limit: usize,
}

/// The result of adding a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// All its encodings are in the set.
    Complete,
    /// It is shorter than [`MIN_LENGTH`], so nothing was added.
    TooShort,
    /// The set has reached its memory limit. Some encodings of the value are missing.
    TooLarge,
}

impl Encodings {
    /// The memory limit, in MiB.
    pub(crate) const MEMORY_LIMIT_MIB: usize = MEMORY_LIMIT >> 20;

    /// Adds the encodings of a secret and, if it is JSON, of each string in it. Of a whole map, each
    /// value is added; as in JSON, it may have short ones.
    #[must_use]
    pub(crate) fn add(&mut self, secret: &Secret) -> Added {
        let Ok(value) = secret.expose_bytes() else {
            let added: Vec<_> = secret.entries().map(|(_, value)| self.add(&value)).collect();
            return if added.contains(&Added::TooLarge) { Added::TooLarge } else { Added::Complete };
        };
        if value.len() > self.limit / MIN_EXPANSION {
            return Added::TooLarge;
        }
        if let Ok(text) = std::str::from_utf8(value) {
            self.add_json_strings(text, MAX_JSON_DEPTH);
        }
        match self.add_value(value) {
            _ if self.is_full() => Added::TooLarge,
            true => Added::Complete,
            false => Added::TooShort,
        }
    }

    fn is_full(&self) -> bool {
        self.size > self.limit
    }

    /// The encodings, in the order of their bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.all.iter().map(Vec::as_slice)
    }

    /// Adds the strings in a text that is JSON. A string may hold a whole JSON document in turn.
    fn add_json_strings(&mut self, text: &str, depth: usize) {
        let document = Secret::text(text, Metadata::default());
        if let (Ok(json), true) = (document.json(), depth > 0) {
            self.add_strings_in(json, depth);
        }
    }

    /// Adds all strings without recursion: a document can be nested to any depth.
    fn add_strings_in(&mut self, document: Json<'_>, depth: usize) {
        let mut values = vec![document];
        while let Some(json) = values.pop().filter(|_| !self.is_full()) {
            if let Some(text) = json.as_str() {
                self.add_value(text.as_bytes());
                self.add_json_strings(text, depth - 1);
            }
            values.extend(json.elements());
            values.extend(json.members().map(|(_, member)| member));
        }
    }

    /// Adds a value and its lines. Returns whether it is long enough.
    fn add_value(&mut self, value: &[u8]) -> bool {
        let trimmed = value.trim_ascii();
        if trimmed.len() < MIN_LENGTH {
            return false;
        }
        let lines = trimmed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| line.len() >= MIN_LENGTH);
        let distinct: BTreeSet<_> = [value, trimmed].into_iter().chain(lines).collect();
        distinct.into_iter().for_each(|text| self.add_encoded(text));
        true
    }

    fn add_encoded(&mut self, value: &[u8]) {
        if self.is_full() {
            return;
        }
        self.put(value.to_vec());
        self.add_base64(value);
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            let encoded = hex(value, digits);
            self.put_lines(&encoded, &HEX_LINE_LENGTHS, MIN_LENGTH * 2);
            self.put(encoded);
        }
        urls::encode(value).for_each(|encoding| self.put(encoding));
        string_literals::encode_bytes(value, |encoding| self.put(encoding));
        if let Ok(text) = std::str::from_utf8(value) {
            self.add_escaped(text);
        }
    }

    /// Base64 of the value alone, and the part that is the same in base64 of a longer text with the
    /// value in it.
    fn add_base64(&mut self, value: &[u8]) {
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(value);
            self.put_lines(encoded.as_bytes(), &BASE64_LINE_LENGTHS, (MIN_LENGTH * 4).div_ceil(3));
            self.put(encoded.into_bytes());
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            (0..3).for_each(|shift| self.put(base64_within(&engine, value, shift)));
        }
    }

    /// Escaped as in JSON, programming languages, HTML, XML, shells and CI systems.
    fn add_escaped(&mut self, text: &str) {
        string_literals::encode_text(text, |encoding| self.put(encoding));
        markup::encode(text, |encoding| self.put(encoding));
        shell::encode(text, |encoding| self.put(encoding));
        self.put(text.replace('\n', "\r\n").into_bytes());
        for escape in [quoting::teamcity as fn(&mut Vec<u8>, &str), quoting::azure, quoting::powershell] {
            let mut encoding = Vec::new();
            escape(&mut encoding, text);
            self.put(encoding);
        }
    }

    /// Adds the lines of an encoding that is wrapped at these lengths. A last line below
    /// `min_length` is left out: it says less than the shortest value, and would match in every
    /// digest.
    fn put_lines(&mut self, encoding: &[u8], line_lengths: &[usize], min_length: usize) {
        for line_length in line_lengths.iter().filter(|length| encoding.len() > **length) {
            let lines = encoding.chunks(*line_length).filter(|line| line.len() >= min_length);
            lines.for_each(|line| self.put(line.to_vec()));
        }
    }

    /// Adds one entry, unless it is too short, begins or ends with whitespace, or the set is full.
    fn put(&mut self, mut encoding: Vec<u8>) {
        let is_space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        let is_wanted = encoding.len() >= MIN_LENGTH && !is_space(encoding.first()) && !is_space(encoding.last());
        if is_wanted && !self.is_full() && !self.all.contains(&encoding) {
            encoding.shrink_to_fit();
            self.size += encoding.len() + ENTRY_OVERHEAD;
            self.all.insert(encoding);
        } else {
            encoding.zeroize();
        }
    }
}

impl Default for Encodings {
    fn default() -> Self {
        Self { all: BTreeSet::new(), size: 0, limit: MEMORY_LIMIT }
    }
}

impl Drop for Encodings {
    fn drop(&mut self) {
        std::mem::take(&mut self.all).into_iter().for_each(|mut encoding| encoding.zeroize());
    }
}

/// The symbols that base64 of any text has for `value`, if `shift` bytes modulo 3 precede it.
fn base64_within(engine: &GeneralPurpose, value: &[u8], shift: usize) -> Vec<u8> {
    let padded = Zeroizing::new([vec![0; shift], value.to_vec()].concat());
    let encoded = Zeroizing::new(engine.encode(&*padded));
    // The symbols at both ends also hold bits of what precedes and follows the value.
    let begin = [0, 2, 3][shift];
    let end = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
    encoded.as_bytes().get(begin..end).unwrap_or_default().to_vec()
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    value.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}
