//! The `[secrets]` table: references to secrets, by the names of the environment variables that get
//! their values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::defaults::DEFAULT_PROVIDER;
use crate::secret::Reference;

/// What a variable gets its value from, as the table has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SecretTarget {
    /// `PROVIDER://PATH`.
    Full(Reference),
    /// A path of the default provider. The provider in the reference has no meaning.
    Bare(Reference),
}

impl<'de> Deserialize<'de> for SecretTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let parse = |text: &str| Reference::parse_setting(text).map_err(de::Error::custom);
        match text.contains("://") || Reference::lacks_slashes(&text) {
            true => parse(&text).map(Self::Full),
            false => parse(&format!("{DEFAULT_PROVIDER}://{}", *text)).map(Self::Bare),
        }
    }
}

impl Serialize for SecretTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Self::Full(reference) | Self::Bare(reference)) = self;
        reference.serialize(serializer)
    }
}

/// The references, and the names of those that are bare paths of this default provider.
pub(super) fn resolve(
    secrets: BTreeMap<String, SecretTarget>,
    provider: Option<&str>,
) -> (BTreeMap<String, Reference>, BTreeSet<String>) {
    let provider = provider.unwrap_or(DEFAULT_PROVIDER);
    let bare = secrets.iter().filter(|(_, target)| matches!(target, SecretTarget::Bare(_)));
    let bare = bare.map(|(name, _)| name.clone()).collect();
    let full = secrets.into_iter().map(|(name, target)| match target {
        SecretTarget::Full(reference) => (name, reference),
        SecretTarget::Bare(reference) => (name, reference.with_provider(provider)),
    });
    (full.collect(), bare)
}
