//! Parses a JSON text into the places of its values, in one pass and without recursion.
//!
//! serde_json refuses some of what Python's json module writes: `NaN`, `Infinity`, half of a
//! surrogate pair, and more than 128 levels. And it decodes strings in a scratch buffer that is
//! freed without being wiped. So the parser is ours. A fuzzer compares it with serde_json's, and a
//! test with Python's.

use std::ops::Range;

use super::{
    strings::{Decoded, decode},
    tree::{Content, Key, Node, NodeId, NotJson, Object, Tree},
};

/// Files that were saved on Windows may begin with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Tree {
    /// Finds the places of all values in `text`, which must be exactly one JSON value, as Python's
    /// json module reads it: `NaN`, `Infinity`, `-Infinity` and half of a surrogate pair are JSON,
    /// too. A byte order mark at the start is skipped.
    pub(crate) fn parse(text: &str) -> Result<Self, NotJson> {
        Parser::new(text, Dialect::Python).document()
    }

    /// As [`parse`](Self::parse), but takes only what every JSON parser reads.
    pub(crate) fn parse_strict(text: &str) -> Result<Self, NotJson> {
        Parser::new(text, Dialect::Standard).document()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Standard,
    Python,
}

struct Parser<'a> {
    text: &'a str,
    /// The offset of the next byte.
    at: usize,
    dialect: Dialect,
    nodes: Vec<Node>,
    /// The arrays and objects that are not closed yet, the innermost one last.
    open: Vec<Open>,
}

/// An array or object whose end was not read yet.
struct Open {
    id: NodeId,
    children: Children,
}

enum Children {
    Array(Vec<NodeId>),
    /// The members so far, and the key of the next one.
    Object(Vec<(Key, NodeId)>, Key),
}

/// What follows a value.
enum After {
    /// The array or object that the value is the last one in has ended.
    Closed(NodeId),
    /// Another value.
    Value,
    /// The end of the document.
    End,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        Self { text, at, dialect, nodes: Vec::new(), open: Vec::new() }
    }

    fn document(mut self) -> Result<Tree, NotJson> {
        loop {
            let mut complete = self.value()?;
            while let Some(id) = complete {
                complete = match self.after(id)? {
                    After::Closed(id) => Some(id),
                    After::Value => None,
                    After::End => return Ok(Tree { nodes: self.nodes }),
                };
            }
        }
    }

    /// Reads a value, or the start of an array or object. `None` if a value in it comes next.
    fn value(&mut self) -> Result<Option<NodeId>, NotJson> {
        self.skip_whitespace();
        let start = self.at;
        let content = match self.peek() {
            Some(b'{') => return self.open_object(),
            Some(b'[') => return self.open_array(),
            Some(b'"') => self.string()?.into(),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Content::Bool(true))?,
            Some(b'f') => self.word("false", Content::Bool(false))?,
            Some(b'n') => self.word("null", Content::Null)?,
            Some(b'N') if self.dialect == Dialect::Python => self.word("NaN", Content::Number)?,
            Some(b'I') if self.dialect == Dialect::Python => self.word("Infinity", Content::Number)?,
            _ => return Err(self.error()),
        };
        self.add(start..self.at, content).map(Some)
    }

    fn open_array(&mut self) -> Result<Option<NodeId>, NotJson> {
        let id = self.add(self.at..self.at, Content::Null)?;
        self.at += 1;
        self.skip_whitespace();
        if self.take(b']') {
            return Ok(Some(self.close(id, Content::Array(Vec::new()))));
        }
        self.open.push(Open { id, children: Children::Array(Vec::new()) });
        Ok(None)
    }

    fn open_object(&mut self) -> Result<Option<NodeId>, NotJson> {
        let id = self.add(self.at..self.at, Content::Null)?;
        self.at += 1;
        self.skip_whitespace();
        if self.take(b'}') {
            return Ok(Some(self.close(id, Content::Object(Object::new(Vec::new())))));
        }
        let key = self.key()?;
        self.open.push(Open { id, children: Children::Object(Vec::new(), key) });
        Ok(None)
    }

    /// Adds a complete value to the array or object around it, and reads what follows.
    fn after(&mut self, value: NodeId) -> Result<After, NotJson> {
        self.skip_whitespace();
        let next = self.peek();
        let Some(mut around) = self.open.pop() else {
            return if next.is_none() { Ok(After::End) } else { Err(self.error()) };
        };
        let content = match (&mut around.children, next) {
            (Children::Array(elements), Some(b',')) => {
                elements.push(value);
                self.at += 1;
                None
            }
            (Children::Array(elements), Some(b']')) => {
                elements.push(value);
                Some(Content::Array(std::mem::take(elements)))
            }
            (Children::Object(members, key), Some(b',')) => {
                self.at += 1;
                self.skip_whitespace();
                let next = self.key()?;
                members.push((std::mem::replace(key, next), value));
                None
            }
            (Children::Object(members, key), Some(b'}')) => {
                members.push((std::mem::take(key), value));
                Some(Content::Object(Object::new(std::mem::take(members))))
            }
            _ => return Err(self.error()),
        };
        match content {
            None => {
                self.open.push(around);
                Ok(After::Value)
            }
            Some(content) => {
                self.at += 1;
                Ok(After::Closed(self.close(around.id, content)))
            }
        }
    }

    fn add(&mut self, span: Range<usize>, content: Content) -> Result<NodeId, NotJson> {
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| NotJson::TooLarge)?;
        self.nodes.push(Node { span, content });
        Ok(id)
    }

    fn close(&mut self, id: NodeId, content: Content) -> NodeId {
        let node = &mut self.nodes[id as usize];
        node.span.end = self.at;
        node.content = content;
        id
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self) -> Result<Key, NotJson> {
        if self.peek() != Some(b'"') {
            return Err(self.error());
        }
        let start = self.at;
        let decoded = self.string()?;
        let key = Key::new(decoded, &self.text[start + 1..self.at - 1]);
        self.skip_whitespace();
        if self.take(b':') { Ok(key) } else { Err(self.error()) }
    }

    /// Reads a string with its quotes.
    fn string(&mut self) -> Result<Decoded, NotJson> {
        self.at += 1;
        let (start, mut has_escapes) = (self.at, false);
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += stop.unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.error()),
            }
            has_escapes = true;
        }
        let decoded = if has_escapes { decode(&self.text[start..self.at]) } else { Decoded::AsWritten };
        self.at += 1;
        match decoded {
            Decoded::HalfPair(_) if self.dialect == Dialect::Standard => Err(NotJson::HalfPair),
            decoded => Ok(decoded),
        }
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        let escape = &self.text.as_bytes()[self.at..];
        self.at += match escape.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if escape.get(2..6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => 6,
            _ => return Err(self.error()),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<Content, NotJson> {
        self.take(b'-');
        if self.peek() == Some(b'I') && self.dialect == Dialect::Python {
            return self.word("Infinity", Content::Number);
        }
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Content::Number)
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count > 0 { Ok(()) } else { Err(self.error()) }
    }

    fn word(&mut self, word: &str, content: Content) -> Result<Content, NotJson> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error());
        }
        self.at += word.len();
        Ok(content)
    }

    fn skip_whitespace(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips the next byte if it is this one. Returns whether it was.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The error at the next byte, or at the end of the text.
    fn error(&self) -> NotJson {
        let read = &self.text.as_bytes()[..self.at];
        let line_start = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
        let in_line = String::from_utf8_lossy(&read[line_start..]);
        let column = 1 + in_line.trim_start_matches(BYTE_ORDER_MARK).chars().count();
        NotJson::Syntax { line, column }
    }
}
