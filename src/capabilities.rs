//! `Capabilities`: what a provider can do, as data that callers can check.

/// What a provider can do.
///
/// An option that a provider would ignore is refused before the call, by its capabilities. By
/// default a provider reads text, one name a call, and nothing else.
///
/// ```
/// use s1crets::Capabilities;
///
/// let capabilities = Capabilities::new().with_binary(true).with_batch(20);
/// assert!(capabilities.binary && !capabilities.update);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Secrets can be updated.
    pub update: bool,
    /// [`UpdateOptions::if_version`](crate::UpdateOptions::if_version) is honoured.
    pub update_if_version: bool,
    /// Values can be bytes.
    pub binary: bool,
    /// Secrets can be maps of named values ([`Secret::map`](crate::Secret::map)).
    pub maps: bool,
    /// [`Version::Number`](crate::Version::Number) is honoured.
    pub version_numbers: bool,
    /// [`Version::Label`](crate::Version::Label) is honoured.
    pub version_labels: bool,
    /// [`Version::Id`](crate::Version::Id) is honoured.
    pub version_ids: bool,
    /// [`Version::Stage`](crate::Version::Stage) is honoured.
    pub version_stages: bool,
    /// Values can be read without decryption.
    pub decrypt: bool,
    /// Every secret is JSON, and only JSON can be written.
    pub json_only: bool,
    /// Reads are lookups in memory that the provider keeps fresh. So the [`Client`](crate::Client)
    /// puts no cache in front, which would only make them older.
    pub local: bool,
    /// [`Provider::version`](crate::Provider::version) does not read the value.
    pub version_probe: bool,
    /// [`Provider::watch`](crate::Provider::watch) reports changes of a secret.
    pub watch: bool,
    /// How many names one call of the backend can read: 1 or more.
    pub batch: usize,
}

impl Capabilities {
    /// A provider that reads text, one name a call: all flags are off, and `batch` is 1.
    pub const fn new() -> Self {
        Self {
            update: false,
            update_if_version: false,
            binary: false,
            maps: false,
            version_numbers: false,
            version_labels: false,
            version_ids: false,
            version_stages: false,
            decrypt: false,
            json_only: false,
            local: false,
            version_probe: false,
            watch: false,
            batch: 1,
        }
    }

    /// Sets how many names one call of the backend can read. Default: 1; 0 counts as 1.
    #[must_use]
    pub const fn with_batch(self, batch: usize) -> Self {
        Self { batch: if batch == 0 { 1 } else { batch }, ..self }
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

/// Setters of the flags.
macro_rules! flags {
    ($($setter:ident: $flag:ident, $what:literal;)*) => {
        impl Capabilities {
            $(
                #[doc = concat!("Sets whether ", $what, " Default: `false`.")]
                #[must_use]
                pub const fn $setter(self, $flag: bool) -> Self {
                    Self { $flag, ..self }
                }
            )*
        }
    };
}

flags! {
    with_update: update, "secrets can be updated.";
    with_update_if_version: update_if_version, "an update can depend on the current version.";
    with_binary: binary, "values can be bytes.";
    with_maps: maps, "secrets can be maps of named values.";
    with_version_numbers: version_numbers, "a version can be selected by its number.";
    with_version_labels: version_labels, "a version can be selected by a label.";
    with_version_ids: version_ids, "a version can be selected by its id.";
    with_version_stages: version_stages, "a version can be selected by its stage.";
    with_decrypt: decrypt, "values can be read without decryption.";
    with_json_only: json_only, "every secret is JSON, and only JSON can be written.";
    with_local: local, "reads are lookups in memory that the provider keeps fresh.";
    with_version_probe: version_probe, "the version can be read without the value.";
    with_watch: watch, "changes of a secret are reported.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_at_least_one_name() {
        assert_eq!(Capabilities::default().batch, 1);
        assert_eq!([0, 1, 20].map(|batch| Capabilities::new().with_batch(batch).batch), [1, 1, 20]);
    }
}
