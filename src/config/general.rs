//! The settings that hold for all providers, where a provider has none of its own.

use std::{num::NonZeroU32, time::Duration};

/// What a provider gets besides its own settings.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    not(all(any(feature = "__aws", feature = "vault"), feature = "file")),
    allow(dead_code, reason = "each provider reads its part")
)]
pub(crate) struct GeneralSettings {
    pub(crate) retry: Option<NonZeroU32>,
    pub(crate) timeout: Option<Duration>,
    /// Whether the process asks and ends, so that nothing should be watched.
    pub(crate) one_shot: bool,
}
