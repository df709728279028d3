//! The `--redact` option: runs the command with its output passed through this process, which
//! removes secrets.

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
use crate::redact::{Matcher, Redactor};

/// Bytes per read, and the size asked for each pipe. Large, so that system calls don't dominate the
/// cost.
const CHUNK: usize = 256 * 1024;

/// The threads that pass on the output, one per stream.
pub(super) type Writers = Vec<JoinHandle<io::Result<()>>>;

/// A command that has been started, and what its end has to wait for.
pub(super) struct Started {
    pub(super) running: Running,
    pub(super) writers: Writers,
    /// Restores our terminal when dropped.
    pub(super) raw_mode: Option<pty::RawMode>,
}

/// Starts the command with its output redirected to this process.
///
/// It gets a pseudo-terminal if stdout is a terminal and we are its foreground process group, and
/// pipes otherwise. In the background, or as part of a pipeline, other processes use our terminal
/// too, so it must not be put into raw mode.
pub(super) fn start(command: Command, matcher: Matcher) -> io::Result<Started> {
    let matcher = Arc::new(matcher);
    match pty::foreground_terminal().filter(|_| stdout().is_terminal()) {
        Some(terminal) => pty::start(command, terminal, &matcher),
        None => start_with_pipes(command, &matcher),
    }
}

fn start_with_pipes(mut command: Command, matcher: &Arc<Matcher>) -> io::Result<Started> {
    let (from, to) = pipe()?;
    let mut flows = vec![(OwnedFd::from(from), stdout().as_fd().try_clone_to_owned()?)];
    command.stdout(to.try_clone()?);
    // One pipe for both streams keeps their order, if both go to the same file.
    if is_same_file()? {
        command.stderr(to);
    } else {
        let (from, to) = pipe()?;
        command.stderr(to);
        flows.push((from.into(), stderr().as_fd().try_clone_to_owned()?));
    }
    let child = command.spawn()?;
    // `command` holds the write ends of the pipes, which would keep the readers from seeing the
    // end.
    drop(command);
    let writers = flows.into_iter().map(|(from, to)| redact(from, to, matcher)).collect();
    Ok(Started { running: Running::sharing_terminal(child), writers, raw_mode: None })
}

/// Whether stdout and stderr are the same file.
fn is_same_file() -> io::Result<bool> {
    let (stdout, stderr) = (fstat(stdout())?, fstat(stderr())?);
    Ok((stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino))
}

/// Starts a thread that copies `from` to `to` without the secrets, until one of them is closed.
pub(super) fn redact(from: OwnedFd, to: OwnedFd, matcher: &Arc<Matcher>) -> JoinHandle<io::Result<()>> {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&from, CHUNK);
    let redactor = Redactor::new(matcher.clone());
    thread::spawn(move || match copy(File::from(from), Blocking(File::from(to)), redactor) {
        // A closed reader is not an error of ours; the command notices at its next write.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => copied,
    })
}

/// Blocks on writes even if another process that shares the open file has made it non-blocking.
struct Blocking(File);

impl Write for Blocking {
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

fn copy(mut from: impl Read, mut to: impl Write, mut redactor: Redactor) -> io::Result<()> {
    let (mut chunk, mut out) = (Zeroizing::new(vec![0; CHUNK]), Vec::with_capacity(CHUNK));
    loop {
        match from.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A pseudo-terminal that all others have closed gives an error rather than an end.
            Ok(0) | Err(_) => break,
            Ok(read) => redactor.push(&chunk[..read], &mut out),
        }
        to.write_all(&out)?;
        out.clear();
    }
    redactor.finish(&mut out);
    to.write_all(&out)
}
