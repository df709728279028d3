//! Format for `.env` files: the subset that all common readers interpret alike.
//!
//! There is no standard. The readers are [dotenvy](https://docs.rs/dotenvy), Node's
//! [dotenv](https://github.com/motdotla/dotenv#what-rules-does-the-parsing-engine-follow),
//! [python-dotenv](https://saurabh-kumar.com/python-dotenv/#file-format), Ruby's
//! [dotenv](https://github.com/bkeepers/dotenv#usage), Docker Compose, and shells that source the
//! file.
//!
//! All of them take text in single quotes literally, with two exceptions: python-dotenv treats `\\`
//! and `\'` as escapes and expands `${NAME}`. A value with a single quote goes into double quotes,
//! where no escape means the same to all of them. Values that would need one are refused.

use std::io::Write;

use super::{format::Document, value_rules};

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    let has = |part: &[u8]| value.windows(part.len()).any(|window| window == part);
    if value.contains(&b'\r') {
        return Err("the value contains a carriage return, which some readers of .env files drop");
    }
    if has(b"\\\\") || value.ends_with(b"\\") || has(b"\\'") || has(b"${") {
        return Err(r"readers of .env files disagree on \\, on \ before a quote and on ${");
    }
    if value.contains(&b'\'') && value.iter().any(|byte| b"\"$`\\".contains(byte)) {
        return Err(r#"readers of .env files disagree on a value with ' and one of " $ ` \"#);
    }
    Ok(())
}

pub(super) fn write(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let quote = if entry.bytes().contains(&b'\'') { '"' } else { '\'' };
        let _ = writeln!(out, "{}={quote}{}{quote}", entry.name, entry.text());
    }
}
