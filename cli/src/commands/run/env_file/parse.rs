//! Env files: `NAME=value` lines, read strictly.
//!
//! ```text
//! # A comment, on a line of its own or behind a value and a space.
//! export NAME=as it stands, trimmed
//! NAME='as it stands, over several lines too'
//! NAME="the same with \n \r \t \" \\ \$"
//! ```
//!
//! Nothing is expanded: neither `$NAME` nor `$(command)` mean anything. A name that comes twice, a quote that is not
//! closed, text behind one that is: errors, with their line and without what stands there, which may be a secret.

use crate::variable_name;

/// Where a file is not as it should be, without what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// The names and values of a text, in its order.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut rest = Rest { text: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut pairs: Vec<(String, String)> = Vec::new();
    while let Some((name, value)) = rest.next_pair()? {
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(rest.malformed("this name stands further up already"));
        }
        pairs.push((name, value));
        rest.end_line();
    }
    Ok(pairs)
}

/// What is still to be read.
struct Rest<'a> {
    text: &'a str,
    line: usize,
}

impl Rest<'_> {
    fn malformed(&self, why: &'static str) -> Malformed {
        Malformed { line: self.line, why }
    }

    fn next_pair(&mut self) -> Result<Option<(String, String)>, Malformed> {
        loop {
            self.skip_blanks();
            match self.text.chars().next() {
                None => return Ok(None),
                Some('\n' | '#') => self.end_line(),
                Some(_) => return self.pair().map(Some),
            }
        }
    }

    fn pair(&mut self) -> Result<(String, String), Malformed> {
        let line = self.text.lines().next().unwrap_or_default();
        let Some((name, _)) = line.split_once('=') else {
            return Err(self.malformed("a line is NAME=value"));
        };
        self.text = &self.text[name.len() + 1..];
        let name = name.trim_end();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if !variable_name::is_valid(name) {
            return Err(self.malformed("a name is letters, digits and '_', no digit first"));
        }
        let value = self.value()?;
        match value.contains('\0') {
            true => Err(self.malformed("a value can't hold a NUL")),
            false => Ok((name.to_owned(), value)),
        }
    }

    fn value(&mut self) -> Result<String, Malformed> {
        self.skip_blanks();
        match self.text.chars().next() {
            Some('\'') => self.quoted('\''),
            Some('"') => self.quoted('"'),
            _ => self.bare(),
        }
    }

    /// To the end of the line, or to a comment behind a space.
    fn bare(&mut self) -> Result<String, Malformed> {
        let line = self.text.lines().next().unwrap_or_default();
        let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']) || *at == 0);
        let value = &line[..comment.map_or(line.len(), |(at, _)| at)];
        let value = value.trim();
        // Of a line that ends so for others, the next one would be part.
        if value.contains('\r') {
            return Err(self.malformed("a carriage return stands in a value without quotes"));
        }
        self.text = &self.text[line.len()..];
        Ok(value.to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<String, Malformed> {
        let (begin, mut value) = (self.line, String::new());
        let mut chars = self.text.char_indices().skip(1);
        let end = loop {
            match chars.next() {
                None => return Err(Malformed { line: begin, why: "the quote is not closed" }),
                Some((at, found)) if found == quote => break at + 1,
                Some((_, '\\')) if quote == '"' => {
                    let escaped = chars.next().and_then(|(_, escaped)| unescape(escaped));
                    value.push(escaped.ok_or_else(|| self.malformed(r#"the escapes are \n \r \t \" \\ and \$"#))?);
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
            Some(_) => Err(self.malformed("something stands behind the closing quote")),
        }
    }

    fn skip_blanks(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t', '\r']);
    }

    /// Past a comment and the end of the line.
    fn end_line(&mut self) {
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
    fn values_are_what_stands_there() {
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
    fn what_makes_no_sense_is_refused_with_its_line() {
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
    fn an_error_tells_nothing_of_a_value() {
        for text in ["A='canary' x", "A=\"canary \\q\"", "A='canary", "canary"] {
            assert!(!parse(text).expect_err(text).why.contains("canary"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A\\PC\n\r\t ='\"\\\\#$]*") {
            let _ = parse(&text);
        }

        #[test]
        fn quoted_values_are_read_back(values in proptest::collection::vec("[^\0]*", 0..5)) {
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
