//! Signals that ask to end, while something is done that must not be cut.

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

/// Does it whole: a signal that comes meanwhile ends the command behind it.
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

/// The signals that whoever started us wants ignored, as nohup does: a bit each, the first for signal 1. They stay ignored,
/// by what we start too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ignored(u64);

impl Ignored {
    pub(crate) fn has(self, signal: i32) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }
}

pub(crate) fn ignored() -> Ignored {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    Ignored(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default())
}
