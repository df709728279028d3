//! Checks of values that several formats share. The error says why the value is refused.

/// Accepts any bytes.
pub(super) fn any(_: &[u8]) -> Result<(), &'static str> {
    Ok(())
}

/// Accepts UTF-8 text.
pub(super) fn text(value: &[u8]) -> Result<(), &'static str> {
    std::str::from_utf8(value).map(drop).map_err(|_| "the value is not UTF-8 text")
}

/// Accepts bytes without NUL, which ends a value in every environment.
pub(super) fn no_nul(value: &[u8]) -> Result<(), &'static str> {
    if value.contains(&0) {
        Err("the value contains a NUL byte, which no environment variable can hold")
    } else {
        Ok(())
    }
}

/// Accepts UTF-8 text without NUL.
pub(super) fn text_without_nul(value: &[u8]) -> Result<(), &'static str> {
    no_nul(value)?;
    text(value)
}
