//! The forms that a value takes in what programs print: as it is, by lines, and as encoders write it.

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use s1crets::{Json, JsonKind, Secret};
use zeroize::{Zeroize, Zeroizing};

/// What is shorter is not looked for: it would be found everywhere, and tell the value by where it was hidden.
pub(crate) const SHORTEST: usize = 4;

/// The columns at which `base64` and PEM break lines.
const WRAPS: [usize; 2] = [76, 64];

/// What encoders of URLs escape: RFC 3986 for a component; Python for a path; JavaScript's encodeURIComponent; its encodeURI.
const URLS: [&AsciiSet; 4] = [COMPONENT, PATH, JAVASCRIPT, WHOLE];
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &COMPONENT.remove(b'/');
const JAVASCRIPT: &AsciiSet = &COMPONENT.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const WHOLE: &AsciiSet = &without(JAVASCRIPT, b";,/?:@&=+$#");

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
    /// Adds the forms of a secret, and of each text in it if it is a JSON object or array. Says whether it is long
    /// enough to be looked for.
    pub(crate) fn add(&mut self, secret: &Secret) -> bool {
        if let Ok(json) = secret.json()
            && matches!(json.kind(), JsonKind::Object | JsonKind::Array)
        {
            self.add_texts(json);
        }
        self.add_value(secret.expose_bytes())
    }

    /// The forms.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    fn add_texts(&mut self, json: Json<'_>) {
        if let Some(text) = json.as_str() {
            self.add_value(text.as_bytes());
        }
        json.elements().for_each(|element| self.add_texts(element));
        json.members().for_each(|(_, member)| self.add_texts(member));
    }

    fn add_value(&mut self, value: &[u8]) -> bool {
        let trimmed = value.trim_ascii();
        if trimmed.len() < SHORTEST {
            return false;
        }
        for whole in [value, trimmed] {
            self.add_encoded(whole);
        }
        for line in trimmed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            self.add_encoded(line);
        }
        true
    }

    fn add_encoded(&mut self, value: &[u8]) {
        self.put(value.to_vec());
        self.add_base64(value);
        self.put(hex(value, b"0123456789abcdef"));
        self.put(hex(value, b"0123456789ABCDEF"));
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
            for wrap in WRAPS.into_iter().filter(|wrap| encoded.len() > *wrap) {
                encoded.as_bytes().chunks(wrap).for_each(|line| self.put(line.to_vec()));
            }
            self.put(encoded.into_bytes());
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            (0..3).for_each(|shift| self.put(within(&engine, value, shift)));
        }
    }

    /// As JSON, shells, terminals, HTML and XML write text.
    fn add_escaped(&mut self, text: &str) {
        let json = serde_json::to_string(text).unwrap_or_default();
        let json = &json[1..json.len().max(2) - 1];
        let ascii = ascii_json(json);
        for json in [json, &ascii] {
            self.put(json.as_bytes().to_vec());
            self.put(json.replace('/', "\\/").into_bytes());
            self.put(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").into_bytes());
        }
        self.put(text.replace('\n', "\r\n").into_bytes());
        self.put(text.replace('\'', "'\\''").into_bytes());
        self.put(text.replace('\'', "'\"'\"'").into_bytes());
        self.put(text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").into_bytes());
        self.put(backslashed(text, |character| "\\\"$`".contains(character)));
        self.put(backslashed(text, |character| !(character.is_alphanumeric() || "-_./:=@%+,".contains(character))));
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.put(html.replace('"', "&quot;").replace('\'', "&#39;").into_bytes());
        self.put(html.replace('"', "&quot;").replace('\'', "&#x27;").into_bytes());
        self.put(html.replace('"', "&#34;").replace('\'', "&apos;").into_bytes());
        self.put(html.into_bytes());
    }

    fn put(&mut self, form: Vec<u8>) {
        if form.len() >= SHORTEST {
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

fn backslashed(text: &str, special: impl Fn(char) -> bool) -> Vec<u8> {
    let escape = |character: char| special(character).then_some('\\').into_iter().chain([character]);
    text.chars().flat_map(escape).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use s1crets::Metadata;

    use super::*;

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
