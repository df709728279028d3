//! The tree of places of a JSON text: one node for each value.

use std::{fmt, ops::Range};

use zeroize::Zeroizing;

/// Documents with more levels are refused: the walk is recursive, and no secret is a hundred levels
/// deep. serde_json has the same limit.
pub(super) const MAX_DEPTH: usize = 128;

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
    Array(Vec<NodeId>),
    Object(Object),
}

/// The members of an object, sorted by key.
pub(super) struct Object(Vec<(Key, NodeId)>);

/// A decoded key. A map from user names to passwords has secrets in its keys, too.
pub(super) type Key = Zeroizing<String>;

/// Why something is not JSON. It says where, and shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// Not exactly one JSON value.
    Syntax { line: usize, column: usize },
    /// A string with half of a surrogate pair, which is no Unicode text.
    Surrogate,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
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
        members.dedup_by(|(later, _), (kept, _)| later == kept);
        Self(members)
    }

    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<NodeId> {
        let Self(members) = self;
        if members.len() <= FEW {
            return members.iter().find(|(member, _)| **member == key).map(|(_, node)| *node);
        }
        let index = members.binary_search_by(|(member, _)| member.as_str().cmp(key)).ok()?;
        members.get(index).map(|(_, node)| *node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, NodeId)> {
        self.0.iter().map(|(key, node)| (key.as_str(), *node))
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => write!(f, "not JSON (line {line}, column {column})"),
            Self::Surrogate => f.write_str("not JSON (a string holds half of a surrogate pair)"),
            Self::NotText => f.write_str("binary"),
            Self::NotTextMap { values } => write!(f, "a map of {values} named values, not all of them text"),
            Self::TooDeep => write!(f, "JSON nested deeper than {MAX_DEPTH} levels"),
        }
    }
}

impl std::error::Error for NotJson {}
