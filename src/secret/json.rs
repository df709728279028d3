//! A read-only view of the JSON in a secret: a tree of places in its text, not a copy of it.
//!
//! A tree of places keeps what a parsed copy loses: `1.10` stays `1.10`, and one value can be
//! replaced with every other byte left as it is. There is no second set of buffers to wipe either.
//! Only strings with escapes are decoded into buffers of their own, which are wiped when dropped.

mod parse;
mod tree;
mod write;

use std::{fmt, ops::Range};

use self::tree::{Content, Node, Object};
#[cfg(any(test, feature = "file"))]
pub(crate) use self::write::write_ascii_string;
pub(crate) use self::{
    tree::{NodeId, NotJson, ROOT, Tree},
    write::{ascii_string_len, quote, write_string},
};

/// A borrowed view of one JSON value in a [`Secret`](crate::Secret).
///
/// Copying it is cheap. Numbers keep their text ([`raw`](Self::raw)), so no digit is lost to a
/// float. If an object has the same key twice, the last one counts, as in most JSON parsers.
/// `Debug` shows the kind of the value alone.
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
    /// A number of any size and precision.
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
            Content::String(_) => JsonKind::String,
            Content::Array(_) => JsonKind::Array,
            Content::Object(_) => JsonKind::Object,
        }
    }

    /// The text of this value, byte for byte as in the secret. That of a string has its quotes.
    pub fn raw(self) -> &'a str {
        &self.text[self.span()]
    }

    /// The decoded text of a string; `None` for any other kind.
    pub fn as_str(self) -> Option<&'a str> {
        match self.content() {
            Content::String(Some(decoded)) => Some(decoded),
            Content::String(None) => {
                let Range { start, end } = self.span();
                Some(&self.text[start + 1..end - 1])
            }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view<'a>(text: &'a str, tree: &'a Tree) -> Json<'a> {
        Json::new(text, tree, ROOT)
    }

    #[test]
    fn numbers_keep_their_text() {
        for number in ["1.10", "12345678901234567890123", "-0", "1e999"] {
            let tree = Tree::parse(number).expect("a number");
            assert_eq!(view(number, &tree).raw(), number);
            assert_eq!(view(number, &tree).kind(), JsonKind::Number);
        }
    }

    #[test]
    fn texts_that_only_python_reads_as_json_are_refused() {
        for text in ["NaN", "Infinity", "0123", "plain", " ", "", "{\"a\":1} x", "'a'"] {
            assert!(Tree::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_however_it_is_escaped() {
        let text = r#"{"a":1,"\u0061":2}"#;
        let tree = Tree::parse(text).expect("an object");
        assert_eq!(view(text, &tree).get("a").map(Json::raw), Some("2"));
    }

    #[test]
    fn members_are_found_and_listed_in_order_in_small_and_large_objects() {
        for count in [0, 1, 8, 9, 100] {
            let mut text = (0..count).rev().map(|key| format!("\"k{key:03}\":1{key}")).collect::<Vec<_>>();
            // The first member comes again at the end, and counts.
            text.extend(text.first().map(|first| format!("{}9", first)));
            let text = format!("{{{}}}", text.join(","));
            let tree = Tree::parse(&text).expect("an object");
            let object = view(&text, &tree);
            for key in 0..count {
                let value = if key == count - 1 { format!("1{key}9") } else { format!("1{key}") };
                assert_eq!(object.get(&format!("k{key:03}")).map(Json::raw), Some(&*value), "{text}");
            }
            assert_eq!(object.get("k").map(Json::raw), None);
            let keys: Vec<_> = object.members().map(|(key, _)| key.to_owned()).collect();
            assert_eq!(keys, (0..count).map(|key| format!("k{key:03}")).collect::<Vec<_>>());
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        for text in [r#""\ud800""#, r#""\ud800x""#, r#""\udc00\ud800""#, r#"{"\ud800":1}"#] {
            assert_eq!(Tree::parse(text).err(), Some(NotJson::Surrogate), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        let text = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Tree::parse(&text).err(), Some(NotJson::TooDeep));
    }

    proptest! {
        #[test]
        fn strings_are_decoded_however_they_are_escaped(text in any::<String>()) {
            let mut ascii = String::new();
            write_ascii_string(&mut ascii, &text);
            prop_assert_eq!(ascii.len(), ascii_string_len(&text));
            for json in [ascii, serde_json::to_string(&text).expect("a string")] {
                let tree = Tree::parse(&json).expect("a string");
                prop_assert_eq!(view(&json, &tree).as_str(), Some(text.as_str()));
            }
        }

        #[test]
        fn spans_agree_with_serde_json(a in any::<i64>(), b in ".*", c in any::<bool>()) {
            let text = serde_json::json!({ "a": [a, c, null], "b": { "c": b } }).to_string();
            let tree = Tree::parse(&text).expect("an object");
            let root = view(&text, &tree);
            prop_assert_eq!(root.get("a").and_then(|a| a.at(0)).and_then(Json::as_i64), Some(a));
            prop_assert_eq!(root.get("a").and_then(|a| a.at(1)).and_then(Json::as_bool), Some(c));
            prop_assert!(root.get("a").and_then(|a| a.at(2)).is_some_and(Json::is_null));
            let nested = root.get("b").and_then(|b| b.get("c"));
            prop_assert_eq!(nested.and_then(Json::as_str), Some(b.as_str()));
        }
    }
}
