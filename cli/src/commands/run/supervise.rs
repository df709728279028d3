//! Supervises the command of `run --files` and `run --redact`: forwards signals, and waits for its
//! end and its output.
//!
//! Three kinds of threads send [`Event`]s to one channel, and [`Supervisor::wait`] handles them in
//! the main thread:
//!
//! - one reads signals, from [`Supervisor::start`] on,
//! - one waits for the command to end,
//! - one joins the threads that pass on the output.
//!
//! Invariants:
//!
//! - Signals are caught before there are files or a raw terminal, so that no signal ends this
//!   process and leaves them behind. A signal that arrives before the command starts prevents the
//!   start.
//! - The waiting thread does not reap the command (`WNOWAIT`). Only the thread that forwards
//!   signals does, so the process ID can't belong to another process while a signal is sent to it.
//! - A signal reaches the command exactly once. The kernel sends a terminal's Ctrl-C to all
//!   processes on that terminal, so it is forwarded only if the command has a terminal of its own.
//! - After the command has ended, the output of its children is still passed on until they close
//!   it, or until a signal ends that wait.
//! - Signals that our parent set to be ignored (nohup) stay ignored.

use std::{
    io,
    process::{Child, ExitCode},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
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
    /// The command has ended, and has not been reaped.
    Ended,
    /// All output has been passed on, or that failed.
    OutputDone(io::Result<()>),
}

/// Catches signals from its creation on.
pub(super) struct Supervisor {
    events: Receiver<Event>,
    sender: Sender<Event>,
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
        let mut signals = SignalsInfo::<WithOrigin>::new(caught)?;
        let to_main = sender.clone();
        thread::spawn(move || signals.forever().try_for_each(|origin| to_main.send(Event::Signal(origin))));
        Ok(Self { events, sender })
    }

    /// The last signal that arrived before there was a command to forward it to.
    pub(super) fn signal_before_start(&self) -> Option<i32> {
        let signals = self.events.try_iter().filter_map(|event| match event {
            Event::Signal(origin) => Some(origin.signal),
            _ => None,
        });
        signals.filter(|signal| is_for_command(*signal)).last()
    }

    /// Waits for the command and then for its output, and returns the status of the command.
    pub(super) fn wait(self, mut running: Running, writers: Writers) -> Result<ExitCode, Failure> {
        let wait_failed = |error| Failure::io("can't wait for the program", error);
        let pid = Pid::from_child(&running.child);
        self.watch(pid, writers);
        let (mut status, mut output) = (None, None);
        for event in self.events {
            match event {
                Event::Signal(origin) => match status {
                    // The signal ends the wait for the output of children that the command left
                    // behind.
                    Some(status) if is_for_command(origin.signal) => return Ok(launch::status_of(status)),
                    _ => handle_signal(&running, pid, &origin),
                },
                Event::Ended => status = Some(running.child.wait().map_err(wait_failed)?),
                Event::OutputDone(result) => output = Some(result),
            }
            if let (Some(status), Some(output)) = (status, output.take_if(|_| status.is_some())) {
                output.map_err(|error| Failure::io("can't pass on the output of the program", error))?;
                return Ok(launch::status_of(status));
            }
        }
        Err(wait_failed(io::Error::other("the threads that watch it are gone")))
    }

    /// Starts the threads that report the end of the command and of its output.
    fn watch(&self, pid: Pid, writers: Writers) {
        let to_main = self.sender.clone();
        thread::spawn(move || {
            let wait = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
            to_main.send(Event::Ended)
        });
        let to_main = self.sender.clone();
        thread::spawn(move || {
            let panicked = |_| Err(io::Error::other("the thread that passes it on panicked"));
            let results: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap_or_else(panicked)).collect();
            to_main.send(Event::OutputDone(results.into_iter().collect()))
        });
    }
}

/// Whether a signal is meant for the command, rather than about our terminal.
fn is_for_command(signal: i32) -> bool {
    !matches!(signal, SIGWINCH | SIGCONT)
}

fn handle_signal(running: &Running, pid: Pid, origin: &Origin) {
    match origin.signal {
        SIGWINCH if running.has_own_terminal => return (running.resize)(),
        // A shell continues the whole process group, so the command continues too.
        SIGCONT => return (running.resume)(),
        _ => {}
    }
    // Without a sender the signal is from the kernel, for a key of the terminal, and the command
    // already has it if it shares the terminal. SIGHUP is different: the kernel sends it to the
    // session leader only, which may be this process.
    if (origin.process.is_some() || running.has_own_terminal || origin.signal == SIGHUP)
        && let Some(signal) = Signal::from_named_raw(origin.signal)
    {
        // Fails only if the command has just ended.
        let _ = kill_process(pid, signal);
    }
}
