//! Encodings of values in URLs: percent-encoding as RFC 3986, browsers and languages do it.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

/// Percent-encodes a value with each set: with digits of either case, and with `+` for a space.
pub(super) fn encode(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    URLS.into_iter().flat_map(|set| {
        let encoded = percent_encode(value, set).to_string();
        [lower_case_escapes(&encoded), encoded.replace("%20", "+").into_bytes(), encoded.into_bytes()]
    })
}

/// The sets of characters that encoders escape.
const URLS: [&AsciiSet; 13] = [
    COMPONENT,
    PYTHON_PATH,
    ENCODE_URI_COMPONENT,
    ENCODE_URI,
    FORM,
    PHP,
    FRAGMENT,
    QUERY,
    SPECIAL_QUERY,
    URL_PATH,
    USER,
    GO_PATH,
    GO_USER,
];

/// All but the unreserved characters of [RFC
/// 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Python's `urllib.parse.quote`.
const PYTHON_PATH: &AsciiSet = &COMPONENT.remove(b'/');
/// JavaScript's `encodeURIComponent` and `encodeURI`.
const ENCODE_URI_COMPONENT: &AsciiSet = &COMPONENT.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const ENCODE_URI: &AsciiSet = &without(ENCODE_URI_COMPONENT, b";,/?:@&=+$#");

/// [Form data](https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set)
/// as browsers, Java and Ruby write it; and as PHP does.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
const PHP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The [parts of a URL](https://url.spec.whatwg.org/#percent-encoded-bytes) as browsers and Node
/// write them. `USER` is for user names and passwords.
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
const SPECIAL_QUERY: &AsciiSet = &QUERY.add(b'\'');
const URL_PATH: &AsciiSet = &QUERY.add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');
const USER: &AsciiSet =
    &URL_PATH.add(b'/').add(b':').add(b';').add(b'=').add(b'@').add(b'[').add(b'\\').add(b']').add(b'|');
/// Go's `url.PathEscape` and `url.UserPassword`.
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

fn lower_case_escapes(encoded: &str) -> Vec<u8> {
    let mut lower = encoded.as_bytes().to_vec();
    for (at, _) in encoded.match_indices('%') {
        lower[at + 1..(at + 3).min(encoded.len())].make_ascii_lowercase();
    }
    lower
}
