//! `EnvironmentFile=` of [systemd.exec(5)](https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
//!
//! In double quotes a backslash escapes `"`, `\`, `` ` `` and `$`; everything else stands for itself, a line end too. Of
//! control characters, systemd takes tabulators and line ends alone
//! ([env_value_is_valid](https://github.com/systemd/systemd/blob/main/src/basic/env-util.c)), and of characters those that
//! Unicode means for [interchange](https://www.unicode.org/faq/private_use.html#noncharacters)
//! ([unichar_is_valid](https://github.com/systemd/systemd/blob/main/src/basic/utf8.c)): one that isn't makes it give up the
//! whole file.

use super::{format::Document, value_rules};

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    if std::str::from_utf8(value).unwrap_or_default().chars().any(is_noncharacter) {
        return Err("systemd takes no characters that Unicode keeps for a program's own use, such as U+FFFE");
    }
    match value.iter().any(|byte| byte.is_ascii_control() && !b"\t\n".contains(byte)) {
        true => Err("systemd takes no control characters but tabulators and line ends"),
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
