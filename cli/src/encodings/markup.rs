//! Encodings of values in HTML and XML.
//!
//! All encoders write `&`, `<` and mostly `>` as the same named references. They differ in quotes,
//! in numbers, and in which further characters they escape. Hexadecimal digits are covered in
//! either case. Named references beyond ASCII, such as `&auml;`, are not: few encoders still write
//! them.

use super::rewrite::Rewriter;

/// What an encoder escapes besides `&`, `<` and `>`, and how.
#[derive(Clone, Copy)]
struct Style {
    /// The references for double and single quotes; empty if quotes are not escaped.
    double: &'static str,
    single: &'static str,
    /// Further characters that are written as a number.
    numbered: &'static str,
    /// A reference by number, with digits of either case.
    number: [fn(char) -> String; 2],
    /// Whether a character beyond ASCII is written as a number.
    beyond: fn(char) -> bool,
    /// Whether `>` is left as it is, which XML permits.
    keeps_greater: bool,
}

const DECIMAL: [fn(char) -> String; 2] = [|character| format!("&#{};", u32::from(character)); 2];
const HEXADECIMAL: [fn(char) -> String; 2] =
    [|character| format!("&#x{:X};", u32::from(character)), |character| format!("&#x{:x};", u32::from(character))];

/// The references for quotes. All combinations are tried, without further escapes.
const DOUBLE: [&str; 3] = ["", "&quot;", "&#34;"];
const SINGLE: [&str; 5] = ["", "&#39;", "&#x27;", "&#039;", "&apos;"];

const STYLES: [Style; 15] = [
    // Go's html/template, in quotes and without.
    Style { numbered: "+", ..style("&#34;", "&#39;", DECIMAL) },
    Style { numbered: "+=` \t\n\r\u{b}\u{c}", ..style("&#34;", "&#39;", DECIMAL) },
    // Old versions of Lodash, and Underscore.
    Style { numbered: "`", ..style("&quot;", "&#39;", DECIMAL) },
    Style { numbered: "`", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // Handlebars.
    Style { numbered: "`=", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // mustache.js.
    Style { numbered: "`=/", ..style("&quot;", "&#39;", HEXADECIMAL) },
    // The rules of OWASP.
    Style { numbered: "/", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // .NET: HtmlEncoder for ASCII and for all ranges, WebUtility.
    Style { numbered: "+`\t\n\r", beyond: not_ascii, ..style("&quot;", "&#x27;", HEXADECIMAL) },
    Style { numbered: "+`\t\n\r", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    Style { beyond: latin_or_astral, ..style("&quot;", "&#39;", DECIMAL) },
    // Output in ASCII: lxml, Python's html.escape followed by xmlcharrefreplace, libxml2.
    Style { beyond: not_ascii, ..style("", "", DECIMAL) },
    Style { beyond: not_ascii, ..style("&quot;", "&#x27;", DECIMAL) },
    Style { beyond: not_ascii, ..style("&quot;", "", HEXADECIMAL) },
    // XML: Go, and attributes in canonical XML.
    Style { numbered: "\t\n\r", ..style("&#34;", "&#39;", HEXADECIMAL) },
    Style { numbered: "\t\n\r", keeps_greater: true, ..style("&quot;", "", HEXADECIMAL) },
];

const fn style(double: &'static str, single: &'static str, number: [fn(char) -> String; 2]) -> Style {
    Style { double, single, numbered: "", number, beyond: |_| false, keeps_greater: false }
}

/// Passes what encoders of HTML and XML write for a text to `put`.
pub(super) fn encode(text: &str, mut put: impl FnMut(Vec<u8>)) {
    let mut rewriter = Rewriter::of_text(text);
    let quotes = DOUBLE.into_iter().flat_map(|double| SINGLE.map(|single| style(double, single, DECIMAL)));
    for style in quotes.chain(STYLES) {
        for number in style.number {
            rewriter.write(|character| style.escape(character, number)).into_iter().for_each(&mut put);
        }
    }
}

impl Style {
    /// The reference for a character; `None` if it is not escaped.
    fn escape(&self, character: char, number: fn(char) -> String) -> Option<String> {
        let written = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' if self.keeps_greater => "",
            '>' => "&gt;",
            '"' => self.double,
            '\'' => self.single,
            other if self.numbered.contains(other) || (self.beyond)(other) => return Some(number(other)),
            _ => "",
        };
        (!written.is_empty()).then(|| written.to_owned())
    }
}

fn not_ascii(character: char) -> bool {
    !character.is_ascii()
}

/// Whether a character is in Latin-1 beyond ASCII, or takes two units of UTF-16.
fn latin_or_astral(character: char) -> bool {
    matches!(character, '\u{a0}'..='\u{ff}' | '\u{10000}'..)
}
