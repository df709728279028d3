//! A terminal for the command, where we have one: colours, prompts and line editors work as without us.

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
    redact_output::{Started, flow},
    supervise::Running,
};
use crate::redact::Needles;

/// Our terminal passes keys on as they are, until this is dropped.
pub(super) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    fn set(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        make_raw(&terminal)?;
        Ok(Self { terminal, before })
    }
}

fn make_raw(terminal: &OwnedFd) -> io::Result<()> {
    let mut raw = tcgetattr(terminal)?;
    raw.make_raw();
    Ok(tcsetattr(terminal, OptionalActions::Now, &raw)?)
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may be gone; then there is nothing to restore.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// The terminal that we are in front on, whose keys are for us; nothing if there is none, or somebody else is in front.
pub(super) fn ours() -> Option<OwnedFd> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    let terminal = OwnedFd::from(terminal);
    is_in_front(&terminal).then_some(terminal)
}

fn is_in_front(terminal: &OwnedFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|front| front == getpgrp())
}

/// Starts the command in a session of its own, with a terminal in the place of each stream that is one, and for whatever it
/// opens as `/dev/tty`.
pub(super) fn start(command: Command, ours: OwnedFd, needles: &Arc<Needles>) -> io::Result<Started> {
    let (pty, pts) = open().map_err(plain)?;
    let pty = OwnedFd::from(pty);
    tcsetattr(&pts, OptionalActions::Now, &tcgetattr(&ours)?)?;
    let (size, theirs) = (ours.try_clone()?, pty.try_clone()?);
    let resize = move || {
        // A size that can't be had is left as it is.
        let _ = tcgetwinsize(&size).and_then(|size| tcsetwinsize(&theirs, size));
    };
    resize();

    let again = ours.try_clone()?;
    let resume = move || {
        // A shell takes its terminal back from whom it stops, and gives it in its own state to whom it lets go on.
        if is_in_front(&again) {
            let _ = make_raw(&again);
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
    let raw = Raw::set(ours.try_clone()?)?;
    let child = command.spawn(pts).map_err(plain)?;
    let writers = flows.into_iter().map(|(from, to)| flow(from, to, needles)).collect();
    pass_keys(ours, pty);
    let running = Running { child, apart: true, resize: Box::new(resize), resume: Box::new(resume) };
    Ok(Started { running, writers, raw: Some(raw) })
}

/// Hands over what is typed, for as long as we live: nobody waits for this.
fn pass_keys(from: OwnedFd, to: OwnedFd) {
    thread::spawn(move || io::copy(&mut File::from(from), &mut File::from(to)));
}

fn plain(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
    }
}
