//! Supervises the command of `run --files` and `run --redact`: forwards signals, and waits for its
//! end and its output.
//!
//! Three kinds of threads send [`Event`]s to one channel, and [`Supervisor::wait`] handles them in
//! the main thread:
//!
//! - one reads signals, from [`Supervisor::start`] on,
//! - one waits for children to end,
//! - one joins the threads that pass on the output.
//!
//! Invariants:
//!
//! - Signals are caught before there are files or a raw terminal, so that no signal ends this
//!   process and leaves them behind. A signal that arrives before the command starts prevents the
//!   start.
//! - The waiting thread does not reap the command (`WNOWAIT`). Only the thread that forwards
//!   signals does, so the process ID can't belong to another process while a signal is sent to it.
//! - Every child that ends is reaped. As the first process of a container (PID 1), or where our
//!   parent made us a subreaper, we inherit the orphans among the command's descendants, which
//!   would stay behind as zombies.
//! - A signal reaches the command exactly once. The kernel sends a terminal's Ctrl-C to all
//!   processes on that terminal, so it is forwarded only if the command has a terminal of its own,
//!   or if it came during the start and the command can't have it: else it would have ended.
//! - After the command has ended, the output of its children is still passed on until they close
//!   it, or until a signal ends that wait.
//! - Signals that our parent set to be ignored (nohup) stay ignored.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitCode, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid},
};
use signal_hook::{
    consts::{
        SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH,
        SIGXCPU,
    },
    flag,
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Origin,
};

use super::{launch, redact_output::Writers};
use crate::{report::Failure, signals};

/// Signals that are forwarded, and two about our terminal. Timers and CPU limits are among them
/// because their default action would end this process, and leave the files and a raw terminal
/// behind.
const SIGNALS: [i32; 12] =
    [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGWINCH, SIGCONT];

enum Event {
    Signal(Origin),
    /// A child has ended, and has not been reaped.
    ChildEnded,
    /// All output has been passed on, or that failed.
    OutputDone(io::Result<()>),
}

/// Catches signals from its creation on.
pub(super) struct Supervisor {
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// The last signal for the command that came since this was looked at; 0 for none. Noted by the
    /// handler, so that it tells whether a signal came before the command was there.
    came: Arc<AtomicUsize>,
}

/// A command that has been started.
pub(super) struct Running {
    pub(super) child: Child,
    /// The command has a terminal of its own, so the kernel does not send it the signals of our
    /// terminal's keys.
    pub(super) has_own_terminal: bool,
    /// Called when the size of our terminal changes.
    pub(super) resize: Box<dyn Fn()>,
    /// Called when this process continues after a stop.
    pub(super) resume: Box<dyn Fn()>,
}

impl Running {
    /// A command that shares our terminal, if there is one.
    pub(super) fn sharing_terminal(child: Child) -> Self {
        Self { child, has_own_terminal: false, resize: Box::new(|| ()), resume: Box::new(|| ()) }
    }
}

impl Supervisor {
    pub(super) fn start() -> io::Result<Self> {
        let (sender, events) = channel();
        let ignored = signals::ignored();
        let caught = SIGNALS.into_iter().filter(|signal| !ignored.has(*signal));
        // If our parent ignores SIGCHLD, the kernel would reap the command before we read its
        // status.
        flag::register(SIGCHLD, Arc::default())?;
        let came = Arc::new(AtomicUsize::new(0));
        for signal in caught.clone().filter(|signal| is_for_command(*signal)) {
            flag::register_usize(signal, came.clone(), usize::try_from(signal).unwrap_or_default())?;
        }
        let mut signals = SignalsInfo::<WithOrigin>::new(caught)?;
        let to_main = sender.clone();
        thread::spawn(move || signals.forever().try_for_each(|origin| to_main.send(Event::Signal(origin))));
        Ok(Self { events, sender, came })
    }

    /// The last signal that arrived before there was a command to forward it to.
    pub(super) fn signal_before_start(&self) -> Option<i32> {
        match i32::try_from(self.came.swap(0, Ordering::SeqCst)) {
            Ok(signal @ 1..) => Some(signal),
            _ => None,
        }
    }

    /// Waits for the command and then for its output, and returns the status of the command.
    pub(super) fn wait(self, running: Running, writers: Writers) -> Result<ExitCode, Failure> {
        let wait_failed = |error| Failure::io("can't wait for the program", error);
        let pid = Pid::from_child(&running.child);
        // One that came while the command was being started is on its way through the channel. If it
        // would have ended the command, the command was not there yet.
        let mut missed = self.signal_before_start().filter(|signal| signals::would_end(pid, *signal));
        let reaped = self.watch(writers);
        let (mut status, mut output) = (None, None);
        for event in self.events {
            match event {
                Event::Signal(origin) => match status {
                    // The signal ends the wait for the output of children that the command left
                    // behind.
                    Some(status) if is_for_command(origin.signal) => return Ok(launch::status_of(status)),
                    // There is no command to forward it to, and its process ID may be another's.
                    Some(_) => drop(adjust_terminal(&running, origin.signal)),
                    None => {
                        let is_missed = missed.take_if(|signal| *signal == origin.signal).is_some();
                        handle_signal(&running, pid, &origin, is_missed);
                    }
                },
                Event::ChildEnded => {
                    status = reap_children(pid).map_err(wait_failed)?.or(status);
                    // The watching thread looks again. It is gone if there are no more children.
                    let _ = reaped.send(());
                }
                Event::OutputDone(result) => output = Some(result),
            }
            if let (Some(status), Some(output)) = (status, output.take_if(|_| status.is_some())) {
                output.map_err(|error| Failure::io("can't pass on the output of the program", error))?;
                return Ok(launch::status_of(status));
            }
        }
        Err(wait_failed(io::Error::other("the threads that watch it are gone")))
    }

    /// Starts the threads that report the end of children and of the output. The first one waits to
    /// be told that what it reported was reaped.
    fn watch(&self, writers: Writers) -> Sender<()> {
        let (to_main, (reaped, are_reaped)) = (self.sender.clone(), channel());
        thread::spawn(move || {
            loop {
                match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                    Err(Errno::INTR) => {}
                    // No child is left, and so nobody whose orphans would become children.
                    Err(_) => return,
                    Ok(_) if to_main.send(Event::ChildEnded).is_err() || are_reaped.recv().is_err() => return,
                    Ok(_) => {}
                }
            }
        });
        let to_main = self.sender.clone();
        thread::spawn(move || {
            let panicked = |_| Err(io::Error::other("the thread that passes it on panicked"));
            let results: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap_or_else(panicked)).collect();
            to_main.send(Event::OutputDone(results.into_iter().collect()))
        });
        reaped
    }
}

/// Reaps all children that have ended. Returns the status of the command, if it is among them.
fn reap_children(command: Pid) -> io::Result<Option<ExitStatus>> {
    let mut status = None;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) if pid == command => status = Some(ExitStatus::from_raw(ended.as_raw())),
            // An orphan that became our child.
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(status),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a signal is meant for the command, rather than about our terminal.
fn is_for_command(signal: i32) -> bool {
    !matches!(signal, SIGWINCH | SIGCONT)
}

/// Follows a signal about our terminal. Returns whether it is one that the command does not need.
fn adjust_terminal(running: &Running, signal: i32) -> bool {
    match signal {
        SIGWINCH if running.has_own_terminal => (running.resize)(),
        // A shell continues the whole process group, so the command continues too.
        SIGCONT => (running.resume)(),
        _ => return false,
    }
    true
}

/// Forwards a signal to the command, unless it has it already. `is_missed` tells that it came
/// before the command was there.
fn handle_signal(running: &Running, pid: Pid, origin: &Origin, is_missed: bool) {
    if adjust_terminal(running, origin.signal) {
        return;
    }
    // Without a sender the signal is from the kernel, for a key of the terminal, and the command
    // already has it if it shares the terminal. SIGHUP is different: the kernel sends it to the
    // session leader only, which may be this process.
    if (origin.process.is_some() || running.has_own_terminal || origin.signal == SIGHUP || is_missed)
        && let Some(signal) = Signal::from_named_raw(origin.signal)
    {
        // Fails only if the command has just ended.
        let _ = kill_process(pid, signal);
    }
}
