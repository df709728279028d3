//! Glob patterns for variable names: `--keep`, `--allow`, `--deny`, `--names` and `--resolve`.

use glob::Pattern;
use s1crets::{Error, ErrorKind};

/// A list of patterns, in which `*`, `?` and `[a-z]` work as in a shell. A name matches the list if
/// it matches any of them.
#[derive(Debug, Default)]
pub(crate) struct NamePatterns(Vec<Pattern>);

impl NamePatterns {
    /// Parses patterns that the user gave.
    ///
    /// # Errors
    /// `InvalidInput` with the first malformed pattern, and why it is malformed.
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, Error> {
        let parse = |pattern: &String| {
            Pattern::new(pattern).map_err(|error| {
                Error::new(ErrorKind::InvalidInput, format!("{pattern:?} is not a valid pattern: {}", error.msg))
            })
        };
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// The patterns of a built-in list, all of which are well-formed.
    #[cfg(unix)]
    pub(crate) fn builtin(patterns: &[&str]) -> Self {
        Self(patterns.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect())
    }

    /// Both lists together.
    #[cfg(unix)]
    pub(crate) fn union(self, others: Self) -> Self {
        Self([self.0, others.0].concat())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name matches any pattern. Case matters.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}
