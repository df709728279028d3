//! Format for `docker run --env-file`, and Podman's: lines of `NAME=value`, in which everything
//! after the first `=` is the value, quotes and blanks included.
//!
//! [Docker](https://github.com/docker/cli/blob/master/pkg/kvfile/kvfile.go) reads UTF-8, up to 64
//! KiB a line. Go's `bufio.ScanLines` drops a carriage return at the end of a line.

use std::io::Write;

use super::{format::Document, value_rules};

/// The shortest line, in bytes without its end, that Go's
/// [`Scanner`](https://pkg.go.dev/bufio#pkg-constants) can't read.
pub(super) const TOO_LONG_LINE: usize = 64 * 1024 - 1;

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    match value.iter().any(|byte| b"\r\n".contains(byte)) {
        true => Err("docker takes each line for a variable of its own, and has no escape for a line end"),
        false => Ok(()),
    }
}

/// Refuses a line that is too long for Docker.
pub(super) fn lines(document: &Document<'_>) -> Result<(), &'static str> {
    match document.entries.iter().any(|entry| entry.name.len() + 1 + entry.bytes().len() >= TOO_LONG_LINE) {
        true => Err("docker reads no line of 64 KiB"),
        false => Ok(()),
    }
}

pub(super) fn write(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = writeln!(out, "{}={}", entry.name, entry.text());
    }
}
