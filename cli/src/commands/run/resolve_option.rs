//! The `--resolve` option and `[run] resolve`: which inherited variables are resolved if they hold
//! a reference.
//!
//! Anyone may have written the text of a variable: a CI system puts the title of a merge request
//! into one. So a variable is resolved only if its name was given.

use std::collections::BTreeSet;

use s1crets::{Config, Error, ErrorKind};

use crate::{name_patterns::NamePatterns, variable_name};

/// Characters that make a pattern, and that no variable name has.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// The names and patterns of variables to resolve.
#[derive(Debug, Default)]
pub(super) struct ResolveNames {
    /// Names given to `--resolve`.
    typed: BTreeSet<String>,
    /// Names in the config file.
    configured: BTreeSet<String>,
    /// Patterns from both.
    patterns: NamePatterns,
}

impl ResolveNames {
    pub(super) fn parse(typed: &[String], config: &Config) -> Result<Self, Error> {
        let configured = config.run.resolve.iter().flatten().cloned().collect::<Vec<_>>();
        let in_config = |error: Error| Error::new(ErrorKind::Config, format!("[run] resolve: {}", error.message()));
        let (typed, typed_patterns) = names_and_patterns(typed)?;
        let (configured, configured_patterns) = names_and_patterns(&configured).map_err(in_config)?;
        Ok(Self { typed, configured, patterns: typed_patterns.union(configured_patterns) })
    }

    /// The names, not patterns, given to `--resolve`: these variables must exist.
    pub(super) fn typed(&self) -> impl Iterator<Item = &str> {
        self.typed.iter().map(String::as_str)
    }

    /// Whether the variable was given by its name, rather than matched by a pattern.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.typed.contains(name) || self.configured.contains(name)
    }

    /// Whether the variable was given by its name or matches a pattern.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.has_name(name) || variable_name::is_settable(name) && self.patterns.matches(name)
    }
}

fn names_and_patterns(given: &[String]) -> Result<(BTreeSet<String>, NamePatterns), Error> {
    let (patterns, names): (Vec<_>, Vec<_>) = given.iter().cloned().partition(|text| text.contains(WILDCARDS));
    for name in &names {
        variable_name::check(name)?;
    }
    Ok((names.into_iter().collect(), NamePatterns::parse(&patterns)?))
}
