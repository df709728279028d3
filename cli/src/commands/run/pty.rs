//! Runs the command of `run --redact` on a pseudo-terminal, so that colours, prompts and line
//! editors keep working.
//!
//! The command becomes the leader of a session of its own, whose terminal is the pseudo-terminal.
//! Its output is read from the controlling side, redacted and written to our terminal; what is
//! typed there is copied back. Invariants:
//!
//! - Our terminal is in raw mode for as long as the command runs, so all keys reach the
//!   pseudo-terminal unchanged. Its line discipline, not ours, echoes them and turns Ctrl-C into a
//!   signal. [`RawMode`] restores the settings when dropped.
//! - Raw mode is set only while we are the foreground process group; else it would change the
//!   terminal of other processes.
//! - Each of stdin, stdout and stderr is the pseudo-terminal only if ours is a terminal. Others are
//!   inherited, or piped through the redactor.

use std::{
    fs::File,
    io::{self, IsTerminal, pipe, stderr, stdin, stdout},
    os::fd::{AsFd, OwnedFd},
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use pty_process::blocking::{Command as PtyCommand, open};
use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize},
};

use super::{
    redact_output::{Started, redact},
    supervise::Running,
};
use crate::redact::Matcher;

/// Raw mode of our terminal. Dropping it restores the previous settings.
pub(super) struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    fn set(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        make_raw(&terminal)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

fn make_raw(terminal: &OwnedFd) -> io::Result<()> {
    let mut raw = tcgetattr(terminal)?;
    raw.make_raw();
    Ok(tcsetattr(terminal, OptionalActions::Now, &raw)?)
}

/// Our terminal, if there is one and we are its foreground process group.
pub(super) fn foreground_terminal() -> Option<OwnedFd> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    let terminal = OwnedFd::from(terminal);
    is_foreground(&terminal).then_some(terminal)
}

fn is_foreground(terminal: &OwnedFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|foreground| foreground == getpgrp())
}

/// Starts the command on a new pseudo-terminal with the settings and the size of ours.
pub(super) fn start(command: Command, terminal: OwnedFd, matcher: &Arc<Matcher>) -> io::Result<Started> {
    let (pty, pts) = open().map_err(into_io)?;
    let pty = OwnedFd::from(pty);
    tcsetattr(&pts, OptionalActions::Now, &tcgetattr(&terminal)?)?;
    let (ours, theirs) = (terminal.try_clone()?, pty.try_clone()?);
    let resize = move || {
        // If that fails, the pseudo-terminal keeps its size.
        let _ = tcgetwinsize(&ours).and_then(|size| tcsetwinsize(&theirs, size));
    };
    resize();

    let ours = terminal.try_clone()?;
    let resume = move || {
        // A shell resets the terminal when it stops a job, and sets its own mode when the job
        // continues.
        if is_foreground(&ours) {
            let _ = make_raw(&ours);
        }
    };

    let mut command = PtyCommand::from(command);
    let mut flows = vec![(pty.try_clone()?, stdout().as_fd().try_clone_to_owned()?)];
    if !stdin().is_terminal() {
        command = command.stdin(Stdio::inherit());
    }
    if !stderr().is_terminal() {
        let (from, to) = pipe()?;
        command = command.stderr(to);
        flows.push((from.into(), stderr().as_fd().try_clone_to_owned()?));
    }
    let raw_mode = RawMode::set(terminal.try_clone()?)?;
    let child = command.spawn(pts).map_err(into_io)?;
    let writers = flows.into_iter().map(|(from, to)| redact(from, to, matcher)).collect();
    // Copies what is typed. The thread is never joined: it ends with this process.
    thread::spawn(move || io::copy(&mut File::from(terminal), &mut File::from(pty)));
    let running = Running { child, has_own_terminal: true, resize: Box::new(resize), resume: Box::new(resume) };
    Ok(Started { running, writers, raw_mode: Some(raw_mode) })
}

fn into_io(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
    }
}
