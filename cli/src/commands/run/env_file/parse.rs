//! Parser for env files: `NAME=value` lines.
//!
//! ```text
//! # A comment, on a line of its own or after a value and a space.
//! export NAME=literal text, trimmed
//! NAME='literal text, also over several lines'
//! NAME="text with the escapes \n \r \t \" \\ \$"
//! ```
//!
//! Nothing is expanded: `$NAME` and `$(command)` are literal text. Any other backslash in double
//! quotes is literal text too. A name may be set again. An unclosed quote and text after a closing
//! quote are errors. An error has the line number, but never text of the line, which may be a
//! secret.
//!
//! Where python-dotenv and Node agree on how to read a line, it is read that way, except that
//! `\$` is an escape, as in a shell. The tests have the table.

use zeroize::Zeroizing;

use crate::variable_name;

/// The line of a syntax error and its reason, without any text of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// One `NAME=value` of an env file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    /// It may be a secret.
    pub(super) value: Zeroizing<String>,
    /// The line that the name is on, counted from 1.
    pub(super) line: usize,
}

/// The names and values of an env file, in the order of its lines. A name may occur again.
pub(super) fn parse(text: &str) -> Result<Vec<Pair>, ParseError> {
    let mut parser = Parser { text: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut pairs = Vec::new();
    while let Some(pair) = parser.next_pair()? {
        pairs.push(pair);
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

    fn next_pair(&mut self) -> Result<Option<Pair>, ParseError> {
        loop {
            self.skip_blanks();
            match self.text.chars().next() {
                None => return Ok(None),
                Some('\n' | '#') => self.skip_line(),
                Some(_) => return self.pair().map(Some),
            }
        }
    }

    fn pair(&mut self) -> Result<Pair, ParseError> {
        let line = self.text.lines().next().unwrap_or_default();
        let Some((name, _)) = line.split_once('=') else {
            return Err(self.error("expected NAME=value"));
        };
        self.text = &self.text[name.len() + 1..];
        let name = name.trim_end();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if !variable_name::is_settable(name) {
            return Err(self.error(variable_name::SETTABLE_RULE));
        }
        let line = self.line;
        let value = self.value()?;
        match value.contains('\0') {
            true => Err(self.error("a value can't contain NUL")),
            false => Ok(Pair { name: name.to_owned(), value, line }),
        }
    }

    fn value(&mut self) -> Result<Zeroizing<String>, ParseError> {
        let follows_blank = self.skip_blanks();
        match self.text.chars().next() {
            Some('\'') => self.quoted('\''),
            Some('"') => self.quoted('"'),
            _ => self.bare(follows_blank),
        }
    }

    /// An unquoted value: up to the end of the line, or to a comment after a blank. So `NAME=#x` is
    /// `#x`, as in a shell.
    fn bare(&mut self, follows_blank: bool) -> Result<Zeroizing<String>, ParseError> {
        let line = self.text.lines().next().unwrap_or_default();
        let begins_comment = |at: usize| match at {
            0 => follows_blank,
            _ => line[..at].ends_with([' ', '\t']),
        };
        let end = line.match_indices('#').map(|(at, _)| at).find(|at| begins_comment(*at));
        let value = line[..end.unwrap_or(line.len())].trim();
        // To other readers it ends the line, so the rest would be another variable.
        if value.contains('\r') {
            return Err(self.error("a value without quotes contains a carriage return"));
        }
        self.text = &self.text[line.len()..];
        Ok(value.to_owned().into())
    }

    fn quoted(&mut self, quote: char) -> Result<Zeroizing<String>, ParseError> {
        let begin = self.line;
        // Large enough from the start: a value that grew would leave copies behind.
        let mut value = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut chars = self.text.char_indices().skip(1).peekable();
        let end = loop {
            let Some((at, found)) = chars.next() else {
                return Err(ParseError { line: begin, why: "the quote is never closed" });
            };
            if found == quote {
                break at + 1;
            }
            let escaped = match (found, quote) {
                ('\\', '"') => chars.peek().and_then(|(_, next)| unescape(*next)),
                _ => None,
            };
            if escaped.is_some() {
                chars.next();
            }
            self.line += usize::from(found == '\n');
            value.push(escaped.unwrap_or(found));
        };
        self.text = &self.text[end..];
        self.skip_blanks();
        match self.text.chars().next() {
            None | Some('\n' | '#') => Ok(value),
            Some(_) => Err(self.error("unexpected text after the closing quote")),
        }
    }

    /// Skips blanks, and tells whether there were any.
    fn skip_blanks(&mut self) -> bool {
        let rest = self.text.trim_start_matches([' ', '\t', '\r']);
        let skipped = rest.len() < self.text.len();
        self.text = rest;
        skipped
    }

    /// Skips the rest of the line.
    fn skip_line(&mut self) {
        self.text = self.text.split_once('\n').map_or("", |(_, rest)| rest);
        self.line += 1;
    }
}

/// The character that an escape in double quotes stands for. `None` if the backslash is text.
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
        assert_eq!((pairs.len(), pairs[0].name.as_str()), (1, "A"), "{text:?}");
        pairs[0].value.to_string()
    }

    #[test]
    fn values_are_read_as_written() {
        for (text, value) in [
            ("A=", ""),
            ("A=x", "x"),
            ("A = x y \r\n", "x y"),
            ("export A=x", "x"),
            ("\u{feff}# first\n\n  A=x # comment", "x"),
            ("\u{feff}A=x", "x"),
            ("A=x#y", "x#y"),
            ("A=#x", "#x"),
            ("A=#", "#"),
            ("A=#x #y", "#x"),
            ("A= #only a comment", ""),
            ("A=\t#only a comment", ""),
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

    /// What python-dotenv 1.2.2 and Node 20.20.2 (`util.parseEnv`, which `--env-file` uses) both
    /// read. They disagree on `#` after `=`, `\"`, `\\`, `\r`, `\t` and `\'`, and on quotes in the
    /// middle of a value.
    #[test]
    fn python_dotenv_and_node_read_the_same_where_they_agree() {
        for (text, read) in [
            ("A=\"x\\qy\"", &[("A", "x\\qy")][..]),
            ("A=\"\\d+\\.\\w\"", &[("A", "\\d+\\.\\w")]),
            ("A=\"\\u0041\\x41\\0\"", &[("A", "\\u0041\\x41\\0")]),
            ("A=\"\\ \\é\\!\\/\\`\"", &[("A", "\\ \\é\\!\\/\\`")]),
            ("A=\"x\\\ny\"", &[("A", "x\\\ny")]),
            ("A=\"a\\nb\"", &[("A", "a\nb")]),
            ("A='a\\nb'", &[("A", "a\\nb")]),
            ("A=\\ny", &[("A", "\\ny")]),
            ("A=x #y", &[("A", "x")]),
            ("A=\"x\"#y", &[("A", "x")]),
            ("A='#x'", &[("A", "#x")]),
            ("A=1\nA=2", &[("A", "1"), ("A", "2")]),
            ("A.B=1", &[("A.B", "1")]),
            ("A-B=1", &[("A-B", "1")]),
            ("export a.b-c.d=1", &[("a.b-c.d", "1")]),
            ("1A=2", &[("1A", "2")]),
        ] {
            let pairs = parse(text).expect(text);
            let pairs: Vec<_> = pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
            assert_eq!(pairs, read, "{text:?}");
        }
    }

    #[test]
    fn every_pair_has_the_line_of_its_name() {
        let pairs = parse("# c\nA='x\ny'\n\nB=\"x\\\ny\"\nA=2").expect("pairs");
        assert_eq!(pairs.iter().map(|pair| pair.line).collect::<Vec<_>>(), [2, 5, 7]);
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        for (text, line) in [
            ("A=1\nB", 2),
            ("A=1\n\nB/C=2", 3),
            ("A='x\ny", 1),
            ("A='x\ny'\nB=\"x\" \"", 3),
            ("A=\"x\\\ny\" z", 2),
            ("A=\"x\\", 1),
            ("A='x' y", 1),
            ("A='x'y", 1),
            ("A=x\0", 1),
            ("A=1\rB=2\r", 1),
            ("=x", 1),
            ("A B=x", 1),
            (".A=x", 1),
            ("../A=x", 1),
        ] {
            assert_eq!(parse(text).expect_err(text).line, line, "{text:?}");
        }
    }

    #[test]
    fn an_error_shows_no_part_of_a_value() {
        for text in ["A='canary' x", "A=\"canary \\q\" x", "A='canary", "canary"] {
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
            let read = parse(&lines.collect::<String>()).expect("quoted");
            let read: Vec<_> = read.into_iter().map(|pair| (pair.name, pair.value.to_string())).collect();
            let expected: Vec<_> = values.iter().cloned().enumerate().map(|(index, value)| (named(index), value)).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
