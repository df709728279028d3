//! Patterns of names.

use glob::Pattern;

use crate::report::Failure;

/// Some patterns, of which one has to match: `*`, `?` and `[a-z]` as in a shell.
#[derive(Debug, Default)]
pub(super) struct Filter(Vec<Pattern>);

impl Filter {
    pub(super) fn typed(patterns: &[String]) -> Result<Self, Failure> {
        let typed = |pattern: &String| {
            Pattern::new(pattern).map_err(|error| Failure::Usage(format!("{pattern:?} is no pattern: {}", error.msg)))
        };
        patterns.iter().map(typed).collect::<Result<_, _>>().map(Self)
    }

    /// Patterns of our own.
    pub(super) fn of(patterns: &[&str]) -> Self {
        Self(patterns.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}
