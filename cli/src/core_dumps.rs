//! No core file of ours: it would hold every value that we have read, in a place that others may look into.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that we were started with.
static OWN: OnceLock<Rlimit> = OnceLock::new();

/// Turns core files off for this process. To be called before there is anything to hide.
pub(crate) fn turn_off() {
    let own = OWN.get_or_init(|| getrlimit(Resource::Core));
    // Only the soft limit: who lowers the hard one can't get it back for the command that we start.
    set(Rlimit { current: Some(0), maximum: own.maximum });
    // Core files that go to a program through a pipe are written whatever the limit says. This also keeps other programs
    // of the same user out of our memory and our environment.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Starts a program with the limit that we were started with; ours stays off. On Linux there is no core file of ours
/// in between either.
pub(crate) fn with_own_limit<T>(start: impl FnOnce() -> T) -> T {
    if let Some(own) = OWN.get() {
        set(*own);
    }
    let started = start();
    turn_off();
    started
}

/// A soft limit up to the hard one is never refused; if it were, we are no worse off than any other program.
fn set(limit: Rlimit) {
    let _ = setrlimit(Resource::Core, limit);
}
