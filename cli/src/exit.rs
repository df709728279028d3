//! Exit statuses of the command, by kind of failure. `s1crets --help` and docs/cli.md list them.

use std::process::ExitCode;

use s1crets::ErrorKind;

use crate::report::Failure;

/// The exit statuses. Their order matters: of several failures the highest one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Found = 0,
    NotFound = 1,
    Usage = 2,
    Denied = 3,
    Unavailable = 4,
    Failed = 5,
}

impl Exit {
    pub(crate) fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Usage(_) => Self::Usage,
            Failure::Secret(error) | Failure::Named { error, .. } => Self::of_kind(error.kind()),
            Failure::Many(failures) => failures.iter().map(Self::of).max().unwrap_or(Self::Failed),
            Failure::Io { .. } => Self::Failed,
        }
    }

    pub(crate) fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound | ErrorKind::KeyNotFound => Self::NotFound,
            ErrorKind::InvalidInput | ErrorKind::Unsupported => Self::Usage,
            ErrorKind::AccessDenied | ErrorKind::Unauthenticated => Self::Denied,
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_kind_has_the_exit_status_in_the_help() {
        for &kind in ErrorKind::ALL {
            let status = match kind.as_str() {
                "not_found" | "key_not_found" => 1,
                "invalid_input" | "unsupported" => 2,
                "access_denied" | "unauthenticated" => 3,
                "throttled" | "timeout" | "unavailable" => 4,
                _ => 5,
            };
            assert_eq!(Exit::of_kind(kind) as u8, status, "{kind}");
        }
    }
}
