//! Momentary failures: the system is short of something now, and the same call may succeed soon.

use std::{
    error::Error,
    io, thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::retry::Backoff;

/// Whether an error, or what caused it, passes by itself: no file descriptors or memory left, or an
/// interrupted call.
pub(super) fn is_momentary(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| is_momentary_code(error.raw_os_error()) || is_momentary_kind(error.kind()))
}

fn is_momentary_code(code: Option<i32>) -> bool {
    let passing = [Errno::MFILE, Errno::NFILE, Errno::INTR, Errno::AGAIN, Errno::NOMEM];
    code.is_some_and(|code| passing.iter().any(|errno| errno.raw_os_error() == code))
}

/// Errors that were made from a kind have no code.
fn is_momentary_kind(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
}

/// Calls `act` until it succeeds, fails for good, or `patience` is over. Blocks.
pub(super) fn retry<T>(patience: Duration, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let (start, mut failures) = (Instant::now(), 0);
    loop {
        match act() {
            Err(error) if is_momentary(&error) && start.elapsed() < patience => {
                failures += 1;
                thread::sleep(Backoff::LOCKED_FILE.wait(failures));
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_is_momentary_and_a_denial_is_not() {
        let of = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for errno in [Errno::MFILE, Errno::NFILE, Errno::INTR, Errno::AGAIN, Errno::NOMEM] {
            assert!(is_momentary(&of(errno)), "{errno}");
            let wrapped = crate::Error::config("can't open it").with_source(of(errno));
            assert!(is_momentary(&wrapped), "{errno} as a cause");
        }
        for errno in [Errno::ACCESS, Errno::NOENT, Errno::NOSPC, Errno::ROFS, Errno::IO] {
            assert!(!is_momentary(&of(errno)), "{errno}");
        }
    }

    #[test]
    fn only_a_momentary_failure_is_tried_again() {
        let tries = |errno: Errno, patience: Duration| {
            let mut tries = 0;
            let outcome = retry(patience, || {
                tries += 1;
                if tries < 3 { Err(io::Error::from_raw_os_error(errno.raw_os_error())) } else { Ok(()) }
            });
            (tries, outcome.is_ok())
        };
        assert_eq!(tries(Errno::MFILE, Duration::from_secs(60)), (3, true));
        assert_eq!(tries(Errno::MFILE, Duration::ZERO), (1, false));
        assert_eq!(tries(Errno::ACCESS, Duration::from_secs(60)), (1, false));
    }
}
