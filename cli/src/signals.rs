//! Defers SIGHUP, SIGINT and SIGTERM during a file write, and finds out which signals are ignored.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

/// Calls `act` without interruption. A signal that arrives meanwhile ends the process afterwards,
/// as by default.
pub(crate) fn uninterrupted<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (came, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let ignored = ignored();
    for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !ignored.has(*signal)) {
        flag::register_conditional_default(signal, done.clone())?;
        flag::register_usize(signal, came.clone(), usize::try_from(signal).unwrap_or_default())?;
    }
    let acted = act();
    done.store(true, Ordering::SeqCst);
    if let Ok(signal @ 1..) = i32::try_from(came.load(Ordering::SeqCst)) {
        low_level::emulate_default_handler(signal)?;
    }
    acted
}

/// The signals that our parent set to be ignored, as nohup does. They stay ignored, also in the
/// command that `run` starts.
///
/// A bit mask, with signal 1 at bit 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ignored(u64);

impl Ignored {
    pub(crate) fn has(self, signal: i32) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }
}

/// Reads the ignored signals from `/proc`. Empty on systems without it.
pub(crate) fn ignored() -> Ignored {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    Ignored(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default())
}
