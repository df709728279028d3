//! `--resolve` and `[run] resolve`: which inherited variables are resolved if they hold a reference.
//!
//! The text of a variable may be anybody's: a CI system puts the title of a merge request into one. So none is taken for a
//! reference unless its name was given.

use std::collections::BTreeSet;

use s1crets::{Config, Error, ErrorKind};

use crate::{filter::Filter, variable_name};

/// What stands in a pattern and in no name.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Names and patterns.
#[derive(Debug, Default)]
pub(super) struct Requested {
    /// Names given to `--resolve`.
    typed: BTreeSet<String>,
    /// Names in the config file.
    configured: BTreeSet<String>,
    patterns: Filter,
}

impl Requested {
    pub(super) fn of(typed: &[String], config: &Config) -> Result<Self, Error> {
        let configured = config.run.resolve.iter().flatten().cloned().collect::<Vec<_>>();
        let in_config = |error: Error| Error::new(ErrorKind::Config, format!("[run] resolve: {}", error.message()));
        let (typed, typed_patterns) = split(typed)?;
        let (configured, configured_patterns) = split(&configured).map_err(in_config)?;
        Ok(Self { typed, configured, patterns: typed_patterns.and(configured_patterns) })
    }

    /// Names that were typed: they must be there.
    pub(super) fn typed(&self) -> impl Iterator<Item = &str> {
        self.typed.iter().map(String::as_str)
    }

    /// Whether the name itself was given, rather than a pattern.
    pub(super) fn names(&self, name: &str) -> bool {
        self.typed.contains(name) || self.configured.contains(name)
    }

    /// Whether a variable is resolved if it holds a reference.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.names(name) || variable_name::is_valid(name) && self.patterns.matches(name)
    }
}

/// Names, each of which a variable can have, and patterns.
fn split(given: &[String]) -> Result<(BTreeSet<String>, Filter), Error> {
    let (patterns, names): (Vec<_>, Vec<_>) = given.iter().cloned().partition(|text| text.contains(WILDCARDS));
    for name in &names {
        variable_name::check(name)?;
    }
    Ok((names.into_iter().collect(), Filter::typed(&patterns)?))
}
