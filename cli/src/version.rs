//! `--version --verbose`: the version, and how it was built.

use std::{env, io::Write};

use crate::{output, report::Failure};

/// What is known since the build: see build.rs.
const JITTER_ENTROPY: &str = env!("S1CRETS_JITTER_ENTROPY");

/// Whether `--verbose` was typed too.
pub(crate) fn is_verbose() -> bool {
    let mut typed = env::args_os().skip(1).take_while(|typed| typed != "--");
    typed.any(|typed| typed == "--verbose" || typed.to_str().is_some_and(has_short_verbose))
}

/// `-v`, `-vv`, `-Vv` and the like.
fn has_short_verbose(typed: &str) -> bool {
    let letters = typed.strip_prefix('-').unwrap_or_default();
    letters.contains('v') && letters.chars().all(|letter| matches!(letter, 'v' | 'V'))
}

/// Prints the version, which ends with a newline, and how this program was built.
pub(crate) fn print(version: &str) -> Result<(), Failure> {
    output::print(|out| writeln!(out, "{version}AWS-LC jitter entropy: {JITTER_ENTROPY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_options_may_stand_together() {
        for typed in ["-v", "-vv", "-Vv", "-vV"] {
            assert!(has_short_verbose(typed), "{typed}");
        }
        for typed in ["-V", "-", "--v", "v", "-xv", ""] {
            assert!(!has_short_verbose(typed), "{typed}");
        }
    }
}
