//! What a provider can do, as data that callers can ask for.

/// What a provider can do, as data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// `update` works at all.
    pub update: bool,
    /// [`UpdateOptions::if_version`](crate::UpdateOptions::if_version) is honoured.
    pub update_if_version: bool,
    /// Values that are bytes.
    pub binary: bool,
    /// [`Version::Number`](crate::Version::Number).
    pub version_numbers: bool,
    /// [`Version::Label`](crate::Version::Label).
    pub version_labels: bool,
    /// [`Version::Id`](crate::Version::Id).
    pub version_ids: bool,
    /// [`Version::Stage`](crate::Version::Stage).
    pub version_stages: bool,
    /// Values can be read undecrypted.
    pub decrypt: bool,
    /// Every secret is JSON, and only JSON can be written.
    pub json_only: bool,
    /// Reads are look-ups in memory that is kept fresh anyway: a cache in front would only make
    /// them older. The [`Client`](crate::Client) puts none there.
    pub local: bool,
    /// [`Provider::version`](crate::Provider::version) does not read the value.
    pub version_probe: bool,
    /// [`Provider::watch`](crate::Provider::watch) reports changes of a secret.
    pub watch: bool,
    /// How many names one call of the backend can read; 1 if each takes a call of its own.
    pub batch: usize,
}
