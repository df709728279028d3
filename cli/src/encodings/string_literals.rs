//! Encodings of values in string literals with backslash escapes: JSON and programming languages.
//!
//! An encoder is a [`Style`]: which characters it escapes, and how. Each style in the tables is
//! applied with hexadecimal digits of either case. So an encoder that differs from a listed one
//! only in its digits is covered too.
//!
//! A text that mixes styles, half of it written by one encoder and half by another, is not covered:
//! no encoder writes that, and a CI mask has to be one plain text.

use super::rewrite::Rewriter;
use crate::quoting;

/// What an encoder escapes besides the backslash, and how.
#[derive(Clone, Copy)]
struct Style {
    /// The letters of escapes such as `\n` that it uses for control characters.
    letters: &'static str,
    /// Characters that get a backslash before them.
    backslashed: &'static str,
    /// Further characters that are written as a number.
    numbered: &'static str,
    /// Characters that are left as they are. All others are written as a number.
    shown: Shown,
    number: fn(char) -> String,
}

/// Whether an encoder leaves a character as it is.
type Shown = fn(char) -> bool;

/// The visible characters that JSON encoders escape: by number, and with a backslash.
const JSON: [(&str, &str); 11] = [
    // JavaScript, Python, serde, Jackson, jq, Ruby.
    ("", "\""),
    // PHP, ujson, DataContractJsonSerializer, Jackson with ESCAPE_FORWARD_SLASHES, Ruby with
    // script_safe.
    ("", "\"/"),
    // Go, Rails, Django's json_script.
    ("<>&", "\""),
    // Jinja's tojson, Windows PowerShell.
    ("<>&'", "\""),
    // Gson.
    ("<>&'=", "\""),
    // Newtonsoft's EscapeHtml, PHP's JSON_HEX_TAG, _AMP, _APOS and _QUOT, with and without its
    // slashes.
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

/// The JSON encoders that write `\u003C` but `\u00e4`: PHP, Django and serialize-javascript.
const MIXED: [(&str, &str); 4] = [("<>&", "\""), ("<>&'\"", ""), ("<>&'\"", "/"), ("<>/", "\"")];

/// The letters that JSON encoders use for control characters, and what they leave as it is.
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
    // Python, Jackson's ESCAPE_NON_ASCII, .NET; the same where the letters differ; PHP, which shows
    // DEL.
    ("bfnrt", is_visible_ascii),
    ("nrt", is_visible_ascii),
    ("bfnrt", |character| (' '..='\u{7f}').contains(&character)),
];

/// JSON's escapes by number, with digits of either case.
const UTF_16: [fn(char) -> String; 2] = [|character| utf_16(character, false), |character| utf_16(character, true)];

/// Encoders for scripts in HTML: Django's `escapejs`, Go's `template.JSEscapeString`.
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

/// String literals of programming languages. Each is applied twice: with characters beyond ASCII as
/// they are, and escaped.
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

/// The quotes that Node's `util.inspect` escapes, by the quotes that it puts around the string.
const NODE: [&str; 4] = ["", "'", "\"", "`"];

/// Byte string literals of programming languages.
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

/// Ruby's `inspect` and `dump`, for strings in Unicode and in other encodings. [`ruby_hashes`]
/// comes on top.
const RUBY: [Style; 2] = [literal("abefnrtv", "\"#", ruby), literal("abefnrtv", "\"#", ruby_ascii)];
const RUBY_BYTES: Style = literal("abefnrtv", "\"#", |byte| hexadecimal(byte, true));

const fn literal(letters: &'static str, backslashed: &'static str, number: fn(char) -> String) -> Style {
    Style { letters, backslashed, numbered: "", shown: is_visible_ascii, number }
}

/// Passes what encoders of JSON and programming languages write for a text to `put`.
pub(super) fn encode_text(text: &str, mut put: impl FnMut(Vec<u8>)) {
    let mut rewriter = Rewriter::of_text(text);
    // In a text of visible ASCII they all leave the same characters, so the first one will do.
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
            write(Style { shown, ..style }).into_iter().for_each(|literal| put(ruby_hashes(&literal)));
        }
    }
}

/// Passes what programming languages write for bytes, which need not be text, to `put`.
pub(super) fn encode_bytes(bytes: &[u8], mut put: impl FnMut(Vec<u8>)) {
    let mut rewriter = Rewriter::of_bytes(bytes);
    for style in BYTES {
        rewriter.write(|byte| style.escape(byte)).into_iter().for_each(&mut put);
    }
    rewriter.write(|byte| RUBY_BYTES.escape(byte)).into_iter().for_each(|literal| put(ruby_hashes(&literal)));
}

/// Node's `util.inspect`.
const fn node(backslashed: &'static str) -> Style {
    Style {
        shown: |character| character >= ' ' && !matches!(character, '\u{7f}'..='\u{9f}'),
        ..literal("bfnrt", backslashed, |character| hexadecimal(character, true))
    }
}

impl Style {
    /// The escape for a character; `None` if it is left as it is.
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

/// The letter of the escape for a control character, in languages that have one.
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

/// Whether `Debug`-like output leaves a character as it is: no control or format character, no
/// separator but the space, and no unassigned code point.
fn is_visible(character: char) -> bool {
    // After another character, because `escape_debug` escapes a combining mark that comes first.
    is_visible_ascii(character)
        || !character.is_ascii() && format!("a{character}").escape_debug().nth(1) == Some(character)
}

/// `\u002b` or `\u002B`, for each unit of UTF-16.
fn utf_16(character: char, upper: bool) -> String {
    let unit = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    character.encode_utf16(&mut [0; 2]).iter().map(unit).collect()
}

/// `\x2b` or `\x2B`.
fn hexadecimal(character: char, upper: bool) -> String {
    let number = u32::from(character);
    if upper { format!("\\x{number:02X}") } else { format!("\\x{number:02x}") }
}

/// `\053`.
fn octal(character: char) -> String {
    format!("\\{:03o}", u32::from(character))
}

/// The shortest of `\x2b`, `\u202b` and `\U0001f600` that fits the number.
fn by_size(character: char, upper: bool) -> String {
    let number = u32::from(character);
    match (number, upper) {
        (..=0xff, _) => hexadecimal(character, upper),
        (..=0xffff, _) => utf_16(character, upper),
        (_, false) => format!("\\U{number:08x}"),
        (_, true) => format!("\\U{number:08X}"),
    }
}

/// [`by_size`], but `\x2b` for ASCII only.
fn go(character: char) -> String {
    match u32::from(character) {
        0x80..=0xff => utf_16(character, false),
        _ => by_size(character, false),
    }
}

/// `\u{2b}` or `\u{2B}`.
fn braced(character: char, upper: bool) -> String {
    let number = u32::from(character);
    if upper { format!("\\u{{{number:X}}}") } else { format!("\\u{{{number:x}}}") }
}

/// `\u202B` or `\u{1F600}`, and `\x7F` for DEL.
fn ruby(character: char) -> String {
    match u32::from(character) {
        0x7f => hexadecimal(character, true),
        ..=0xffff => utf_16(character, true),
        _ => braced(character, true),
    }
}

/// [`ruby`], but `\x1F` for ASCII, as for strings that are not in Unicode.
fn ruby_ascii(character: char) -> String {
    if character.is_ascii() { hexadecimal(character, true) } else { ruby(character) }
}

/// Removes the backslash before `#` except where an interpolation would begin, as Ruby does.
fn ruby_hashes(literal: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(literal.len()), 0);
    while let Some(byte) = literal.get(at) {
        let escaped = if *byte == b'\\' { literal.get(at + 1) } else { None };
        let begins = literal.get(at + 2).is_some_and(|next| b"{$@".contains(next));
        match escaped {
            Some(b'#') if !begins => out.push(b'#'),
            Some(other) => out.extend([b'\\', *other]),
            None => out.push(*byte),
        }
        at += if escaped.is_some() { 2 } else { 1 };
    }
    out
}
