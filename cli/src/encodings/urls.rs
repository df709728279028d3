//! Values as they stand in URLs.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

/// Percent-encoded with each set, with digits of either case, and with `+` for a space.
pub(super) fn encode(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    URLS.into_iter().flat_map(|set| {
        let encoded = percent_encode(value, set).to_string();
        [lower_escapes(&encoded), encoded.replace("%20", "+").into_bytes(), encoded.into_bytes()]
    })
}

/// What encoders of URLs escape: RFC 3986 for a component; Python for a path; JavaScript's encodeURIComponent; its encodeURI;
/// [encodings](https://url.spec.whatwg.org/#application-x-www-encoding-urlencoded-percent-encode-set), as browsers, Java and Ruby write
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

fn lower_escapes(encoded: &str) -> Vec<u8> {
    let mut lower = encoded.as_bytes().to_vec();
    for (at, _) in encoded.match_indices('%') {
        lower[at + 1..(at + 3).min(encoded.len())].make_ascii_lowercase();
    }
    lower
}
