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
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::{
    redacted::{Started, flow},
    supervise::Running,
};
use crate::redact::Needles;

/// Our terminal passes keys on as they are, until this is dropped.
pub(super) struct Raw(Termios);

impl Raw {
    fn set() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may be gone; then there is nothing to restore.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Starts the command in a session of its own, with a terminal in the place of each stream that is one.
pub(super) fn start(command: Command, needles: &Arc<Needles>) -> io::Result<Started> {
    let ours = terminal()?;
    let (pty, pts) = open().map_err(plain)?;
    let pty = OwnedFd::from(pty);
    tcsetattr(&pts, OptionalActions::Now, &tcgetattr(&ours)?)?;
    let (size, theirs) = (ours.try_clone()?, pty.try_clone()?);
    let resize = move || {
        // A size that can't be had is left as it is.
        let _ = tcgetwinsize(&size).and_then(|size| tcsetwinsize(&theirs, size));
    };
    resize();

    let mut command = PtyCommand::from(command);
    let mut flows = vec![(pty.try_clone()?, ours)];
    if !stdin().is_terminal() {
        command = command.stdin(Stdio::inherit());
    }
    if !stdout().is_terminal() {
        let (from, to) = pipe()?;
        command = command.stdout(to);
        flows.push((from.into(), stdout().as_fd().try_clone_to_owned()?));
    }
    if !stderr().is_terminal() {
        let (from, to) = pipe()?;
        command = command.stderr(to);
        flows.push((from.into(), stderr().as_fd().try_clone_to_owned()?));
    }
    let raw = stdin().is_terminal().then(Raw::set).transpose()?;
    let child = command.spawn(pts).map_err(plain)?;
    let writers = flows.into_iter().map(|(from, to)| flow(from, to, needles)).collect();
    if raw.is_some() {
        pass_keys(pty)?;
    }
    Ok(Started { running: Running { child, apart: true, resize: Box::new(resize) }, writers, raw })
}

/// The one that what the command shows goes to.
fn terminal() -> io::Result<OwnedFd> {
    match stdout().is_terminal() {
        true => stdout().as_fd().try_clone_to_owned(),
        false => stderr().as_fd().try_clone_to_owned(),
    }
}

/// Hands over what is typed, for as long as we live: nobody waits for this.
fn pass_keys(pty: OwnedFd) -> io::Result<()> {
    let mut keys = File::from(stdin().as_fd().try_clone_to_owned()?);
    thread::spawn(move || io::copy(&mut keys, &mut File::from(pty)));
    Ok(())
}

fn plain(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
    }
}
