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
//!
//! # Several lines
//!
//! Older readers split the file at line ends before they look for quotes: Ruby's dotenv up to 2.4,
//! Node's up to 14, Foreman. To them each line of a value is a line of its own, without quotes
//! around it. There `$(command)` is run by Ruby's, and `NAME=x` sets another variable. Values with
//! such lines are refused. What is left, a certificate for example, is harmless to these readers,
//! although they can't read it.

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
    several_lines(std::str::from_utf8(value).unwrap_or_default())
}

/// Refuses a value of several lines that would do something if each were a line of the file.
fn several_lines(value: &str) -> Result<(), &'static str> {
    let Some((_, further)) = value.split_once('\n') else { return Ok(()) };
    if value.contains(['$', '`']) {
        return Err("the value has several lines and a $ or `, which readers that split at line ends expand or run");
    }
    match further.split('\n').any(sets_a_variable) {
        true => Err("the value has a line like NAME=x, which readers that split at line ends take for a variable"),
        false => Ok(()),
    }
}

/// Whether a line-based reader would set a variable by this line: `NAME=x`, or `NAME: x` as Ruby's
/// reads it too.
fn sets_a_variable(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace)).unwrap_or(line);
    let is_name = |name: &str| !name.trim().is_empty() && !name.trim().contains([' ', '\t', '"', '\'']);
    let by_equals = line.split_once('=').is_some_and(|(name, _)| is_name(name));
    let by_colon = line.split_once(':').is_some_and(|(name, x)| is_name(name) && x.starts_with(char::is_whitespace));
    by_equals && !is_base64(line) || by_colon
}

/// Whether this is a line of base64, whose padding is no value: the last line of most certificates
/// and keys has some.
fn is_base64(line: &str) -> bool {
    let data = line.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    line.len().is_multiple_of(4) && line.len() - data.len() <= 2 && data.bytes().all(is_digit)
}

pub(super) fn write(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let quote = if entry.bytes().contains(&b'\'') { '"' } else { '\'' };
        let _ = writeln!(out, "{}={quote}{}{quote}", entry.name, entry.text());
    }
}
