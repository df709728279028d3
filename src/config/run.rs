//! The `[run]` table: settings of the command `s1crets run`.

use serde::{Deserialize, Serialize};

/// Settings of `s1crets run`, which the library itself does not use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunSettings {
    /// The environment variables in which `s1crets run` resolves references: names, or patterns
    /// such as `DB_*`.
    pub resolve: Option<Vec<String>>,
}
