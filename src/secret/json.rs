//! A read-only view of the JSON in a secret: a tree of places in its text, not a copy of it.
//!
//! A tree of places keeps what a parsed copy loses: `1.10` stays `1.10`, and one value can be
//! replaced with every other byte left as it is. There is no second set of buffers to wipe either.
//! Only strings with escapes are decoded into buffers of their own, which are wiped when dropped.

mod parse;
mod strings;
mod tree;
mod write;

use std::{fmt, ops::Range};

#[cfg(any(test, feature = "file"))]
use zeroize::Zeroizing;

use self::tree::{Content, Node, Object};
#[cfg(any(test, feature = "file"))]
pub(crate) use self::write::write_ascii_string;
#[cfg(feature = "file")]
pub(crate) use self::write::{ascii_units_len, write_ascii_units};
pub(crate) use self::{
    tree::{Key, NodeId, NotJson, ROOT, Tree},
    write::{ascii_string_len, quote, write_string},
};

/// A borrowed view of one JSON value in a [`Secret`](crate::Secret).
///
/// Copying it is cheap. Numbers keep their text ([`raw`](Self::raw)), so no digit is lost to a
/// float. If an object has the same key twice, the last one counts, as in most JSON parsers.
/// `Debug` shows the kind of the value alone.
///
/// What Python's json module writes is read, too: the numbers `NaN`, `Infinity` and `-Infinity`,
/// any depth, and strings with half of a surrogate pair (`"\ud800"`). Such a string is no text, so
/// it has no [`as_str`](Self::as_str). In a key, the half goes by its escape, in lower case. A byte
/// order mark before the document is skipped.
#[derive(Clone, Copy)]
pub struct Json<'a> {
    text: &'a str,
    tree: &'a Tree,
    node: NodeId,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number of any size and precision, or `NaN`, `Infinity` or `-Infinity`.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a str, tree: &'a Tree, node: NodeId) -> Self {
        Self { text, tree, node }
    }

    pub(crate) fn node(self) -> NodeId {
        self.node
    }

    /// The kind of this value.
    pub fn kind(self) -> JsonKind {
        match self.content() {
            Content::Null => JsonKind::Null,
            Content::Bool(_) => JsonKind::Bool,
            Content::Number => JsonKind::Number,
            Content::String(_) | Content::HalfPair => JsonKind::String,
            Content::Array(_) => JsonKind::Array,
            Content::Object(_) => JsonKind::Object,
        }
    }

    /// The text of this value, byte for byte as in the secret. That of a string has its quotes.
    pub fn raw(self) -> &'a str {
        &self.text[self.span()]
    }

    /// The decoded text of a string; `None` for any other kind, and for a string with half of a
    /// surrogate pair, which is no text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.content() {
            Content::String(Some(decoded)) => Some(decoded),
            Content::String(None) => Some(self.quoted()),
            _ => None,
        }
    }

    /// The value of a boolean; `None` for any other kind.
    pub fn as_bool(self) -> Option<bool> {
        match self.content() {
            Content::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an integer in the range of `i64`; `None` for any other number or kind. Parse
    /// [`raw`](Self::raw) for other numbers.
    pub fn as_i64(self) -> Option<i64> {
        match self.content() {
            Content::Number => self.raw().parse().ok(),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.content(), Content::Null)
    }

    /// The value under a key of an object; `None` if the key is missing, and for any other kind.
    #[inline]
    pub fn get(self, key: &str) -> Option<Json<'a>> {
        self.member(key).map(|node| self.at_node(node))
    }

    /// An element of an array by its index, from 0; `None` behind the last one, and for any other
    /// kind.
    pub fn at(self, index: usize) -> Option<Json<'a>> {
        self.element(index).map(|node| self.at_node(node))
    }

    /// The keys and values of an object, in the order of the keys' Unicode code points; empty for
    /// any other kind.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        self.keyed_members().map(|(key, member)| (key.name(), member))
    }

    /// The members of an object, by keys that may be no text.
    pub(crate) fn keyed_members(self) -> impl Iterator<Item = (&'a Key, Json<'a>)> {
        let members = match self.content() {
            Content::Object(members) => Some(members),
            _ => None,
        };
        members.into_iter().flat_map(Object::iter).map(move |(key, node)| (key, self.at_node(node)))
    }

    /// The elements of an array, in order; empty for any other kind.
    pub fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let elements: &[NodeId] = match self.content() {
            Content::Array(elements) => elements,
            _ => &[],
        };
        elements.iter().map(move |node| self.at_node(*node))
    }

    /// Whether this is a string that is no text, because it has half of a surrogate pair.
    #[inline]
    pub(crate) fn is_half_pair(self) -> bool {
        matches!(self.content(), Content::HalfPair)
    }

    /// Such a string in UTF-16; `None` for any other value.
    #[cfg(any(test, feature = "file"))]
    pub(crate) fn half_pair(self) -> Option<Zeroizing<Vec<u16>>> {
        self.is_half_pair().then(|| strings::utf16(self.quoted()))
    }

    /// What stands between the quotes of a string.
    fn quoted(self) -> &'a str {
        let Range { start, end } = self.span();
        &self.text[start + 1..end - 1]
    }

    pub(crate) fn span(self) -> Range<usize> {
        self.node_ref().span.clone()
    }

    /// The node of a member of an object.
    #[inline]
    pub(crate) fn member(&self, key: &str) -> Option<NodeId> {
        match self.content() {
            Content::Object(members) => members.get(key),
            _ => None,
        }
    }

    /// The node of an element of an array.
    #[inline]
    pub(crate) fn element(&self, index: usize) -> Option<NodeId> {
        match self.content() {
            Content::Array(elements) => elements.get(index).copied(),
            _ => None,
        }
    }

    /// The value at another node of the same document.
    #[inline]
    pub(crate) fn at_node(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn content(self) -> &'a Content {
        &self.node_ref().content
    }

    fn node_ref(self) -> &'a Node {
        &self.tree.nodes[self.node as usize]
    }
}

impl Tree {
    /// All values of the document, which has this text.
    #[cfg(any(feature = "vault", feature = "__aws"))]
    pub(crate) fn values<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Json<'a>> {
        (ROOT..).zip(&self.nodes).map(move |(node, _)| Json::new(text, self, node))
    }
}

impl JsonKind {
    /// The kind with its article, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
