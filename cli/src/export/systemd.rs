//! Format for `EnvironmentFile=` of
//! [systemd.exec(5)](https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
//!
//! In double quotes a backslash escapes `"`, `\`, `` ` `` and `$`. All other characters are
//! literal, line ends too.
//!
//! systemd ignores the whole file if a value contains a control character other than tab and line
//! feed
//! ([`env_value_is_valid`](https://github.com/systemd/systemd/blob/main/src/basic/env-util.c)). So
//! it does for a [noncharacter](https://www.unicode.org/faq/private_use.html#noncharacters) of
//! Unicode ([`unichar_is_valid`](https://github.com/systemd/systemd/blob/main/src/basic/utf8.c)).

use super::{format::Document, value_rules};

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    if std::str::from_utf8(value).unwrap_or_default().chars().any(is_noncharacter) {
        return Err("systemd accepts no noncharacters of Unicode, such as U+FFFE");
    }
    match value.iter().any(|byte| byte.is_ascii_control() && !b"\t\n".contains(byte)) {
        true => Err("systemd accepts no control characters but tabs and line feeds"),
        false => Ok(()),
    }
}

pub(super) fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

pub(super) fn write(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        out.extend(entry.name.as_bytes());
        out.extend(b"=\"");
        for byte in entry.bytes() {
            if b"\"\\`$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.extend(b"\"\n");
    }
}
