//! `--version --verbose`: prints the version and how the command was built.

use std::{env, io::Write};

use crate::{output, report::Failure};

/// Whether AWS-LC was built with jitter entropy: `on`, `off` or `unknown`. Set by build.rs.
const JITTER_ENTROPY: &str = env!("S1CRETS_JITTER_ENTROPY");

/// Whether `--verbose` was typed too. clap stops at `--version`, so this looks at the arguments
/// themselves.
pub(crate) fn is_verbose() -> bool {
    let mut args = env::args_os().skip(1).take_while(|arg| arg != "--");
    args.any(|arg| arg == "--verbose" || arg.to_str().is_some_and(has_short_verbose))
}

/// Whether an argument is `-v`, `-vv`, `-Vv` and the like.
fn has_short_verbose(arg: &str) -> bool {
    let letters = arg.strip_prefix('-').unwrap_or_default();
    letters.contains('v') && letters.chars().all(|letter| matches!(letter, 'v' | 'V'))
}

/// Prints `version`, which ends with a newline, and the build information.
pub(crate) fn print(version: &str) -> Result<(), Failure> {
    output::print(|out| writeln!(out, "{version}AWS-LC jitter entropy: {JITTER_ENTROPY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_is_found_among_combined_short_options() {
        for arg in ["-v", "-vv", "-Vv", "-vV"] {
            assert!(has_short_verbose(arg), "{arg}");
        }
        for arg in ["-V", "-", "--v", "v", "-xv", ""] {
            assert!(!has_short_verbose(arg), "{arg}");
        }
    }
}
