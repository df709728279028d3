//! Parses a JSON text into the places of its values.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Content, Key, MAX_DEPTH, Node, NodeId, NotJson, Tree};

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
    /// The address of the text, which offsets are counted from.
    base: usize,
    nodes: Vec<Node>,
}

impl Parser {
    /// Adds a value and, below it, its children. serde_json has already checked the syntax of
    /// `raw`.
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
/// The keys and values of an object, in the order of the text and with repeated keys.
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

/// The decoded text of a JSON string, given with its quotes; `None` if it has no escapes.
///
/// serde_json would decode it in a scratch buffer, which is freed without being wiped.
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

/// The character of the escape at the start of `text`, and the length of the escape.
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
