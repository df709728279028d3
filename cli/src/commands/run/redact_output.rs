//! `--redact`: what the command writes comes through us, without the values.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write, pipe, stderr, stdout},
    os::fd::{AsFd, OwnedFd},
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::fstat,
};
use zeroize::Zeroizing;

use super::{pty, supervise::Running};
use crate::redact::{Needles, Redactor};

/// What one read may take, and what a pipe is asked to hold: large enough that system calls are no part of the cost.
const PIECE: usize = 256 * 1024;

/// Who takes what the command writes to where it was to go.
pub(super) type Writers = Vec<JoinHandle<io::Result<()>>>;

/// A command that runs, and what has to be seen to beside it.
pub(super) struct Started {
    pub(super) running: Running,
    pub(super) writers: Writers,
    /// Restores our terminal when dropped.
    pub(super) raw: Option<pty::Raw>,
}

/// Starts the command with its output through us: by a terminal of its own where it is shown on ours, else by pipes. Others use
/// our terminal too if it is not us who are in front, or if we are part of a pipeline: then it is left alone.
pub(super) fn start(command: Command, needles: Needles) -> io::Result<Started> {
    let needles = Arc::new(needles);
    match pty::ours().filter(|_| stdout().is_terminal()) {
        Some(ours) => pty::start(command, ours, &needles),
        None => by_pipes(command, &needles),
    }
}

fn by_pipes(mut command: Command, needles: &Arc<Needles>) -> io::Result<Started> {
    let (from, to) = pipe()?;
    let mut flows = vec![(OwnedFd::from(from), stdout().as_fd().try_clone_to_owned()?)];
    command.stdout(to.try_clone()?);
    // Where both go to one place, they go there in the order in which they were written.
    if is_one_place()? {
        command.stderr(to);
    } else {
        let (from, to) = pipe()?;
        command.stderr(to);
        flows.push((from.into(), stderr().as_fd().try_clone_to_owned()?));
    }
    let child = command.spawn()?;
    // It holds the other ends of the pipes for as long as it lives.
    drop(command);
    let writers = flows.into_iter().map(|(from, to)| flow(from, to, needles)).collect();
    Ok(Started { running: Running::beside(child), writers, raw: None })
}

fn is_one_place() -> io::Result<bool> {
    let (one, other) = (fstat(stdout())?, fstat(stderr())?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Takes what comes from one end, less the values, to the other, until one of them is closed.
pub(super) fn flow(from: OwnedFd, to: OwnedFd, needles: &Arc<Needles>) -> JoinHandle<io::Result<()>> {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&from, PIECE);
    let redactor = Redactor::new(needles.clone());
    thread::spawn(move || match pump(File::from(from), Patient(File::from(to)), redactor) {
        // A reader that has seen enough is no error; the command gets to know by its next write.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        pumped => pumped,
    })
}

/// Waits where the other end is slow and the file was opened not to wait, by somebody else who has it too.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn pump(mut from: impl Read, mut to: impl Write, mut redactor: Redactor) -> io::Result<()> {
    let (mut piece, mut out) = (Zeroizing::new(vec![0; PIECE]), Vec::with_capacity(PIECE));
    loop {
        match from.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A terminal whose last user is gone gives an error rather than an end.
            Ok(0) | Err(_) => break,
            Ok(read) => redactor.push(&piece[..read], &mut out),
        }
        to.write_all(&out)?;
        out.clear();
    }
    redactor.finish(&mut out);
    to.write_all(&out)
}
