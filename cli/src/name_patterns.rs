//! Patterns of names.

use glob::Pattern;
use s1crets::{Error, ErrorKind};

/// Some patterns, of which one has to match: `*`, `?` and `[a-z]` as in a shell.
#[derive(Debug, Default)]
pub(crate) struct NamePatterns(Vec<Pattern>);

impl NamePatterns {
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, Error> {
        let invalid =
            |pattern: &str, why: &str| Error::new(ErrorKind::InvalidInput, format!("{pattern:?} is no pattern: {why}"));
        let parse = |pattern: &String| Pattern::new(pattern).map_err(|error| invalid(pattern, error.msg));
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Patterns of our own.
    #[cfg(unix)]
    pub(crate) fn builtin(patterns: &[&str]) -> Self {
        Self(patterns.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect())
    }

    /// These patterns and others.
    #[cfg(unix)]
    pub(crate) fn union(self, others: Self) -> Self {
        Self([self.0, others.0].concat())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}
