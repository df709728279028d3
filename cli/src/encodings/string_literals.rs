//! Values in string literals that escape with a backslash: JSON, and what programming languages print.
//!
//! An encoder is a [`Style`]: which characters it escapes, and how it writes them. Tables list the
//! characters, and each entry is taken with hexadecimal digits of either case, so an encoder that
//! differs from a listed one in its digits alone is known as well. A text that mixes styles, half of it written by one encoder and half by another, is
//! not: no encoder writes that, and a mask has to be one plain text.

use super::rewrite::Rewriter;
use crate::quoting;

/// How an encoder writes what it escapes. Besides what is listed it escapes the backslash itself.
#[derive(Clone, Copy)]
struct Style {
    /// Control characters that are written as a letter, by that letter.
    letters: &'static str,
    /// Characters with a backslash in front.
    backslashed: &'static str,
    /// Characters that are written as a number although they could be shown.
    numbered: &'static str,
    /// All others are written as a number.
    shown: Shown,
    number: fn(char) -> String,
}

/// Says which characters an encoder leaves as they are.
type Shown = fn(char) -> bool;

/// Which characters JSON encoders escape: with their number, and with a backslash.
const JSON: [(&str, &str); 11] = [
    // JavaScript, Python, serde, Jackson, jq, Ruby.
    ("", "\""),
    // PHP, ujson, DataContractJsonSerializer, Jackson with ESCAPE_FORWARD_SLASHES, Ruby with script_safe.
    ("", "\"/"),
    // Go, Rails, Django's json_script.
    ("<>&", "\""),
    // Jinja's tojson, Windows PowerShell.
    ("<>&'", "\""),
    // Gson.
    ("<>&'=", "\""),
    // Newtonsoft's EscapeHtml, PHP's JSON_HEX_TAG, _AMP, _APOS and _QUOT, with and without its slashes.
    ("<>&'\"", ""),
    ("<>&'\"", "/"),
    // .NET's System.Text.Json.
    ("<>&'\"+`", ""),
    // Go's html/template in scripts, before and since it took template literals.
    ("<>&'\"+`", "/"),
    ("<>&'\"+`${}", "/"),
    // serialize-javascript.
    ("<>/", "\""),
];

/// Those of them that write `\u003C` beside `\u00e4`: PHP, Django and serialize-javascript.
const MIXED: [(&str, &str); 4] = [("<>&", "\""), ("<>&'\"", ""), ("<>&'\"", "/"), ("<>/", "\"")];

/// Which characters they show otherwise, and which control characters they write as letters.
const JSON_SHOWN: [(&str, Shown); 9] = [
    ("bfnrt", |character| character >= ' '),
    // Go before 1.22.
    ("nrt", |character| character >= ' '),
    // jq.
    ("bfnrt", |character| character >= ' ' && character != '\u{7f}'),
    // Gson, Go, Rails.
    ("bfnrt", |character| character >= ' ' && !"\u{2028}\u{2029}".contains(character)),
    // .NET's relaxed and its BMP-wide encoders.
    ("bfnrt", |character| is_visible(character) && character <= '\u{ffff}'),
    // `export`.
    ("nrt", quoting::is_unescaped),
    // Python, Jackson's ESCAPE_NON_ASCII, .NET; the same where the letters differ; PHP, which shows DEL.
    ("bfnrt", is_visible_ascii),
    ("nrt", is_visible_ascii),
    ("bfnrt", |character| (' '..='\u{7f}').contains(&character)),
];

/// Numbers of JSON, by the case of their digits.
const UTF_16: [fn(char) -> String; 2] = [|character| utf_16(character, false), |character| utf_16(character, true)];

/// Encoders for scripts in HTML: Django's escapejs, Go's template.JSEscapeString.
const SCRIPTS: [Style; 2] = [
    Style {
        letters: "",
        backslashed: "",
        numbered: "\\'\"<>&=-;`",
        shown: |character| character >= ' ' && !"\u{2028}\u{2029}".contains(character),
        number: |character| utf_16(character, true),
    },
    Style {
        letters: "",
        backslashed: "'\"",
        numbered: "<>&=",
        shown: is_visible,
        number: |character| utf_16(character, true),
    },
];

/// How programs print a string of characters. Twice each: as the characters are, and in ASCII.
const CHARACTERS: [Style; 11] = [
    // Python's repr and ascii: it escapes a single quote only if there is a double quote as well.
    literal("nrt", "", |character| by_size(character, false)),
    literal("nrt", "'", |character| by_size(character, false)),
    // Go's %q and %+q.
    literal("abfnrtv", "\"", go),
    // Rust's {:?}, escape_debug and escape_default.
    literal("nrt0", "\"", |character| braced(character, false)),
    literal("nrt0", "'\"", |character| braced(character, false)),
    literal("nrt", "'\"", |character| braced(character, false)),
    // PyYAML.
    literal("0abefnrtvN_LP", "\"", |character| by_size(character, true)),
    // Java's Properties.store.
    literal("fnrt", "=:#!", |character| utf_16(character, true)),
    // JavaScript and C# literals by hand-written encoders.
    literal("bfnrtv", "'\"", |character| utf_16(character, false)),
    literal("bfnrtv", "'\"", |character| utf_16(character, true)),
    literal("bfnrtv", "'\"/", |character| utf_16(character, false)),
];

/// What Node's util.inspect escapes in each of its quotes.
const NODE: [&str; 4] = ["", "'", "\"", "`"];

/// How programs print a string of bytes.
const BYTES: [Style; 12] = [
    // Python's repr, in each of its quotes.
    literal("nrt", "", |byte| hexadecimal(byte, false)),
    literal("nrt", "'", |byte| hexadecimal(byte, false)),
    // Rust's escape_ascii and b"" literals.
    literal("nrt", "'\"", |byte| hexadecimal(byte, false)),
    literal("nrt0", "\"", |byte| hexadecimal(byte, false)),
    // Apache's logs.
    literal("bnrtv", "\"", |byte| hexadecimal(byte, false)),
    // Go's %+q of bytes that are no text.
    literal("abfnrtv", "\"", |byte| hexadecimal(byte, false)),
    // C in hexadecimal.
    literal("abfnrtv", "\"", |byte| hexadecimal(byte, true)),
    // nginx's logs.
    Style { numbered: "\\\"", ..literal("", "", |byte| hexadecimal(byte, true)) },
    // C and Git; GNU's escape and C quoting styles; Protobuf's text format.
    literal("abfnrtv", "\"", octal),
    literal("abfnrtv", "'\"", octal),
    literal("nrt", "'\"", octal),
    // PostgreSQL's bytea.
    literal("", "", octal),
];

/// Ruby's inspect and dump, in an encoding of Unicode and in another; less what [`ruby_hashes`] does.
const RUBY: [Style; 2] = [literal("abefnrtv", "\"#", ruby), literal("abefnrtv", "\"#", ruby_ascii)];
const RUBY_BYTES: Style = literal("abefnrtv", "\"#", |byte| hexadecimal(byte, true));

const fn literal(letters: &'static str, backslashed: &'static str, number: fn(char) -> String) -> Style {
    Style { letters, backslashed, numbered: "", shown: is_visible_ascii, number }
}

/// As encoders of JSON and programming languages write a text.
pub(super) fn encode_text(text: &str, mut put: impl FnMut(Vec<u8>)) {
    let mut rewriter = Rewriter::of_text(text);
    // What all of them show needs to be tried with one of them.
    let shown = if rewriter.has(|character| !is_visible_ascii(character)) { &JSON_SHOWN[..] } else { &JSON_SHOWN[..1] };
    let mut write = |style: Style| rewriter.write(|character| style.escape(character));
    for (numbered, backslashed) in JSON {
        for &(letters, shown) in shown {
            for number in UTF_16 {
                write(Style { letters, backslashed, numbered, shown, number }).into_iter().for_each(&mut put);
            }
        }
    }
    for (numbered, backslashed) in MIXED {
        for &(letters, shown) in shown {
            let number = |character| utf_16(character, is_visible_ascii(character));
            write(Style { letters, backslashed, numbered, shown, number }).into_iter().for_each(&mut put);
        }
    }
    for style in SCRIPTS.into_iter().chain(CHARACTERS).chain(NODE.map(node)) {
        write(style).into_iter().for_each(&mut put);
    }
    for style in CHARACTERS {
        write(Style { shown: is_visible, ..style }).into_iter().for_each(&mut put);
    }
    for style in RUBY {
        for shown in [is_visible, is_visible_ascii] {
            write(Style { shown, ..style }).into_iter().for_each(|encoding| put(ruby_hashes(&encoding)));
        }
    }
}

/// As programming languages write bytes, which need not be text.
pub(super) fn encode_bytes(bytes: &[u8], mut put: impl FnMut(Vec<u8>)) {
    let mut rewriter = Rewriter::of_bytes(bytes);
    for style in BYTES {
        rewriter.write(|byte| style.escape(byte)).into_iter().for_each(&mut put);
    }
    rewriter.write(|byte| RUBY_BYTES.escape(byte)).into_iter().for_each(|encoding| put(ruby_hashes(&encoding)));
}

/// Node's util.inspect.
const fn node(backslashed: &'static str) -> Style {
    Style {
        shown: |character| character >= ' ' && !matches!(character, '\u{7f}'..='\u{9f}'),
        ..literal("bfnrt", backslashed, |character| hexadecimal(character, true))
    }
}

impl Style {
    /// How it writes a character, unless it leaves it as it is.
    fn escape(&self, character: char) -> Option<String> {
        if self.numbered.contains(character) {
            return Some((self.number)(character));
        }
        if character == '\\' || self.backslashed.contains(character) {
            return Some(format!("\\{character}"));
        }
        if let Some(letter) = letter(character).filter(|letter| self.letters.contains(*letter)) {
            return Some(format!("\\{letter}"));
        }
        (!(self.shown)(character)).then(|| (self.number)(character))
    }
}

/// The letter that stands for a control character, in the languages that have one for it.
fn letter(character: char) -> Option<char> {
    Some(match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => return None,
    })
}

fn is_visible_ascii(character: char) -> bool {
    (' '..='~').contains(&character)
}

/// Whether programs print it as it is: all but control and format characters, separators, and numbers without a
/// character.
fn is_visible(character: char) -> bool {
    // Behind another character: a combining mark that stands first is escaped.
    is_visible_ascii(character)
        || !character.is_ascii() && format!("a{character}").escape_debug().nth(1) == Some(character)
}

/// `\u002b`, or `\u002B`: a number for each unit of UTF-16.
fn utf_16(character: char, upper: bool) -> String {
    let unit = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    character.encode_utf16(&mut [0; 2]).iter().map(unit).collect()
}

/// `\x2b`, or `\x2B`.
fn hexadecimal(character: char, upper: bool) -> String {
    let number = u32::from(character);
    if upper { format!("\\x{number:02X}") } else { format!("\\x{number:02x}") }
}

/// `\053`.
fn octal(character: char) -> String {
    format!("\\{:03o}", u32::from(character))
}

/// `\x2b`, `\u202b` or `\U0001f600`, by what the number needs.
fn by_size(character: char, upper: bool) -> String {
    let number = u32::from(character);
    match (number, upper) {
        (..=0xff, _) => hexadecimal(character, upper),
        (..=0xffff, _) => utf_16(character, upper),
        (_, false) => format!("\\U{number:08x}"),
        (_, true) => format!("\\U{number:08X}"),
    }
}

/// `\x2b` in ASCII, else as [`by_size`] writes it.
fn go(character: char) -> String {
    match u32::from(character) {
        0x80..=0xff => utf_16(character, false),
        _ => by_size(character, false),
    }
}

/// `\u{2b}`, or `\u{2B}`.
fn braced(character: char, upper: bool) -> String {
    let number = u32::from(character);
    if upper { format!("\\u{{{number:X}}}") } else { format!("\\u{{{number:x}}}") }
}

/// `\u202B`, `\u{1F600}`; DEL is `\x7F`.
fn ruby(character: char) -> String {
    match u32::from(character) {
        0x7f => hexadecimal(character, true),
        ..=0xffff => utf_16(character, true),
        _ => braced(character, true),
    }
}

/// The same in a text of an encoding in which it has no number in Unicode.
fn ruby_ascii(character: char) -> String {
    if character.is_ascii() { hexadecimal(character, true) } else { ruby(character) }
}

/// Ruby escapes `#` only where an interpolation would begin.
fn ruby_hashes(encoding: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(encoding.len()), 0);
    while let Some(byte) = encoding.get(at) {
        let escaped = if *byte == b'\\' { encoding.get(at + 1) } else { None };
        let begins = encoding.get(at + 2).is_some_and(|next| b"{$@".contains(next));
        match escaped {
            Some(b'#') if !begins => out.push(b'#'),
            Some(other) => out.extend([b'\\', *other]),
            None => out.push(*byte),
        }
        at += if escaped.is_some() { 2 } else { 1 };
    }
    out
}
