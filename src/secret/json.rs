//! JSON as it stands in a secret: a tree of places in the text, not a copy of it.
//!
//! A tree of spans answers what a parsed copy can't: `1.10` stays `1.10`, one value can be replaced
//! with every other byte left as it is, and there is no second set of buffers to wipe. Only strings
//! with escapes are decoded into buffers of their own, which are wiped when dropped.

use std::{borrow::Borrow, cmp::Ordering, collections::BTreeMap, fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// Deeper documents are refused: the walk is recursive, and no secret is a hundred levels deep.
/// The same bound as serde_json's own.
const MAX_DEPTH: usize = 128;

/// A borrowed view of one JSON value inside a [`Secret`](crate::Secret).
///
/// Numbers are kept as their text ([`raw`](Self::raw)), so that nothing is lost to a float. Of two
/// equal keys in an object the last one counts, as in most JSON parsers.
#[derive(Clone, Copy)]
pub struct Json<'a> {
    text: &'a str,
    tree: &'a Tree,
    node: NodeId,
}

/// What kind of JSON value a [`Json`] is.
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

pub(crate) type NodeId = u32;

/// The places of all values of one document; the root is node 0.
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

struct Node {
    span: Range<usize>,
    content: Content,
}

enum Content {
    Null,
    Bool(bool),
    Number,
    /// The decoded text, if it differs from what stands between the quotes.
    String(Option<Zeroizing<String>>),
    Array(Vec<NodeId>),
    Object(BTreeMap<Key, NodeId>),
}

/// A decoded key: a map from user names to passwords has secrets in its keys too.
struct Key(Zeroizing<String>);

/// The text is not one JSON value. Says where, never what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJson {
    Syntax { line: usize, column: usize },
    Surrogate,
    TooDeep,
    NotText,
}

pub(crate) const ROOT: NodeId = 0;

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a str, tree: &'a Tree, node: NodeId) -> Self {
        Self { text, tree, node }
    }

    pub(crate) fn node(self) -> NodeId {
        self.node
    }

    /// Which kind of value this is.
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

    /// The value's own text, byte for byte as it stands in the secret.
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

    /// A number that is a whole one within `i64`; `None` otherwise. For others parse [`raw`](Self::raw).
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

    /// A member of an object by its key.
    pub fn get(self, key: &str) -> Option<Json<'a>> {
        match self.content() {
            Content::Object(members) => members.get(key).map(|node| self.at_node(*node)),
            _ => None,
        }
    }

    /// An element of an array by its index.
    pub fn at(self, index: usize) -> Option<Json<'a>> {
        match self.content() {
            Content::Array(elements) => elements.get(index).map(|node| self.at_node(*node)),
            _ => None,
        }
    }

    /// The members of an object, by key in order of Unicode code points; empty for other kinds.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        let members = match self.content() {
            Content::Object(members) => Some(members),
            _ => None,
        };
        members.into_iter().flatten().map(move |(key, node)| (key.borrow(), self.at_node(*node)))
    }

    /// The elements of an array in order; empty for other kinds.
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

    fn at_node(self, node: NodeId) -> Self {
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

impl Tree {
    /// Finds the places of all values in `text`, which must be exactly one JSON value.
    pub(crate) fn parse(text: &str) -> Result<Self, NotJson> {
        let root: &RawValue = serde_json::from_str(text).map_err(NotJson::from_serde)?;
        let mut parser = Parser { base: text.as_ptr().addr(), nodes: Vec::new() };
        parser.value(root, 0)?;
        Ok(Self { nodes: parser.nodes })
    }
}

struct Parser {
    base: usize,
    nodes: Vec<Node>,
}

impl Parser {
    /// serde_json has already checked the syntax of `raw`; each level is cut into its children.
    fn value(&mut self, raw: &RawValue, depth: usize) -> Result<NodeId, NotJson> {
        if depth > MAX_DEPTH {
            return Err(NotJson::TooDeep);
        }
        let text = raw.get();
        let start = text.as_ptr().addr() - self.base;
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| NotJson::TooDeep)?;
        self.nodes.push(Node { span: start..start + text.len(), content: Content::Null });
        let content = match text.as_bytes().first() {
            Some(b'{') => self.object(raw, depth)?,
            Some(b'[') => self.array(raw, depth)?,
            Some(b'"') => Content::String(unescape(text)?),
            Some(b't') => Content::Bool(true),
            Some(b'f') => Content::Bool(false),
            Some(b'n') => Content::Null,
            _ => Content::Number,
        };
        self.nodes[id as usize].content = content;
        Ok(id)
    }

    fn object(&mut self, raw: &RawValue, depth: usize) -> Result<Content, NotJson> {
        let Members(members) = serde_json::from_str(raw.get()).map_err(NotJson::from_serde)?;
        let mut object = BTreeMap::new();
        for (key, value) in members {
            let key = match unescape(key.get())? {
                Some(decoded) => decoded,
                None => Zeroizing::new(unquoted(key.get()).to_owned()),
            };
            object.insert(Key(key), self.value(value, depth + 1)?);
        }
        Ok(Content::Object(object))
    }

    fn array(&mut self, raw: &RawValue, depth: usize) -> Result<Content, NotJson> {
        let elements: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(NotJson::from_serde)?;
        let nodes = elements.into_iter().map(|element| self.value(element, depth + 1));
        Ok(Content::Array(nodes.collect::<Result<_, _>>()?))
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// An object's members in the order of the text, repeated keys included.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The text of a JSON string, quotes included, or nothing where it stands decoded already.
///
/// Not serde_json's, whose scratch buffer would keep the decoded text after it is freed.
fn unescape(quoted: &str) -> Result<Option<Zeroizing<String>>, NotJson> {
    let mut rest = unquoted(quoted);
    if !rest.contains('\\') {
        return Ok(None);
    }
    // Decoding only shortens, so the buffer never moves and leaves no copy behind.
    let mut decoded = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        decoded.push_str(&rest[..at]);
        let (character, length) = escape(&rest[at..])?;
        decoded.push(character);
        rest = &rest[at + length..];
    }
    decoded.push_str(rest);
    Ok(Some(decoded))
}

fn unquoted(quoted: &str) -> &str {
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted)
}

/// One escape at the start of `text`: the character and the length of the escape.
fn escape(text: &str) -> Result<(char, usize), NotJson> {
    let character = match text.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text),
        Some(&other @ (b'"' | b'\\' | b'/')) => char::from(other),
        _ => return Err(NotJson::Surrogate),
    };
    Ok((character, 2))
}

fn unicode_escape(text: &str) -> Result<(char, usize), NotJson> {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let units = [unit(0), unit(6)];
    let high = units[0].ok_or(NotJson::Surrogate)?;
    if let Some(character) = char::from_u32(u32::from(high)) {
        return Ok((character, 6));
    }
    let pair = units.into_iter().flatten();
    match char::decode_utf16(pair).next() {
        Some(Ok(character)) => Ok((character, 12)),
        _ => Err(NotJson::Surrogate),
    }
}

impl NotJson {
    fn from_serde(error: serde_json::Error) -> Self {
        Self::Syntax { line: error.line(), column: error.column() }
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => write!(f, "not JSON (line {line}, column {column})"),
            Self::Surrogate => f.write_str("not JSON (a string holds half of a surrogate pair)"),
            Self::NotText => f.write_str("binary"),
            Self::TooDeep => write!(f, "JSON nested deeper than {MAX_DEPTH} levels"),
        }
    }
}

impl std::error::Error for NotJson {}

/// Appends `text` as a JSON string, in the manner of Python's `json.dump`: ASCII only, every other
/// character as `\u` escapes in lower case.
pub(crate) fn write_ascii_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write_unit(out, *unit);
                }
            }
        }
    }
    out.push('"');
}

fn write_unit(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = char::from_digit(u32::from(unit >> shift) & 0xf, 16);
        out.push(digit.expect("four bits are one hexadecimal digit"));
    }
}

/// How many bytes [`write_ascii_string`] writes, so that a buffer for it need never move.
pub(crate) fn ascii_string_len(text: &str) -> usize {
    let escaped = text.chars().map(|character| match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        ' '..='~' => 1,
        other => 6 * other.len_utf16(),
    });
    escaped.sum::<usize>() + 2
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
    fn what_only_python_takes_for_json_is_not_json() {
        for text in ["NaN", "Infinity", "0123", "plain", " ", "", "{\"a\":1} x", "'a'"] {
            assert!(Tree::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_however_they_are_spelled() {
        let text = r#"{"a":1,"\u0061":2}"#;
        let tree = Tree::parse(text).expect("an object");
        assert_eq!(view(text, &tree).get("a").map(Json::raw), Some("2"));
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        for text in [r#""\ud800""#, r#""\ud800x""#, r#""\udc00\ud800""#, r#"{"\ud800":1}"#] {
            assert_eq!(Tree::parse(text).err(), Some(NotJson::Surrogate), "{text}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused_not_walked() {
        let text = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Tree::parse(&text).err(), Some(NotJson::TooDeep));
    }

    #[test]
    fn python_writes_it_so() {
        let mut out = String::new();
        write_ascii_string(&mut out, "h\u{e9}\u{1f600}\u{7f}\"\\/\n");
        assert_eq!(out, r#""h\u00e9\ud83d\ude00\u007f\"\\/\n""#);
    }

    proptest! {
        #[test]
        fn strings_come_back_from_any_spelling(text in any::<String>()) {
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
