//! Stays beside the command until it ends: hands signals on, and waits for what is still to be written.

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

/// Those that are handed on, and those that say something of our terminal. Timers and limits of time are among them, as one
/// that ended us would leave files behind, and the terminal as it is.
const SIGNALS: [i32; 12] =
    [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGWINCH, SIGCONT];

/// What happens while the command runs.
enum Event {
    Signal(Origin),
    /// The command ended, and waits to be collected.
    Ended,
    /// All that it wrote is written, or could not be.
    Written(io::Result<()>),
}

/// Signals, from now on. Made before the command starts, so that none is lost in between.
pub(super) struct Supervisor {
    events: Receiver<Event>,
    tell: Sender<Event>,
}

/// A command that runs.
pub(super) struct Running {
    pub(super) child: Child,
    /// It has a terminal of its own, so that the keys of ours don't reach it by themselves.
    pub(super) apart: bool,
    /// Called when the window's size changes.
    pub(super) resize: Box<dyn Fn()>,
    /// Called when we go on after we were stopped.
    pub(super) resume: Box<dyn Fn()>,
}

impl Running {
    /// One that shares our terminal, if we have one.
    pub(super) fn beside(child: Child) -> Self {
        Self { child, apart: false, resize: Box::new(|| ()), resume: Box::new(|| ()) }
    }
}

impl Supervisor {
    pub(super) fn start() -> io::Result<Self> {
        let (tell, events) = channel();
        let ignored = signals::ignored();
        let wanted = SIGNALS.into_iter().filter(|signal| !ignored.has(*signal));
        // Where whoever started us ignores the ends of children, the system would collect ours.
        flag::register(SIGCHLD, Arc::default())?;
        let mut signals = SignalsInfo::<WithOrigin>::new(wanted)?;
        let sender = tell.clone();
        thread::spawn(move || signals.forever().try_for_each(|origin| sender.send(Event::Signal(origin))));
        Ok(Self { events, tell })
    }

    /// The signal that has asked us to end before there is a command to hand it on to.
    pub(super) fn asked_to_end(&self) -> Option<i32> {
        let signals = self.events.try_iter().filter_map(|event| match event {
            Event::Signal(origin) => Some(origin.signal),
            _ => None,
        });
        signals.filter(|signal| is_handed_on(*signal)).last()
    }

    /// Waits for the command, and for `writers` after it: what its own children still write comes out too, unless a signal
    /// ends that.
    pub(super) fn wait(self, mut running: Running, writers: Writers) -> Result<ExitCode, Failure> {
        let lost = |error| Failure::io("can't wait for the command", error);
        let pid = Pid::from_child(&running.child);
        self.watch(pid, writers);
        let (mut status, mut written) = (None, None);
        for event in self.events {
            match event {
                Event::Signal(origin) => match status {
                    // What the command left running is not waited for any more.
                    Some(status) if is_handed_on(origin.signal) => return Ok(launch::ended(status)),
                    _ => hand_on(&running, pid, &origin),
                },
                Event::Ended => status = Some(running.child.wait().map_err(lost)?),
                Event::Written(outcome) => written = Some(outcome),
            }
            if let (Some(status), Some(written)) = (status, written.take_if(|_| status.is_some())) {
                written.map_err(|error| Failure::io("can't pass on what the command wrote", error))?;
                return Ok(launch::ended(status));
            }
        }
        Err(lost(io::Error::other("nobody is left to tell how the command ended")))
    }

    fn watch(&self, pid: Pid, writers: Writers) {
        let tell = self.tell.clone();
        thread::spawn(move || {
            // It is left to be collected by whoever hands signals on: until then the number is nobody else's.
            while matches!(wait_for(pid), Err(rustix::io::Errno::INTR)) {}
            tell.send(Event::Ended)
        });
        let tell = self.tell.clone();
        thread::spawn(move || {
            let panicked = |_| Err(io::Error::other("what the command wrote was lost"));
            let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap_or_else(panicked)).collect();
            tell.send(Event::Written(written.into_iter().collect()))
        });
    }
}

/// Whether it is for the command, and says nothing of our terminal.
fn is_handed_on(signal: i32) -> bool {
    !matches!(signal, SIGWINCH | SIGCONT)
}

fn wait_for(pid: Pid) -> rustix::io::Result<()> {
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).map(drop)
}

/// What a key of the terminal sends goes to all who share it: the command has it already, unless it is apart. That a
/// terminal is gone is told to the first process on it alone, which may be us.
fn hand_on(running: &Running, pid: Pid, origin: &Origin) {
    match origin.signal {
        SIGWINCH if running.apart => return (running.resize)(),
        // Whoever lets us go on lets all go on that it stopped.
        SIGCONT => return (running.resume)(),
        _ => {}
    }
    if (origin.process.is_some() || running.apart || origin.signal == SIGHUP)
        && let Some(signal) = Signal::from_named_raw(origin.signal)
    {
        // It may have ended just now.
        let _ = kill_process(pid, signal);
    }
}
