//! Default settings.

/// The command's default provider, as in the Python s1crets.
pub(crate) const DEFAULT_PROVIDER: &str = "aws.sm";
