//! The forms that a value takes in what programs print: as it is, by lines, and as encoders write it.

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};
use s1crets::{Json, Metadata, Secret};
use zeroize::{Zeroize, Zeroizing};

use crate::spelling;

/// What is shorter is not looked for: it would be found everywhere, and tell the value by where it was hidden.
pub(crate) const SHORTEST: usize = 4;

/// How deep JSON may stand in JSON: a document in a key of a secret, which holds one in turn.
const DEPTH: usize = 4;

/// The columns at which `base64` and PEM break lines.
const WRAPS: [usize; 2] = [76, 64];

/// The columns at which `xxd -p` and others break hexadecimal lines.
const HEX_WRAPS: [usize; 2] = [60, 64];

/// What encoders of URLs escape: RFC 3986 for a component; Python for a path; JavaScript's encodeURIComponent; its encodeURI;
/// [forms](https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set), as browsers, Java and Ruby write
/// them, and PHP; the [parts of a URL](https://url.spec.whatwg.org/#percent-encoded-bytes) as node and browsers write them, a user's name and password among
/// them; two of these as Go does.
const URLS: [&AsciiSet; 13] =
    [COMPONENT, PATH, JAVASCRIPT, WHOLE, FORM, PHP, FRAGMENT, QUERY, SPECIAL_QUERY, URL_PATH, USER, GO_PATH, GO_USER];
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &COMPONENT.remove(b'/');
const JAVASCRIPT: &AsciiSet = &COMPONENT.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const WHOLE: &AsciiSet = &without(JAVASCRIPT, b";,/?:@&=+$#");

const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
const PHP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
const SPECIAL_QUERY: &AsciiSet = &QUERY.add(b'\'');
const URL_PATH: &AsciiSet = &QUERY.add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');
const USER: &AsciiSet =
    &URL_PATH.add(b'/').add(b':').add(b';').add(b'=').add(b'@').add(b'[').add(b'\\').add(b']').add(b'|');
const GO_PATH: &AsciiSet = &without(COMPONENT, b"$&+=:@");
const GO_USER: &AsciiSet = &without(COMPONENT, b"$&+,;=");

const fn without(set: &AsciiSet, characters: &[u8]) -> AsciiSet {
    let (mut set, mut at) = (set.remove(characters[0]), 1);
    while at < characters.len() {
        set = set.remove(characters[at]);
        at += 1;
    }
    set
}

/// Forms of values, each once, in the order of their bytes. Wiped when dropped.
#[derive(Default)]
pub(crate) struct Forms(BTreeSet<Vec<u8>>);

impl Forms {
    /// Adds the forms of a secret, and of each text in it if it is JSON. Says whether it is long enough to be looked for.
    pub(crate) fn add(&mut self, secret: &Secret) -> bool {
        if let Ok(text) = std::str::from_utf8(secret.expose_bytes()) {
            self.add_parts(text, DEPTH);
        }
        self.add_value(secret.expose_bytes())
    }

    /// The forms.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// The texts in a text that is JSON. One of them may be JSON again: a key of a secret that holds a whole document.
    fn add_parts(&mut self, text: &str, depth: usize) {
        let document = Secret::text(text, Metadata::default());
        if let (Ok(json), true) = (document.json(), depth > 0) {
            self.add_texts(json, depth);
        }
    }

    fn add_texts(&mut self, json: Json<'_>, depth: usize) {
        if let Some(text) = json.as_str() {
            self.add_value(text.as_bytes());
            self.add_parts(text, depth - 1);
        }
        json.elements().for_each(|element| self.add_texts(element, depth));
        json.members().for_each(|(_, member)| self.add_texts(member, depth));
    }

    fn add_value(&mut self, value: &[u8]) -> bool {
        let trimmed = value.trim_ascii();
        if trimmed.len() < SHORTEST {
            return false;
        }
        for whole in [value, trimmed] {
            self.add_encoded(whole);
        }
        let lines = trimmed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| line.len() >= SHORTEST).for_each(|line| self.add_encoded(line));
        true
    }

    fn add_encoded(&mut self, value: &[u8]) {
        self.put(value.to_vec());
        self.add_base64(value);
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            let encoded = hex(value, digits);
            self.put_lines(&encoded, &HEX_WRAPS, SHORTEST * 2);
            self.put(encoded);
        }
        for set in URLS {
            let encoded = percent_encode(value, set).to_string();
            self.put(lower_escapes(&encoded));
            self.put(encoded.replace("%20", "+").into_bytes());
            self.put(encoded.into_bytes());
        }
        if let Ok(text) = std::str::from_utf8(value) {
            self.add_escaped(text);
        }
    }

    /// Whole, and what is the same wherever the value stands within something longer that is encoded.
    fn add_base64(&mut self, value: &[u8]) {
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(value);
            self.put_lines(encoded.as_bytes(), &WRAPS, (SHORTEST * 4).div_ceil(3));
            self.put(encoded.into_bytes());
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            (0..3).for_each(|shift| self.put(within(&engine, value, shift)));
        }
    }

    /// As JSON, shells, terminals, HTML and XML, and CI systems write text.
    fn add_escaped(&mut self, text: &str) {
        let json = serde_json::to_string(text).unwrap_or_default();
        let json = &json[1..json.len().max(2) - 1];
        // jq and Python write the last of the control characters as a number too, `export` what an editor would not show.
        for json in [json, &json.replace('\u{7f}', "\\u007f"), &spelled(spelling::json, text)] {
            for json in [json, &ascii_json(json)] {
                self.put(json.as_bytes().to_vec());
                self.put(json.replace('/', "\\/").into_bytes());
                self.put(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").into_bytes());
            }
        }
        self.put(text.replace('\n', "\r\n").into_bytes());
        self.add_shell(text);
        self.add_markup(text);
        self.put(spelled(spelling::teamcity, text).into_bytes());
        self.put(spelled(spelling::azure, text).into_bytes());
        self.put(spelled(spelling::powershell, text).into_bytes());
    }

    fn add_shell(&mut self, text: &str) {
        self.put(text.replace('\'', "'\\''").into_bytes());
        self.put(text.replace('\'', "'\"'\"'").into_bytes());
        // SQL and YAML.
        self.put(text.replace('\'', "''").into_bytes());
        self.put(text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").into_bytes());
        self.put(backslashed(text, |_, character| "\\\"$`".contains(character)));
        for plain in ["-_./:=@%+,", "-_./:=@%+"] {
            // `#` and `~` mean something at the beginning alone, `~` behind `=` and `:` too.
            let special = |at: usize, character: char| match character {
                '#' => at == 0,
                '~' => at == 0 || b"=:".contains(&text.as_bytes()[at - 1]),
                _ => !(character.is_alphanumeric() || plain.contains(character)),
            };
            self.put(backslashed(text, special));
            self.put(backslashed(text, |_, character| special(0, character)));
        }
        // Ruby's Shellwords.
        self.put(backslashed(text, |_, character| {
            !(character.is_ascii_alphanumeric() || "_-.,:+/@\n".contains(character))
        }));
        self.put(ansi_c(text, char::is_ascii));
        self.put(ansi_c(text, |_| true));
    }

    fn add_markup(&mut self, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        for double in ["\"", "&quot;", "&#34;"] {
            for single in ["'", "&#39;", "&#x27;", "&#039;", "&apos;"] {
                self.put(text.replace('"', double).replace('\'', single).into_bytes());
            }
        }
    }

    /// The lines of a form that is broken at these columns, but for a last one that says less than the shortest value that is
    /// looked for: it would be found in every digest.
    fn put_lines(&mut self, form: &[u8], wraps: &[usize], shortest: usize) {
        for wrap in wraps.iter().filter(|wrap| form.len() > **wrap) {
            form.chunks(*wrap).filter(|line| line.len() >= shortest).for_each(|line| self.put(line.to_vec()));
        }
    }

    /// Forms with blanks at their ends are those of a value with blanks at its ends. Such a value is found without them too; and
    /// with them, every line end would have to wait, since it might be its beginning.
    fn put(&mut self, form: Vec<u8>) {
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        if form.len() >= SHORTEST && !blank(form.first()) && !blank(form.last()) {
            self.0.insert(form);
        }
    }
}

impl Drop for Forms {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_iter().for_each(|mut form| form.zeroize());
    }
}

/// What all texts in base64 have in common that hold `value` behind `shift` bytes, and more.
fn within(engine: &GeneralPurpose, value: &[u8], shift: usize) -> Vec<u8> {
    let padded = Zeroizing::new([vec![0; shift], value.to_vec()].concat());
    let encoded = Zeroizing::new(engine.encode(&*padded));
    // The first symbols hold bits of what stands in front, the last one bits of what follows.
    let begin = [0, 2, 3][shift];
    let end = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
    encoded.as_bytes().get(begin..end).unwrap_or_default().to_vec()
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    value.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

fn lower_escapes(encoded: &str) -> Vec<u8> {
    let mut lower = encoded.as_bytes().to_vec();
    for (at, _) in encoded.match_indices('%') {
        lower[at + 1..(at + 3).min(encoded.len())].make_ascii_lowercase();
    }
    lower
}

/// JSON text with every character beyond ASCII as `\uXXXX`, as Python and PHP write it.
fn ascii_json(json: &str) -> String {
    let escape = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(escape).collect()
}

fn spelled(spell: impl Fn(&mut Vec<u8>, &str), text: &str) -> String {
    let mut out = Vec::new();
    spell(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

fn backslashed(text: &str, special: impl Fn(usize, char) -> bool) -> Vec<u8> {
    let escape = |(at, character)| special(at, character).then_some('\\').into_iter().chain([character]);
    text.char_indices().flat_map(escape).collect::<String>().into_bytes()
}

/// What stands between `$'` and `'` where
/// [bash](https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html) quotes a text: characters that the
/// locale can't show are written byte by byte.
fn ansi_c(text: &str, shows: impl Fn(&char) -> bool) -> Vec<u8> {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            '\u{1b}' => out += "\\E",
            '\u{7}' => out += "\\a",
            '\u{8}' => out += "\\b",
            '\u{b}' => out += "\\v",
            '\u{c}' => out += "\\f",
            '\\' | '\'' => out.extend(['\\', character]),
            shown if !shown.is_control() && shows(&shown) => out.push(shown),
            other => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    out += &format!("\\{byte:03o}");
                }
            }
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forms(value: &str) -> Forms {
        let mut forms = Forms::default();
        forms.add(&Secret::text(value, Metadata::default()));
        forms
    }

    fn covers(forms: &Forms, printed: &str) -> bool {
        forms.iter().any(|form| printed.as_bytes().windows(form.len()).any(|part| part == form))
    }

    #[test]
    fn what_tools_write_is_among_them() {
        // By jq, Python's json, urllib and html, JavaScript's encodeURI, bash's printf %q and set -x, and xxd.
        let value = "pä ss/\"w'o\\rd\"&<x>";
        let forms = forms(value);
        let all: Vec<_> = forms.iter().map(|form| String::from_utf8_lossy(form).into_owned()).collect();
        for written in [
            value,
            r#"pä ss/\"w'o\\rd\"&<x>"#,
            r#"p\u00e4 ss/\"w'o\\rd\"&<x>"#,
            "p%C3%A4%20ss%2F%22w%27o%5Crd%22%26%3Cx%3E",
            "p%c3%a4%20ss%2f%22w%27o%5crd%22%26%3cx%3e",
            "p%C3%A4+ss%2F%22w%27o%5Crd%22%26%3Cx%3E",
            r#"pä\ ss/\"w\'o\\rd\"\&\<x\>"#,
            r#"pä ss/"w'\''o\rd"&<x>"#,
            "70c3a42073732f2277276f5c726422263c783e",
            "p%C3%A4%20ss/%22w'o%5Crd%22&%3Cx%3E",
            "pä ss/&quot;w&#x27;o\\rd&quot;&amp;&lt;x&gt;",
            "pä ss/&quot;w&#39;o\\rd&quot;&amp;&lt;x&gt;",
        ] {
            assert!(all.iter().any(|form| form.starts_with(written)), "{written}");
        }
    }

    #[test]
    fn lines_and_texts_of_json_are_among_them() {
        let forms = forms("-----BEGIN KEY-----\r\n  line-one\nx\n");
        assert!(covers(&forms, "see: line-one!") && covers(&forms, "-----BEGIN KEY-----"));
        let forms = self::forms(r#"{"user":"app","nested":[{"password":"hun\u0074er2\n"}],"port":54320}"#);
        assert!(covers(&forms, "hunter2") && !covers(&forms, "54320") && !covers(&forms, "app"));
    }

    /// By node's URL and URLSearchParams, Ruby's URI, Go's url.UserPassword, xxd -p, bash's set -x and printf %q in two locales, Jinja,
    /// XML, PowerShell, jq and TeamCity.
    #[test]
    fn what_more_tools_write_is_among_them() {
        for (value, written) in [
            ("pa$sw!rd&x@7", "pa$sw!rd&x%407"),
            ("ab~cd*ef!gh", "ab%7Ecd*ef%21gh"),
            ("p@ss;w=rd/x", "p%40ss;w=rd%2Fx"),
            ("p\u{e4}ssw\u{f6}rt-\u{fc}", "p\\303\\244ssw\\303\\266rt-\\303\\274"),
            ("abc\u{7f}def\u{1}ghi", "abc\\177def\\001ghi"),
            ("pa$s#wo,rd~x", "pa\\$s#wo\\,rd~x"),
            ("#pa$s", "\\#pa\\$s"),
            ("line1\tsec\"ond's", "line1\\tsec\"ond\\'s"),
            ("\u{1b}[31mred-secret", "\\E[31mred-secret"),
            ("a\"b'c-correct", "a&#34;b&#39;c-correct"),
            ("a\"b'c-correct", "a&quot;b&apos;c-correct"),
            ("a\"b'c-correct", "a&quot;b'c-correct"),
            ("a\"b'c-correct", "a\"b''c-correct"),
            ("abc\u{7f}def\u{1}ghi", "abc\\u007fdef\\u0001ghi"),
            ("key\u{feff}\"x-secret", "key\\ufeff\\\"x-secret"),
            ("ab+cd/ef==gh", "ab+cd/ef\\=\\=gh"),
            ("pass=~word:~x,y{z}#q", "pass=\\~word:\\~x\\,y\\{z\\}#q"),
            ("p@ss w^rd|x", "p@ss%20w^rd|x"),
            ("a/b=c?d e", "a%2Fb=c%3Fd%20e"),
            ("it's|[x]\u{e4}", "it|'s|||[x|]|0x00E4"),
        ] {
            assert!(forms(value).iter().any(|form| form == written.as_bytes()), "{value:?}: {written}");
        }
        let long: String = ('a'..='z').cycle().take(100).collect();
        let hexed: String = long.bytes().map(|byte| format!("{byte:02x}")).collect();
        let forms = forms(&long);
        assert!(hexed.as_bytes().chunks(60).all(|line| forms.iter().any(|form| form == line)), "xxd -p breaks lines");
    }

    /// It would be found in every digest.
    #[test]
    fn the_scraps_of_a_folded_form_are_not_looked_for() {
        let forms = forms(&"x".repeat(61));
        assert!(forms.iter().all(|form| form.len() >= 6), "{:?}", forms.iter().find(|form| form.len() < 6));
    }

    #[test]
    fn texts_of_json_within_json_are_among_them() {
        let account = r#"{"email":"robot@x.iam","key":"-----BEGIN-----\nkeyline-one\nkeyline-two\n"}"#;
        let whole = serde_json::json!({ "sa": account, "n": [serde_json::json!(account).to_string()] }).to_string();
        for value in [account.to_owned(), whole, serde_json::json!(account).to_string()] {
            let forms = forms(&value);
            assert!(covers(&forms, "it prints keyline-two alone") && covers(&forms, "robot@x.iam"), "{value}");
        }
        let mut deep = account.to_owned();
        for _ in 0..40 {
            deep = serde_json::json!([deep]).to_string();
            if deep.len() > 100_000 {
                break;
            }
        }
        assert!(forms(&deep).iter().count() > 0, "it ends");
    }

    #[test]
    fn a_key_that_holds_a_document_is_one() {
        let secret = Secret::text(r#"{"sa": "{\"key\": \"keyline-one\"}"}"#, Metadata::default());
        let mut forms = Forms::default();
        forms.add(&secret.key("sa").expect("there"));
        assert!(forms.iter().any(|form| form == b"keyline-one"));
    }

    /// Whoever reads lines would wait for the end of each.
    #[test]
    fn no_form_begins_or_ends_with_a_blank() {
        let forms = forms("\n leading-and-trailing \n");
        assert!(forms.iter().all(|form| !form[0].is_ascii_whitespace() && !form[form.len() - 1].is_ascii_whitespace()));
        assert!(
            covers(&forms, "leading-and-trailing") && covers(&forms, &STANDARD.encode("\n leading-and-trailing \n"))
        );
    }

    /// Or the ends of a pretty-printed document would alter every digest with `7d2c` in it.
    #[test]
    fn short_lines_are_not_looked_for_in_their_forms() {
        let forms = forms("{\n \"a\": \"bcde\"\n },\n' }\n&\n");
        for part in ["7d2c", "&#39;", "&amp;", "'\\''", "fSw="] {
            assert!(!forms.iter().any(|form| form == part.as_bytes()), "{part}");
        }
    }

    #[test]
    fn short_values_are_not_looked_for() {
        for value in ["", "abc", " ab \n"] {
            let mut forms = Forms::default();
            assert!(!forms.add(&Secret::text(value, Metadata::default())), "{value:?}");
            assert_eq!(forms.iter().count(), 0, "{value:?}");
        }
    }

    proptest! {
        /// Wherever the value stands in a text that is encoded, most of its bytes are within a form.
        #[test]
        fn base64_of_a_longer_text_holds_a_form(before in "\\PC{0,9}", value in "\\PC{6,40}", after in "\\PC{0,9}") {
            prop_assume!(value.trim().len() >= 6);
            let forms = forms(&value);
            for engine in [STANDARD, URL_SAFE, URL_SAFE_NO_PAD] {
                let text = format!("{before}{value}{after}");
                prop_assert!(covers(&forms, &engine.encode(text)));
            }
        }
    }
}
