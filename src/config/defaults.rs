//! What holds where nothing is set.

/// The provider of those who name none, as in the Python s1crets.
pub(crate) const DEFAULT_PROVIDER: &str = "aws.sm";
