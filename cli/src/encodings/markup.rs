//! Values in HTML and XML.
//!
//! The named references are the same everywhere, but for the quotes. Encoders differ in the characters
//! that they escape besides, and in how they write numbers: hexadecimal digits are taken in either case.
//! Names for characters beyond ASCII (`&auml;`) are not: few encoders still write them.

use super::rewrite::Rewriter;

/// How an encoder writes what it escapes. Besides what is listed these are `&`, `<` and `>`.
#[derive(Clone, Copy)]
struct Style {
    /// How it writes double and single quotes; empty: as they are.
    double: &'static str,
    single: &'static str,
    /// What it writes as a number besides.
    numbered: &'static str,
    /// How it writes numbers, with digits of either case.
    number: [fn(char) -> String; 2],
    /// What it writes as a number beyond ASCII.
    beyond: fn(char) -> bool,
    /// XML has no need to escape `>`.
    keeps_greater: bool,
}

const DECIMAL: [fn(char) -> String; 2] = [|character| format!("&#{};", u32::from(character)); 2];
const HEXADECIMAL: [fn(char) -> String; 2] =
    [|character| format!("&#x{:X};", u32::from(character)), |character| format!("&#x{:x};", u32::from(character))];

/// All ways to write quotes are taken together, where nothing else is escaped.
const DOUBLE: [&str; 3] = ["", "&quot;", "&#34;"];
const SINGLE: [&str; 5] = ["", "&#39;", "&#x27;", "&#039;", "&apos;"];

const STYLES: [Style; 15] = [
    // Go's html/template, in quotes and without.
    Style { numbered: "+", ..style("&#34;", "&#39;", DECIMAL) },
    Style { numbered: "+=` \t\n\r\u{b}\u{c}", ..style("&#34;", "&#39;", DECIMAL) },
    // Lodash of old, and Underscore.
    Style { numbered: "`", ..style("&quot;", "&#39;", DECIMAL) },
    Style { numbered: "`", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // Handlebars.
    Style { numbered: "`=", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // mustache.js.
    Style { numbered: "`=/", ..style("&quot;", "&#39;", HEXADECIMAL) },
    // OWASP's rules.
    Style { numbered: "/", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    // .NET: HtmlEncoder for ASCII and for all ranges, WebUtility.
    Style { numbered: "+`\t\n\r", beyond: not_ascii, ..style("&quot;", "&#x27;", HEXADECIMAL) },
    Style { numbered: "+`\t\n\r", ..style("&quot;", "&#x27;", HEXADECIMAL) },
    Style { beyond: latin_or_astral, ..style("&quot;", "&#39;", DECIMAL) },
    // In ASCII: lxml, Python's xmlcharrefreplace behind html.escape, libxml2.
    Style { beyond: not_ascii, ..style("", "", DECIMAL) },
    Style { beyond: not_ascii, ..style("&quot;", "&#x27;", DECIMAL) },
    Style { beyond: not_ascii, ..style("&quot;", "", HEXADECIMAL) },
    // XML: Go, and the canonical encoding of attributes.
    Style { numbered: "\t\n\r", ..style("&#34;", "&#39;", HEXADECIMAL) },
    Style { numbered: "\t\n\r", keeps_greater: true, ..style("&quot;", "", HEXADECIMAL) },
];

const fn style(double: &'static str, single: &'static str, number: [fn(char) -> String; 2]) -> Style {
    Style { double, single, numbered: "", number, beyond: |_| false, keeps_greater: false }
}

/// As encoders of HTML and XML write a text.
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
    /// How it writes a character, unless it leaves it as it is.
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

/// What Latin-1 has, and what is two units in UTF-16.
fn latin_or_astral(character: char) -> bool {
    matches!(character, '\u{a0}'..='\u{ff}' | '\u{10000}'..)
}
