//! Default settings.

use std::{num::NonZeroU32, time::Duration};

/// The command's default provider, as in the Python s1crets.
pub(crate) const DEFAULT_PROVIDER: &str = "aws.sm";
/// Attempts in total, as in the Python s1crets.
pub(crate) const DEFAULT_RETRY: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");
/// The time to connect, and again to wait for a response, of one attempt, as in the Python s1crets.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
