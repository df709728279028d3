//! Escapes untrusted text for terminals and logs: names of secrets, messages of servers, paths.
//!
//! Unescaped, such text could:
//!
//! - end the line and forge another one, move the cursor or change colours of a terminal;
//! - reverse the reading order of a line, or hide a part of it
//!   ([Unicode TR 36](https://www.unicode.org/reports/tr36/));
//! - give commands to the CI system that reads the log.
//!
//! The commands of CI systems are:
//!
//! - [`::name::` at the beginning of a
//!   line](https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs), also
//!   after whitespace, and `##[name]` anywhere in a line: GitHub's runner, and those modelled on
//!   it;
//! - [`##vso[name]`](https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Worker/WorkerCommandManager.cs)
//!   anywhere in a line: Azure Pipelines;
//! - `##teamcity[name]` anywhere in a line: TeamCity.
//!
//! Values of secrets are not escaped: they are printed as they are. How `export` quotes them is in
//! [`quoting`](crate::quoting).

use std::borrow::Cow;

/// Escapes one line of text for people. Characters that are invisible, or special to a terminal or
/// a CI system, become `\n` or `\u{1b}`.
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

/// Escapes one field of a line whose fields are separated by spaces: like [`text`], and spaces too.
pub(crate) fn word(word: &str) -> Cow<'_, str> {
    match text(word) {
        escaped if escaped.contains(' ') => Cow::Owned(escaped.replace(' ', "\\u{20}")),
        escaped => escaped,
    }
}

/// Escapes JSON on one line, as a serializer writes it. The result is the same document.
pub(crate) fn json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut rest = 0;
    // These characters occur only within strings, and never as part of an escape.
    for (at, character) in escapes(json) {
        escaped += &json[rest..at];
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped += &format!("\\u{unit:04x}");
        }
        rest = at + character.len_utf8();
    }
    escaped + &json[rest..]
}

/// The characters to escape, with their positions.
fn escapes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let indent = text.len() - text.trim_start().len();
    // GitHub's runner trims a line before it looks for a command.
    let command = text[indent..].starts_with("::").then_some(indent);
    let mut before = None;
    text.char_indices().filter(move |(at, character)| {
        let is_second_hash = *character == '#' && before == Some('#');
        before = Some(*character);
        is_second_hash || command == Some(*at) || !is_visible(*character)
    })
}

/// Letters and symbols without a visible glyph: Hangul fillers and the empty Braille pattern.
const NO_GLYPH: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// Whether a character is visible: no control or format character, no whitespace but the space.
fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    if NO_GLYPH.contains(&character) {
        return false;
    }
    // `escape_debug` escapes a combining mark at the beginning of a text, but not after a letter.
    let pair = format!("x{character}");
    pair.escape_debug().eq(pair.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_text_is_left_as_it_is() {
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
    fn untrusted_text_forges_neither_lines_nor_ci_commands() {
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
    fn a_field_of_a_line_has_no_spaces() {
        assert!(matches!(word("prod/db"), Cow::Borrowed("prod/db")));
        assert_eq!(word(" a\n b"), "\\u{20}a\\n\\u{20}b");
    }

    #[test]
    fn escaped_json_is_the_same_document() {
        for hostile in ["a\nb##vso[x]\u{9b}\u{202e}\u{e0001}\\u0023#", "::x::\"##[y]\u{7f}"] {
            let escaped = json(&serde_json::to_string(hostile).expect("a text"));
            assert!(escaped.chars().all(is_visible) && !escaped.contains("##"), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), hostile);
        }
    }
}
