//! The tree of places of a JSON text: one node for each value.

use std::{cmp::Ordering, fmt, ops::Range};

use zeroize::Zeroizing;

use super::strings::{Decoded, with_halves_escaped};

pub(crate) type NodeId = u32;

/// The places of all values of one document; the root is node 0.
pub(crate) struct Tree {
    pub(super) nodes: Vec<Node>,
}

pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) content: Content,
}

pub(super) enum Content {
    Null,
    Bool(bool),
    Number,
    /// The decoded text, if it differs from what stands between the quotes.
    String(Option<Zeroizing<String>>),
    /// A string with half of a surrogate pair, which is no text.
    HalfPair,
    Array(Vec<NodeId>),
    Object(Object),
}

impl From<Decoded> for Content {
    fn from(decoded: Decoded) -> Self {
        match decoded {
            Decoded::AsWritten => Self::String(None),
            Decoded::Text(text) => Self::String(Some(text)),
            Decoded::HalfPair(_) => Self::HalfPair,
        }
    }
}

/// The members of an object, sorted by the names of their keys.
pub(super) struct Object(Vec<(Key, NodeId)>);

/// A decoded key. A map from user names to passwords has secrets in its keys, too.
#[derive(Default)]
pub(crate) struct Key {
    /// Half of a surrogate pair, which is no text, stands as its escape: `\ud800`.
    name: Zeroizing<String>,
    /// The key in UTF-16, if it has such a half.
    units: Option<Box<Zeroizing<Vec<u16>>>>,
}

/// Why something is not JSON. It says where, and shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// Not exactly one JSON value.
    Syntax { line: usize, column: usize },
    /// A string with half of a surrogate pair, which is no Unicode text.
    HalfPair,
    /// More values than a [`NodeId`] can count.
    TooLarge,
    /// Bytes that are not UTF-8.
    NotText,
    /// A map of named values, some of which are not UTF-8.
    NotTextMap { values: usize },
}

pub(crate) const ROOT: NodeId = 0;

/// Up to this many members are compared one by one, which is faster: most keys differ in length.
const FEW: usize = 8;

impl Object {
    /// Members in the order of the text. If a key comes twice, the last one counts.
    pub(super) fn new(mut members: Vec<(Key, NodeId)>) -> Self {
        // The sort is stable, so the last one of equal keys in the text comes first, and is kept.
        members.reverse();
        members.sort_by(|(key, _), (other, _)| key.cmp(other));
        members.dedup_by(|(later, _), (kept, _)| later.cmp(kept).is_eq());
        Self(members)
    }

    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<NodeId> {
        let Self(members) = self;
        if members.len() <= FEW {
            return members.iter().find(|(member, _)| *member.name == key).map(|(_, node)| *node);
        }
        let index = members.partition_point(|(member, _)| member.name.as_str() < key);
        members.get(index).filter(|(member, _)| *member.name == key).map(|(_, node)| *node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, NodeId)> {
        self.0.iter().map(|(key, node)| (key, *node))
    }
}

impl Key {
    /// The key of a string, with what stands between its quotes.
    pub(super) fn new(decoded: Decoded, written: &str) -> Self {
        match decoded {
            Decoded::AsWritten => Self { name: Zeroizing::new(written.to_owned()), units: None },
            Decoded::Text(name) => Self { name, units: None },
            Decoded::HalfPair(units) => Self { name: with_halves_escaped(&units), units: Some(Box::new(units)) },
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The key in UTF-16, if it is no text.
    pub(crate) fn units(&self) -> Option<&[u16]> {
        self.units.as_deref().map(|units| units.as_slice())
    }

    /// The code points of the key, by which Python sorts keys. Half of a surrogate pair is one,
    /// too.
    #[cfg(feature = "file")]
    pub(crate) fn code_points(&self) -> impl Iterator<Item = u32> {
        let text = self.units.is_none().then(|| self.name.chars().map(u32::from));
        let units = char::decode_utf16(self.units().unwrap_or_default().iter().copied());
        let units = units.map(|unit| unit.map_or_else(|half| half.unpaired_surrogate().into(), u32::from));
        text.into_iter().flatten().chain(units)
    }

    /// By name. Of two with the same name, the text comes first: one may be `\ud800` with a
    /// backslash, and the other one half of a pair.
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.as_str().cmp(&other.name).then_with(|| self.units().cmp(&other.units()))
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => write!(f, "not JSON (line {line}, column {column})"),
            Self::HalfPair => f.write_str("not JSON (a string holds half of a surrogate pair)"),
            Self::TooLarge => f.write_str("JSON with too many values"),
            Self::NotText => f.write_str("binary"),
            Self::NotTextMap { values } => write!(f, "a map of {values} named values, not all of them text"),
        }
    }
}

impl std::error::Error for NotJson {}
