//! Escapes text from others (names of secrets, messages of servers, paths), so that it can't forge output.
//!
//! What it could do otherwise:
//!
//! - end the line and begin another one, or move the cursor and change colours of a terminal;
//! - change the order in which the line is read, or hide a part of it ([Unicode TR 36](https://www.unicode.org/reports/tr36/));
//! - give a command to the CI system that reads the log. GitHub's runner and those modelled on it obey
//!   [`::name::` at the beginning of a line](https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs),
//!   after white space too, and `##[name]` anywhere in one; Azure Pipelines obeys
//!   [`##vso[name]`](https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Worker/WorkerCommandManager.cs)
//!   and TeamCity `##teamcity[name]`, anywhere in a line.
//!
//! Values of secrets are not escaped: whoever asks for a value gets it as it is.

use std::borrow::Cow;

/// Text of one line for people. What can't be seen, or means something to a terminal or a CI system, is written as
/// a number: `\n`, `\u{1b}`.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    let escapes: Vec<_> = escapes(text).collect();
    if escapes.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut escaped, mut rest) = (String::with_capacity(text.len() + 16), 0);
    for (at, character) in escapes {
        escaped += &text[rest..at];
        match character {
            '\n' | '\r' | '\t' | '\0' => escaped.extend(character.escape_debug()),
            other => escaped.extend(other.escape_unicode()),
        }
        rest = at + character.len_utf8();
    }
    Cow::Owned(escaped + &text[rest..])
}

/// JSON on one line, written by a serializer: the same document, with the same escapes in its texts.
pub(crate) fn json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut rest = 0;
    // Outside of texts, JSON has none of these characters; within, none of them is part of an escape.
    for (at, character) in escapes(json) {
        escaped += &json[rest..at];
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped += &format!("\\u{unit:04x}");
        }
        rest = at + character.len_utf8();
    }
    escaped + &json[rest..]
}

/// The characters that must not stand as they are, by where they are.
fn escapes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let indent = text.len() - text.trim_start().len();
    // GitHub trims lines before it looks for a command.
    let command = text[indent..].starts_with("::").then_some(indent);
    let mut before = None;
    text.char_indices().filter(move |(at, character)| {
        let is_second_hash = *character == '#' && before == Some('#');
        before = Some(*character);
        is_second_hash || command == Some(*at) || !can_be_seen(*character)
    })
}

/// Letters and symbols that are drawn as nothing: fillers of Hangul, and the empty pattern of Braille.
const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// Whether a character is written as it is seen: no control or format character, no white space but the plain one.
fn can_be_seen(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    if BLANK.contains(&character) {
        return false;
    }
    // The first character of a text is escaped if it combines with the one before; here there is one.
    let pair = format!("x{character}");
    pair.escape_debug().eq(pair.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for plain in [
            "",
            "prod/db",
            "it's \"quoted\" \\n",
            "é e\u{301} 密码 😀 имя",
            "# comment #",
            "arn:aws:iam::123456789012:role/x",
            ":x",
        ] {
            assert!(matches!(text(plain), Cow::Borrowed(_)), "{plain}");
            let document = serde_json::to_string(plain).expect("a text");
            assert_eq!(json(&document), document);
        }
    }

    #[test]
    fn text_from_others_forges_neither_lines_nor_commands() {
        for (hostile, escaped) in [
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31m\u{7}\u{7f}\u{9b}", "\\u{1b}[31m\\u{7}\\u{7f}\\u{9b}"),
            ("user\u{202e}drowssap\u{2066}", "user\\u{202e}drowssap\\u{2066}"),
            ("a\u{3164}\u{2800}", "a\\u{3164}\\u{2800}"),
            ("a\u{200b}\u{2028}\u{feff}\u{a0}", "a\\u{200b}\\u{2028}\\u{feff}\\u{a0}"),
            ("::add-mask::x", "\\u{3a}:add-mask::x"),
            ("  ::error::x", "  \\u{3a}:error::x"),
            ("x ##vso[task.complete]", "x #\\u{23}vso[task.complete]"),
            ("###[group]", "#\\u{23}\\u{23}[group]"),
            ("##teamcity[buildStop]", "#\\u{23}teamcity[buildStop]"),
        ] {
            assert_eq!(text(hostile), escaped);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        for hostile in ["a\nb##vso[x]\u{9b}\u{202e}\u{e0001}\\u0023#", "::x::\"##[y]\u{7f}"] {
            let escaped = json(&serde_json::to_string(hostile).expect("a text"));
            assert!(escaped.chars().all(can_be_seen) && !escaped.contains("##"), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), hostile);
        }
    }
}
