//! Settings of the command `s1crets run`.

use serde::{Deserialize, Serialize};

/// Settings of `s1crets run`, which the library itself does not use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunSettings {
    /// The variables of its own environment that it resolves if they hold a reference: names, or patterns such as `DB_*`.
    pub resolve: Option<Vec<String>>,
}
