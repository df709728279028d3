//! Finds secrets of a request in the server's error message, so that no error quotes them.
//!
//! A server may quote what it refuses: in a validation message, in the canonical request of a wrong
//! signature, in a gateway's error page. The whole message is searched before it is shortened,
//! because a part of a secret would not be found.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{
    JsonKind,
    json::{Tree, quote},
};

/// The longest message in an error, in characters. Longer ones are cut.
const LONGEST_MESSAGE: usize = 500;

/// The shortest text to search for, in bytes. A shorter one may be in any message by chance.
const SHORTEST_TEXT: usize = 4;

/// The shortest text within JSON to search for, in bytes. Many shorter ones are names such as `ci`.
const SHORTEST_JSON_TEXT: usize = 8;

/// The characters to encode in URLs: all but the unreserved ones.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secrets of one request.
#[derive(Default)]
pub(crate) struct Echo {
    /// The secrets in each encoding, normalized.
    needles: Vec<Zeroizing<String>>,
    /// The request has a secret that can't be searched for, so no message is quoted.
    opaque: bool,
}

impl Echo {
    /// Adds a secret and, if it is JSON, the strings and numbers in it.
    #[must_use]
    pub(crate) fn with(mut self, secret: &[u8]) -> Self {
        self.add(secret, SHORTEST_TEXT);
        if let Ok(text) = std::str::from_utf8(secret)
            && let Ok(tree) = Tree::parse(text)
        {
            self.add_values(text, &tree);
        }
        self
    }

    /// Adds the strings and numbers of a JSON body. If the body is not JSON, no message is quoted.
    #[cfg(feature = "vault")]
    #[must_use]
    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        match std::str::from_utf8(body).ok().and_then(|text| Some((text, Tree::parse(text).ok()?))) {
            Some((text, tree)) => self.add_values(text, &tree),
            None => self.opaque = true,
        }
        self
    }

    /// The message on one line, at most 500 characters long. `None` if it is empty or contains a
    /// secret.
    pub(crate) fn quotable(&self, message: &str) -> Option<String> {
        let searched = normalized(message);
        if self.opaque || self.needles.iter().any(|needle| searched.contains(needle.as_str())) {
            return None;
        }
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = line.chars().filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect();
        (!cut.is_empty()).then_some(cut)
    }

    fn add_values(&mut self, text: &str, tree: &Tree) {
        for json in tree.values(text) {
            match json.kind() {
                JsonKind::String => self.add(json.as_str().unwrap_or(json.raw()).as_bytes(), SHORTEST_JSON_TEXT),
                // It may be a PIN.
                JsonKind::Number => self.add(json.raw().as_bytes(), SHORTEST_TEXT),
                JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object => {}
            }
        }
    }

    fn add(&mut self, secret: &[u8], shortest: usize) {
        if secret.len() < shortest {
            return;
        }
        let encoded = [STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret), hex(secret)].map(Zeroizing::new);
        self.needles.extend(encoded.iter().map(|text| normalized(text)));
        if let Ok(text) = std::str::from_utf8(secret) {
            let json = quote(text);
            let escaped = [json.trim_matches('"').to_owned(), text.escape_debug().to_string()];
            let in_url = [UNRESERVED, NON_ALPHANUMERIC].map(|set| utf8_percent_encode(text, set).to_string());
            let in_form = in_url[0].replace("%20", "+");
            let all = escaped.into_iter().chain(in_url).chain([text.to_owned(), in_form]).map(Zeroizing::new);
            self.needles.extend(all.map(|text| normalized(&text)));
        }
        // An empty text would be found in every message.
        self.needles.retain(|needle| !needle.is_empty());
    }
}

/// The text in lower case, without whitespace and control characters: servers and gateways may
/// change those.
fn normalized(text: &str) -> Zeroizing<String> {
    let kept = text.chars().filter(|character| !character.is_whitespace() && !character.is_control());
    let mut normalized = Zeroizing::new(String::with_capacity(text.len() * 2));
    normalized.extend(kept.flat_map(char::to_lowercase));
    normalized
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "Hunter2 \t\"pa\\ss\"\nw\u{f6}rd/+=%&";

    #[test]
    fn a_secret_is_found_in_each_encoding() {
        let echo = Echo::default().with(SECRET.as_bytes());
        for repeated in [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            SECRET.split_whitespace().collect::<Vec<_>>().join(" "),
            quote(SECRET).to_string(),
            format!("{SECRET:?}"),
            utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(SECRET, UNRESERVED).to_string().replace("%20", "+").to_lowercase(),
            STANDARD_NO_PAD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            hex(SECRET.as_bytes()),
        ] {
            assert_eq!(echo.quotable(&format!("no such value: {repeated}!")), None, "{repeated}");
        }
        assert_eq!(echo.quotable("hunter3").as_deref(), Some("hunter3"));
    }

    #[test]
    fn a_secret_that_a_cut_would_split_is_found() {
        for length in [4, 7, 8, 100, 499, 500, 501, 5000] {
            let secret: String = ('a'..='z').cycle().take(length).collect();
            let echo = Echo::default().with(secret.as_bytes());
            for before in [0, 1, 490, 499, 500] {
                let message = format!("{}{secret}", "-".repeat(before));
                assert_eq!(echo.quotable(&message), None, "{length} {before}");
            }
        }
    }

    #[test]
    fn long_strings_within_json_are_found_and_short_ones_are_ignored() {
        let echo = Echo::default().with(br#"{"user":"app","password":"hunter2-hunter2","pins":[8642]}"#);
        for repeated in ["bad password hunter2-hunter2", "bad pin 8642"] {
            assert_eq!(echo.quotable(repeated), None, "{repeated}");
        }
        assert_eq!(echo.quotable("app is denied").as_deref(), Some("app is denied"));
    }

    #[test]
    fn a_quoted_message_is_one_line_and_cut() {
        let message = format!("1 error:\n\t* denied\u{1b}[31m {}", "x".repeat(1000));
        let quoted = Echo::default().quotable(&message).expect("nothing to hide");
        assert!(quoted.starts_with("1 error: * denied[31m xxx") && quoted.len() == LONGEST_MESSAGE, "{quoted}");
        assert_eq!(Echo::default().quotable(" \n"), None);
    }
}
