//! Defers SIGHUP, SIGINT and SIGTERM during a file write, and finds out which signals are ignored.

use std::{
    fs, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rustix::process::Pid;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

/// What the signal handlers of this process look at. Handlers stay registered for ever, so there is
/// one set of them: one for each write would leave those of the first write in force, which end the
/// process at once.
struct Handlers {
    /// No write is under way: a signal ends the process, as it does by default.
    idle: Arc<AtomicBool>,
    /// The last signal that came during a write; 0 for none.
    came: Arc<AtomicUsize>,
    /// How many writes are under way.
    writes: usize,
}

static HANDLERS: Mutex<Option<Handlers>> = Mutex::new(None);

/// Runs a write to its end: a signal that comes meanwhile ends the process after it.
///
/// # Errors
/// Those of the write; that the signals can't be handled.
pub(crate) fn uninterrupted<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    begin()?;
    let written = write();
    end()?;
    written
}

fn begin() -> io::Result<()> {
    let mut handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
    if handlers.is_none() {
        *handlers = Some(register()?);
    }
    if let Some(handlers) = &mut *handlers {
        handlers.writes += 1;
        handlers.idle.store(false, Ordering::SeqCst);
    }
    Ok(())
}

fn end() -> io::Result<()> {
    let mut handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(handlers) = &mut *handlers else { return Ok(()) };
    handlers.writes -= 1;
    if handlers.writes > 0 {
        return Ok(());
    }
    handlers.idle.store(true, Ordering::SeqCst);
    match i32::try_from(handlers.came.swap(0, Ordering::SeqCst)) {
        Ok(signal @ 1..) => low_level::emulate_default_handler(signal),
        _ => Ok(()),
    }
}

/// Registers a handler for each signal that asks to end, unless whoever started us ignores it.
fn register() -> io::Result<Handlers> {
    let (idle, came) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let ignored = ignored();
    for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !ignored.has(*signal)) {
        flag::register_conditional_default(signal, idle.clone())?;
        flag::register_usize(signal, came.clone(), usize::try_from(signal).unwrap_or_default())?;
    }
    Ok(Handlers { idle, came, writes: 0 })
}

/// A set of signals: a bit mask, with signal 1 at bit 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalSet(u64);

impl SignalSet {
    pub(crate) fn has(self, signal: i32) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }
}

/// The signals that our parent set to be ignored, as nohup does, from `/proc`. They stay ignored,
/// also in the command that `run` starts. Empty on systems without it.
pub(crate) fn ignored() -> SignalSet {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    SignalSet(mask(&status, "SigIgn:").unwrap_or_default())
}

/// Whether a process that lives would have ended if it had got this signal: it neither handles nor
/// ignores it, and does not hold it back to read it later. `false` if that can't be told.
pub(crate) fn would_end(process: Pid, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).unwrap_or_default();
    let masks = ["SigBlk:", "SigIgn:", "SigCgt:"].map(|name| mask(&status, name));
    masks.iter().all(|mask| mask.is_some_and(|mask| !SignalSet(mask).has(signal)))
}

/// A set of signals in the text of `/proc/PID/status`.
fn mask(status: &str, name: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        io::{BufRead, BufReader, Write},
        os::unix::process::ExitStatusExt,
        path::Path,
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use rustix::process::{Signal, kill_process};

    use super::*;

    /// This test's own executable as another process: it writes twice, and during the second write
    /// it waits for a line.
    fn writing_twice(file: &Path) -> Command {
        let mut command = Command::new(env::current_exe().expect("a test"));
        command.args(["--exact", "signals::tests::body_of_the_process_that_writes_twice", "--nocapture"]);
        command.env("S1CRETS_TEST_WRITES", file).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    fn has_come() -> bool {
        let handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.as_ref().is_some_and(|handlers| handlers.came.load(Ordering::SeqCst) != 0)
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "it tells the other process where it is")]
    fn body_of_the_process_that_writes_twice() {
        let Some(file) = env::var_os("S1CRETS_TEST_WRITES") else { return };
        uninterrupted(|| Ok(())).expect("the first write");
        let second = uninterrupted(|| {
            println!("\nin the second write");
            io::stdin().read_line(&mut String::new())?;
            // The signal was sent before the line. On a busy machine its handler, which runs in another
            // thread, may come later.
            let started = Instant::now();
            while !has_come() && started.elapsed() < Duration::from_secs(10) {
                thread::sleep(Duration::from_millis(1));
            }
            fs::write(&file, "whole")
        });
        second.expect("the second write");
        println!("after the second write");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_signal_would_end_only_a_process_that_does_nothing_about_it() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap : INT; trap '' HUP; echo ready; read line"]).stdin(Stdio::piped());
        let mut shell = shell.stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("piped")).read_line(&mut line).expect("ready");
        let pid = Pid::from_child(&shell);
        assert_eq!([SIGINT, SIGHUP, SIGTERM].map(|signal| would_end(pid, signal)), [false, false, true]);
        drop(shell.stdin.take());
        shell.wait().expect("ended");
        assert!(!would_end(pid, SIGTERM), "it is gone");
    }

    #[test]
    fn a_signal_during_the_second_write_waits_for_its_end_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("out");
        let mut child = writing_twice(&file).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "in the second write"));
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM).expect("sent");
        // The process may be dead already: then there is nobody to read the line.
        let _ = child.stdin.take().expect("piped").write_all(b"\n");
        let status = child.wait().expect("ended");
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some("whole"));
        assert_eq!(status.signal(), Some(SIGTERM), "the signal ends the process after the write");
        assert!(!lines.any(|line| line == "after the second write"));
    }
}
