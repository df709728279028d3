//! What the records of one provider are bound to.

use std::{fmt, sync::Arc};

/// Tells a provider, with whom it asks and as whom, from all others. It is asked at each use of the disk: a token may have
/// been replaced meanwhile.
pub(crate) trait ScopeSource: fmt::Debug + Send + Sync {
    /// Nothing if it can't be told: then nothing is read from disk, and nothing is kept there.
    fn now(&self) -> Option<CurrentScope>;
}

/// A part of each record's name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CurrentScope {
    pub(crate) bytes: Arc<[u8]>,
    /// Whether what is loaded from now on is surely of this scope. If not, records are read and none is written.
    pub(crate) settled: bool,
}

/// One that never changes: a name that somebody chose.
impl ScopeSource for String {
    fn now(&self) -> Option<CurrentScope> {
        Some(CurrentScope { bytes: self.as_bytes().into(), settled: true })
    }
}

impl fmt::Debug for CurrentScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentScope([redacted])")
    }
}
