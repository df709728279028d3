//! `EnvironmentFile=` of [systemd.exec(5)](https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
//!
//! In double quotes a backslash escapes `"`, `\`, `` ` `` and `$`; everything else stands for itself, a line end too. Of
//! control characters, systemd takes tabulators and line ends alone
//! ([env_value_is_valid](https://github.com/systemd/systemd/blob/main/src/basic/env-util.c)).

use super::{format::Document, values};

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    values::text_without_nul(value)?;
    match value.iter().any(|byte| byte.is_ascii_control() && !b"\t\n".contains(byte)) {
        true => Err("systemd takes no control characters but tabulators and line ends"),
        false => Ok(()),
    }
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
