//! `.env` files, which have no standard: what [dotenvy](https://docs.rs/dotenvy), Node's
//! [dotenv](https://github.com/motdotla/dotenv#what-rules-does-the-parsing-engine-follow),
//! [python-dotenv](https://saurabh-kumar.com/python-dotenv/#file-format), Ruby's
//! [dotenv](https://github.com/bkeepers/dotenv#usage), Docker Compose and a shell that sources the file all read alike.
//!
//! They agree on single quotes, in which all stands for itself; but python-dotenv takes `\\` and `\'` for escapes even
//! there, and `${NAME}` for a variable. A value with a single quote goes into double quotes, and there they agree on no
//! escape at all.

use std::io::Write;

use super::{format::Document, value_rules};

pub(super) fn value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    let has = |part: &[u8]| value.windows(part.len()).any(|window| window == part);
    if value.contains(&b'\r') {
        return Err("it holds a carriage return, which some readers of .env files drop");
    }
    if has(b"\\\\") || value.ends_with(b"\\") || has(b"\\'") || has(b"${") {
        return Err(r"readers of .env files differ on \\, on \ before a quote and on ${");
    }
    if value.contains(&b'\'') && value.iter().any(|byte| b"\"$`\\".contains(byte)) {
        return Err(r#"readers of .env files differ on a value with ' and one of " $ ` \"#);
    }
    Ok(())
}

pub(super) fn write(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let quote = if entry.bytes().contains(&b'\'') { '"' } else { '\'' };
        let _ = writeln!(out, "{}={quote}{}{quote}", entry.name, entry.text());
    }
}
