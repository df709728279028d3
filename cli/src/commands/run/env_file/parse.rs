//! Strict parser for env files: `NAME=value` lines.
//!
//! ```text
//! # A comment, on a line of its own or after a value and a space.
//! export NAME=literal text, trimmed
//! NAME='literal text, also over several lines'
//! NAME="text with the escapes \n \r \t \" \\ \$"
//! ```
//!
//! Nothing is expanded: `$NAME` and `$(command)` are literal text. A duplicate name, an unclosed
//! quote and text after a closing quote are errors. An error has the line number, but never text of
//! the line, which may be a secret.

use crate::variable_name;

/// The line of a syntax error and its reason, without any text of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// The names and values of an env file, in the order of its lines.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, ParseError> {
    let mut parser = Parser { text: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut pairs: Vec<(String, String)> = Vec::new();
    while let Some((name, value)) = parser.next_pair()? {
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(parser.error("this name is already set further up"));
        }
        pairs.push((name, value));
        parser.skip_line();
    }
    Ok(pairs)
}

/// The unparsed rest of a file, and its line number.
struct Parser<'a> {
    text: &'a str,
    line: usize,
}

impl Parser<'_> {
    fn error(&self, why: &'static str) -> ParseError {
        ParseError { line: self.line, why }
    }

    fn next_pair(&mut self) -> Result<Option<(String, String)>, ParseError> {
        loop {
            self.skip_blanks();
            match self.text.chars().next() {
                None => return Ok(None),
                Some('\n' | '#') => self.skip_line(),
                Some(_) => return self.pair().map(Some),
            }
        }
    }

    fn pair(&mut self) -> Result<(String, String), ParseError> {
        let line = self.text.lines().next().unwrap_or_default();
        let Some((name, _)) = line.split_once('=') else {
            return Err(self.error("expected NAME=value"));
        };
        self.text = &self.text[name.len() + 1..];
        let name = name.trim_end();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if !variable_name::is_valid(name) {
            return Err(self.error("a name consists of letters, digits and '_', and doesn't begin with a digit"));
        }
        let value = self.value()?;
        match value.contains('\0') {
            true => Err(self.error("a value can't contain NUL")),
            false => Ok((name.to_owned(), value)),
        }
    }

    fn value(&mut self) -> Result<String, ParseError> {
        self.skip_blanks();
        match self.text.chars().next() {
            Some('\'') => self.quoted('\''),
            Some('"') => self.quoted('"'),
            _ => self.bare(),
        }
    }

    /// An unquoted value: up to the end of the line, or to a comment after a space.
    fn bare(&mut self) -> Result<String, ParseError> {
        let line = self.text.lines().next().unwrap_or_default();
        let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']) || *at == 0);
        let value = &line[..comment.map_or(line.len(), |(at, _)| at)];
        let value = value.trim();
        // To other readers it ends the line, so the rest would be another variable.
        if value.contains('\r') {
            return Err(self.error("a value without quotes contains a carriage return"));
        }
        self.text = &self.text[line.len()..];
        Ok(value.to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let (begin, mut value) = (self.line, String::new());
        let mut chars = self.text.char_indices().skip(1);
        let end = loop {
            match chars.next() {
                None => return Err(ParseError { line: begin, why: "the quote is never closed" }),
                Some((at, found)) if found == quote => break at + 1,
                Some((_, '\\')) if quote == '"' => {
                    let escaped = chars.next().and_then(|(_, escaped)| unescape(escaped));
                    value.push(escaped.ok_or_else(|| self.error(r#"unknown escape: use \n \r \t \" \\ or \$"#))?);
                }
                Some((_, found)) => {
                    self.line += usize::from(found == '\n');
                    value.push(found);
                }
            }
        };
        self.text = &self.text[end..];
        self.skip_blanks();
        match self.text.chars().next() {
            None | Some('\n' | '#') => Ok(value),
            Some(_) => Err(self.error("unexpected text after the closing quote")),
        }
    }

    fn skip_blanks(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t', '\r']);
    }

    /// Skips the rest of the line.
    fn skip_line(&mut self) {
        self.text = self.text.split_once('\n').map_or("", |(_, rest)| rest);
        self.line += 1;
    }
}

fn unescape(escaped: char) -> Option<char> {
    Some(match escaped {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '"' | '\\' | '$' => escaped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> String {
        let pairs = parse(text).expect(text);
        assert_eq!((pairs.len(), pairs[0].0.as_str()), (1, "A"), "{text:?}");
        pairs[0].1.clone()
    }

    #[test]
    fn values_are_read_as_written() {
        for (text, value) in [
            ("A=", ""),
            ("A=x", "x"),
            ("A = x y \r\n", "x y"),
            ("export A=x", "x"),
            ("\u{feff}# first\n\n  A=x # comment", "x"),
            ("A=x#y", "x#y"),
            ("A=#only a comment", ""),
            ("A=$HOME `id` $(id) \\n", "$HOME `id` $(id) \\n"),
            ("A='x # \" \\n\ny'", "x # \" \\n\ny"),
            ("A=\"x # ' \\n \\$ \\\" \\\\\ty\" # comment", "x # ' \n $ \" \\\ty"),
            ("A=aws.sm://prod/db#password", "aws.sm://prod/db#password"),
            ("A=x=y", "x=y"),
            ("A=it's", "it's"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        for (text, line) in [
            ("A=1\nB", 2),
            ("A=1\n\n1B=2", 3),
            ("A=1\nA=2", 2),
            ("A='x\ny", 1),
            ("A='x\ny'\nB=\"\\q\"", 3),
            ("A='x' y", 1),
            ("A='x'y", 1),
            ("A=x\0", 1),
            ("A=1\rB=2\r", 1),
            ("=x", 1),
            ("A B=x", 1),
        ] {
            assert_eq!(parse(text).expect_err(text).line, line, "{text:?}");
        }
    }

    #[test]
    fn an_error_shows_no_part_of_a_value() {
        for text in ["A='canary' x", "A=\"canary \\q\"", "A='canary", "canary"] {
            assert!(!parse(text).expect_err(text).why.contains("canary"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[A\\PC\n\r\t ='\"\\\\#$]*") {
            let _ = parse(&text);
        }

        #[test]
        fn quoted_values_round_trip(values in proptest::collection::vec("[^\0]*", 0..5)) {
            let named = |index: usize| format!("NAME_{index}");
            let quote = |value: &str| {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{escaped}\"")
            };
            let lines = values.iter().enumerate().map(|(index, value)| format!("{}={}\n", named(index), quote(value)));
            let expected: Vec<_> = values.iter().cloned().enumerate().map(|(index, value)| (named(index), value)).collect();
            prop_assert_eq!(parse(&lines.collect::<String>()), Ok(expected));
        }
    }
}
