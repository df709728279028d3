//! What a reader of the log must not find.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A form of the value that stands in the log, if there is one.
pub(super) fn leaks(log: &str, value: &str) -> Option<String> {
    forms(value).into_iter().find(|form| log.contains(form.as_str()))
}

/// The value, each of its lines, and these as encoders write them; made without the command's own list.
pub(super) fn forms(value: &str) -> Vec<String> {
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

/// What is the same wherever the text stands within something longer. Texts of which that is less than four symbols have none.
fn in_base64(text: &str) -> Vec<String> {
    let within = |shift: usize| {
        let text = format!("{}{text}", "x".repeat(shift));
        [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
            .map(|it| it.get(4..it.len() - 4).unwrap_or("").to_owned())
    };
    (0..3).flat_map(within).filter(|form| form.len() >= 4).collect()
}
