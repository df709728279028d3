//! Which values a format takes.

/// Any bytes.
pub(super) fn any(_: &[u8]) -> Result<(), &'static str> {
    Ok(())
}

/// Any text.
pub(super) fn text(value: &[u8]) -> Result<(), &'static str> {
    std::str::from_utf8(value).map(drop).map_err(|_| "it is not UTF-8 text")
}

/// Any bytes but NUL, which ends a value in every environment.
pub(super) fn no_nul(value: &[u8]) -> Result<(), &'static str> {
    if value.contains(&0) { Err("it holds a NUL byte, which no environment variable can") } else { Ok(()) }
}

/// Any text without NUL.
pub(super) fn text_without_nul(value: &[u8]) -> Result<(), &'static str> {
    no_nul(value)?;
    text(value)
}
