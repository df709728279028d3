//! Disables core dumps of this process: one would hold every secret that was read, in a place
//! others may look into.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that this process was started with.
static ORIGINAL: OnceLock<Rlimit> = OnceLock::new();

/// Disables core dumps. Call it before the process reads any secret.
pub(crate) fn disable() {
    let original = ORIGINAL.get_or_init(|| getrlimit(Resource::Core));
    // Only the soft limit: a lowered hard limit could not be raised again for the command that
    // `run` starts.
    set(Rlimit { current: Some(0), maximum: original.maximum });
    // A core dump piped to a program ignores the limit; a process that is not dumpable has none. It
    // also keeps other programs of the same user from reading our memory and environment.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Calls `start`, which starts a program, under the original limit, so that the program inherits
/// that limit.
///
/// On Linux this process stays undumpable meanwhile. exec makes the new program dumpable again.
pub(crate) fn with_original_limit<T>(start: impl FnOnce() -> T) -> T {
    if let Some(original) = ORIGINAL.get() {
        set(*original);
    }
    let started = start();
    disable();
    started
}

/// Setting a soft limit within the hard one does not fail; if it did, core dumps would be as with
/// any other program.
fn set(limit: Rlimit) {
    let _ = setrlimit(Resource::Core, limit);
}
