//! Searches a log for values, in an independent list of encodings.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// An encoding of the value that the log contains, if any.
pub(super) fn leaks(log: &str, value: &str) -> Option<String> {
    encodings(value).into_iter().find(|encoding| log.contains(encoding.as_str()))
}

/// The encodings of a value and of each of its lines. Doesn't use the list of the command itself.
pub(super) fn encodings(value: &str) -> Vec<String> {
    let lines = value.lines().chain([value, value.trim_end()]).filter(|line| line.len() >= 4);
    lines.flat_map(|line| [encoded(line), in_base64(line)].concat()).collect()
}

fn encoded(text: &str) -> Vec<String> {
    let hex = |byte: u8| format!("{byte:02x}");
    let escape = |safe: &str, lower: bool| {
        let one = |byte: u8| match (byte.is_ascii_alphanumeric() || safe.as_bytes().contains(&byte), lower) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02x}"),
            (false, false) => format!("%{byte:02X}"),
        };
        text.bytes().map(one).collect::<String>()
    };
    let json = serde_json::to_string(text).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let ascii =
        json.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) }).collect();
    let hexed: String = text.bytes().map(hex).collect();
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#x27;");
    let urls = [escape("-._~", false), escape("-._~", true), escape("-._~/", false)];
    let plus = urls[0].replace("%20", "+");
    [vec![text.to_owned(), json, ascii, hexed.to_uppercase(), hexed, html, plus], urls.to_vec()].concat()
}

/// The part that is the same in base64 of any longer text with this text in it. Parts of less than
/// four symbols are left out.
fn in_base64(text: &str) -> Vec<String> {
    let within = |shift: usize| {
        let text = format!("{}{text}", "x".repeat(shift));
        [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
            .map(|it| it.get(4..it.len() - 4).unwrap_or("").to_owned())
    };
    (0..3).flat_map(within).filter(|encoding| encoding.len() >= 4).collect()
}
