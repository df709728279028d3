//! Scope: what the records of one provider are bound to.

use std::{fmt, sync::Arc};

/// The scope of a provider: which server it asks, and with which identity. It is looked up at each
/// use of the disk, because a token may have been replaced meanwhile.
pub(crate) trait ScopeSource: fmt::Debug + Send + Sync {
    /// `None` if it can't be determined: then nothing is read from disk, and nothing is stored
    /// there.
    fn now(&self) -> Option<CurrentScope>;
}

/// The scope that a provider has at the moment. It is a part of each record's name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CurrentScope {
    pub(crate) bytes: Arc<[u8]>,
    /// Whether what is loaded from now on certainly belongs to this scope. If not, records are
    /// read, but none is written.
    pub(crate) settled: bool,
}

/// A scope that never changes: a name that the program chose.
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
