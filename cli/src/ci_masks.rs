//! CI log masks: registers values with the CI system that runs us, before anything prints them.
//!
//! How each system takes masks, by its documentation and the source of its agent:
//!
//! - [GitHub
//!   Actions](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log),
//!   and the runners of Forgejo and Gitea, which follow it: a line `::add-mask::`.
//! - [Azure
//!   Pipelines](https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setsecret-register-a-value-as-a-secret):
//!   a line `##vso[task.setsecret]`.
//! - [Buildkite](https://buildkite.com/docs/agent/v3/cli-redactor): its agent's command, with the
//!   values on standard input.
//!
//! Other systems have no way to add a mask while a job runs.
//!
//! The lines go to standard error. These systems read commands there as on standard output, and
//! `$(…)` does not capture it: a captured value stays as it is.
//!
//! If the system doesn't read a mask, whatever prints the value next would show it. So if standard
//! error can't be part of the log, nothing is printed and no command is started.

use std::{
    env,
    io::{self, Write},
    process::{Command, Stdio},
};

#[cfg(unix)]
use rustix::{
    fs::{FileType, fstat},
    termios::isatty,
};
use s1crets::{Error, ErrorKind, Secret};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    args::Global,
    encodings::{Added, Encodings, MIN_LENGTH},
    report::{self, Failure},
};

/// A CI system that takes masks while a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CiSystem {
    GitHub,
    Azure,
    Buildkite,
}

/// What the encodings of values are used for. Warnings and errors are worded accordingly.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Mask,
    Redact,
}

/// Registers values and their encodings as masks, if a CI system runs us. Does nothing elsewhere,
/// and with `--no-mask`. Warns of values that are too short to mask.
///
/// # Errors
/// If a mask could not be registered, or a value is too large to mask. Then the caller must print
/// nothing and start no command.
pub(crate) fn register<'a>(
    global: &Global,
    values: impl IntoIterator<Item = (&'a str, &'a Secret)>,
) -> Result<(), Failure> {
    let Some(system) = CiSystem::detect().filter(|_| !global.no_mask) else { return Ok(()) };
    let encodings = Purpose::Mask.encodings(global, values)?;
    if encodings.iter().next().is_none() {
        return Ok(());
    }
    system.check_stderr()?;
    system.register(&encodings).map_err(|error| {
        Failure::io(
            format!("can't mask values in the log of {system:?}, so nothing is printed (--no-mask turns masks off)"),
            error,
        )
    })
}

impl Purpose {
    /// The encodings of values. Warns of values that are too short to have any.
    ///
    /// # Errors
    /// If the encodings of the values exceed the memory limit.
    pub(crate) fn encodings<'a>(
        self,
        global: &Global,
        values: impl IntoIterator<Item = (&'a str, &'a Secret)>,
    ) -> Result<Encodings, Failure> {
        let mut encodings = Encodings::default();
        for (name, secret) in values {
            match encodings.add(secret) {
                Added::Complete => {}
                Added::TooShort => {
                    let done = self.masked_or_redacted();
                    let message = format!("{name} is shorter than {MIN_LENGTH} bytes: it is not {done}");
                    report::warning(&message, global);
                }
                Added::TooLarge => return Err(self.too_large(name)),
            }
        }
        Ok(encodings)
    }

    fn too_large(self, name: &str) -> Failure {
        let (done, limit) = (self.masked_or_redacted(), Encodings::MEMORY_LIMIT_MIB);
        let error = Error::new(
            ErrorKind::Unsupported,
            format!("{name} can't be {done}: with its lines and encodings it takes more than {limit} MiB of memory"),
        );
        Failure::Secret(error.with_hint(match self {
            Self::Mask => "read one key of it (PATH#KEY), or pass --no-mask if nothing prints it",
            Self::Redact => "read one key of it (PATH#KEY), or omit --redact if nothing prints it",
        }))
    }

    fn masked_or_redacted(self) -> &'static str {
        match self {
            Self::Mask => "masked",
            Self::Redact => "redacted",
        }
    }
}

impl CiSystem {
    fn detect() -> Option<Self> {
        Self::from_vars(|name| env::var(name).ok())
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_on = |name| var(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match () {
            () if is_on("GITHUB_ACTIONS") => Some(Self::GitHub),
            () if is_on("TF_BUILD") => Some(Self::Azure),
            () if is_on("BUILDKITE") => Some(Self::Buildkite),
            () => None,
        }
    }

    /// Refuses to write masks to a standard error that can't be part of the job's log.
    fn check_stderr(self) -> Result<(), Failure> {
        let Some(place) = why_stderr_is_no_log().filter(|_| self != Self::Buildkite) else { return Ok(()) };
        let error = Error::new(
            ErrorKind::InvalidInput,
            format!(
                "can't mask values in the log of {self:?}: standard error is {place}, so nothing is printed or run"
            ),
        );
        Err(Failure::Secret(error.with_hint("leave standard error connected to the job's log, or pass --no-mask")))
    }

    /// Registers each encoding that is text. A log is text, so binary values can't show up in it as
    /// they are.
    fn register(self, encodings: &Encodings) -> io::Result<()> {
        let texts = encodings.iter().filter_map(|encoding| std::str::from_utf8(encoding).ok());
        if self == Self::Buildkite {
            return buildkite_redactor_add(texts);
        }
        // GitHub's runner reads commands only at the beginning of a line. Another program's output
        // may have ended within one.
        let mut lines = Zeroizing::new(if self == Self::GitHub { "\n".to_owned() } else { String::new() });
        texts.for_each(|text| *lines += &self.mask_command(text));
        // In one write, so that lines of other programs don't come in between.
        io::stderr().lock().write_all(lines.as_bytes())
    }

    /// The line that registers one mask, line ends and other special characters escaped.
    fn mask_command(self, text: &str) -> String {
        match self {
            Self::GitHub => {
                let data = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
                format!("::add-mask::{data}\n")
            }
            _ => {
                let data = text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
                format!("##vso[task.setsecret]{}\n", data.replace(';', "%3B").replace(']', "%5D"))
            }
        }
    }
}

/// Describes standard error if it can't be part of a job's log; `None` if it can.
///
/// Runners read a pipe, a socket or a terminal. An unlinked file passes too: programs capture the
/// output of their children in one, and such a program may be the runner.
#[cfg(unix)]
fn why_stderr_is_no_log() -> Option<&'static str> {
    // If it was closed, the standard library has opened /dev/null in its place.
    let Ok(stat) = fstat(io::stderr()) else { return Some("closed") };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink > 0 => Some("a file"),
        FileType::CharacterDevice if !isatty(io::stderr()) => Some("closed, /dev/null or another device"),
        FileType::BlockDevice => Some("a device"),
        _ => None,
    }
}

#[cfg(not(unix))]
fn why_stderr_is_no_log() -> Option<&'static str> {
    None
}

/// Passes values to the running Buildkite agent, which adds them to its log redactor.
fn buildkite_redactor_add<'a>(texts: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let values: Map<String, Value> =
        texts.enumerate().map(|(index, text)| (index.to_string(), Value::from(text))).collect();
    if values.is_empty() {
        return Ok(());
    }
    let json = Zeroizing::new(Value::Object(values).to_string());
    let mut agent = Command::new("buildkite-agent");
    agent.args(["redactor", "add", "--format", "json"]);
    let mut agent = agent.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let written = agent.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(json.as_bytes()));
    let status = agent.wait()?;
    match status.success() {
        true => written,
        false => Err(io::Error::other(format!("buildkite-agent redactor add: {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_detected_by_its_variable() {
        for (set, value, system) in [
            ("GITHUB_ACTIONS", "true", Some(CiSystem::GitHub)),
            ("TF_BUILD", "True", Some(CiSystem::Azure)),
            ("BUILDKITE", "true", Some(CiSystem::Buildkite)),
            ("GITHUB_ACTIONS", "false", None),
            ("GITLAB_CI", "true", None),
            ("CI", "true", None),
        ] {
            assert_eq!(CiSystem::from_vars(|name| (name == set).then(|| value.to_owned())), system, "{set}");
        }
    }

    #[test]
    fn a_mask_command_is_one_line_whatever_the_value() {
        assert_eq!(CiSystem::GitHub.mask_command("a%b\r\nc:d,e]f;g"), "::add-mask::a%25b%0D%0Ac:d,e]f;g\n");
        assert_eq!(CiSystem::Azure.mask_command("a%b\r\nc]d;e"), "##vso[task.setsecret]a%AZP25b%0D%0Ac%5Dd%3Be\n");
    }
}
