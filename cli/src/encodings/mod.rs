//! The encodings of a value in what programs print: as it is, each line of it, and as encoders write it.
//!
//! A mask of a CI system is a plain text. So a encoding is all of what one encoder writes for one value, and
//! each way to escape it is a encoding of its own. [`string_literals`], [`markup`], [`urls`] and [`shell`] list the
//! encoders in tables.

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

/// What is shorter is not looked for: it would be found everywhere, and tell the value by where it was hidden.
pub(crate) const MIN_LENGTH: usize = 4;

/// How deep JSON may stand in JSON: a document in a key of a secret, which holds one in turn.
const MAX_JSON_DEPTH: usize = 4;

/// The columns at which `base64` and PEM break lines.
const BASE64_LINE_LENGTHS: [usize; 2] = [76, 64];

/// The columns at which `xxd -p` and others break hexadecimal lines.
const HEX_LINE_LENGTHS: [usize; 2] = [60, 64];

/// The most memory that encodings may take. Values of 64 KiB, the largest that AWS stores, take 10 to 70 MiB by what is in them, and
/// 1 MiB of lines of base64, as much as Kubernetes stores, takes 180. Without a limit, a value of 64 MiB would take gigabytes.
const MEMORY_LIMIT: usize = 256 << 20;

/// What a encoding takes besides its bytes, about: its place in the set, and what the allocator adds.
const ENTRY_OVERHEAD: usize = 64;

/// A value takes this many times its own size, or more. What is too large by this is refused before anything is encoded.
const MIN_EXPANSION: usize = 8;

/// Encodings of values, each once, in the order of their bytes. Wiped when dropped.
pub(crate) struct Encodings {
    all: BTreeSet<Vec<u8>>,
    /// The memory that they take.
    size: usize,
    /// The most memory that they may take.
    limit: usize,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is looked for.
    Whole,
    /// It is shorter than [`MIN_LENGTH`].
    TooShort,
    /// Its encodings, with those that were there before, take more memory than they may. Not all of them were added.
    TooLarge,
}

impl Encodings {
    /// The most memory that encodings may take, in MiB.
    pub(crate) const MEMORY_LIMIT_MIB: usize = MEMORY_LIMIT >> 20;

    /// Adds the encodings of a secret, and of each text in it if it is JSON.
    #[must_use]
    pub(crate) fn add(&mut self, secret: &Secret) -> Added {
        let value = secret.expose_bytes();
        if value.len() > self.limit / MIN_EXPANSION {
            return Added::TooLarge;
        }
        if let Ok(text) = std::str::from_utf8(value) {
            self.add_parts(text, MAX_JSON_DEPTH);
        }
        match self.add_value(value) {
            _ if self.is_full() => Added::TooLarge,
            true => Added::Whole,
            false => Added::TooShort,
        }
    }

    fn is_full(&self) -> bool {
        self.size > self.limit
    }

    /// The encodings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.all.iter().map(Vec::as_slice)
    }

    /// The texts in a text that is JSON. One of them may be JSON again: a key of a secret that holds a whole document.
    fn add_parts(&mut self, text: &str, depth: usize) {
        let document = Secret::text(text, Metadata::default());
        if let (Ok(json), true) = (document.json(), depth > 0) {
            self.add_texts(json, depth);
        }
    }

    fn add_texts(&mut self, json: Json<'_>, depth: usize) {
        if self.is_full() {
            return;
        }
        if let Some(text) = json.as_str() {
            self.add_value(text.as_bytes());
            self.add_parts(text, depth - 1);
        }
        json.elements().for_each(|element| self.add_texts(element, depth));
        json.members().for_each(|(_, member)| self.add_texts(member, depth));
    }

    /// Adds a text and its lines. Says whether it is long enough to be looked for.
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

    /// Whole, and what is the same wherever the value stands within something longer that is encoded.
    fn add_base64(&mut self, value: &[u8]) {
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(value);
            self.put_lines(encoded.as_bytes(), &BASE64_LINE_LENGTHS, (MIN_LENGTH * 4).div_ceil(3));
            self.put(encoded.into_bytes());
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            (0..3).for_each(|shift| self.put(within(&engine, value, shift)));
        }
    }

    /// As JSON, programming languages, shells, HTML and XML, and CI systems write text.
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

    /// The lines of a encoding that is broken at these columns, but for a last one that says less than the shortest value that is
    /// looked for: it would be found in every digest.
    fn put_lines(&mut self, encoding: &[u8], wraps: &[usize], shortest: usize) {
        for wrap in wraps.iter().filter(|wrap| encoding.len() > **wrap) {
            encoding.chunks(*wrap).filter(|line| line.len() >= shortest).for_each(|line| self.put(line.to_vec()));
        }
    }

    /// Encodings with blanks at their ends are those of a value with blanks at its ends. Such a value is found without them too; and
    /// with them, every line end would have to wait, since it might be its beginning.
    fn put(&mut self, mut encoding: Vec<u8>) {
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        let is_wanted = encoding.len() >= MIN_LENGTH && !blank(encoding.first()) && !blank(encoding.last());
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

/// What all texts in base64 have in common that hold `value` behind `shift` bytes, and more.
fn within(engine: &GeneralPurpose, value: &[u8], shift: usize) -> Vec<u8> {
    let padded = Zeroizing::new([vec![0; shift], value.to_vec()].concat());
    let encoded = Zeroizing::new(engine.encode(&*padded));
    // The first symbols hold bits of what stands in front, the last one bits of what follows.
    let begin = [0, 2, 3][shift];
    let end = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
    encoded.as_bytes().get(begin..end).unwrap_or_default().to_vec()
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    value.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}
