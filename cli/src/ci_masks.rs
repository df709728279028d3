//! In a CI system, values are masked in its log before anything prints them.
//!
//! What masks where, by the vendors' own documents and agents:
//!
//! - [GitHub Actions](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log),
//!   and Forgejo's and Gitea's after its model: a line `::add-mask::`.
//! - [Azure Pipelines](https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setsecret-register-a-value-as-a-secret):
//!   a line `##vso[task.setsecret]`.
//! - [Buildkite](https://buildkite.com/docs/agent/v3/cli-redactor): its agent's command, by standard input.
//!
//! The lines go to standard error, which these systems read as they read standard output, and which `$(…)` leaves alone:
//! a value that is captured stays what it is. Other systems let a job mask nothing while it runs.
//!
//! A mask that the system does not read would leave the value to be shown by whatever prints it next. So where standard error
//! can't be part of the log, nothing is printed and no command is started.

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

/// A system whose log can be told what to hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CiSystem {
    GitHub,
    Azure,
    Buildkite,
}

/// What the encodings of values are made for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Mask,
    Redact,
}

/// Masks values and their encoded encodings, if a CI system runs this. Names those that are too short for that.
///
/// # Errors
/// If the system could not be told, or values are too large to mask: then nothing may be printed, and no command started.
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
        Failure::io(format!("can't mask values in the log of {system:?}, so nothing is printed (--no-mask)"), error)
    })
}

impl Purpose {
    /// The encodings of values. Names the values that are too short to have any.
    ///
    /// # Errors
    /// If the values are too large.
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
                    let done = self.participle();
                    let message = format!("{name} is shorter than {MIN_LENGTH} bytes: it is not {done}");
                    report::warning(&message, global);
                }
                Added::TooLarge => return Err(self.too_large(name)),
            }
        }
        Ok(encodings)
    }

    fn too_large(self, name: &str) -> Failure {
        let (done, limit) = (self.participle(), Encodings::MEMORY_LIMIT_MIB);
        let error = Error::new(
            ErrorKind::Unsupported,
            format!("{name} can't be {done}: with its lines and encodings it takes more than {limit} MiB of memory"),
        );
        Failure::Secret(error.with_hint(match self {
            Self::Mask => "read one key of it (PATH#KEY), or give --no-mask if nothing prints it",
            Self::Redact => "read one key of it (PATH#KEY), or leave out --redact if nothing prints it",
        }))
    }

    fn participle(self) -> &'static str {
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

    /// Refuses to mask by standard error if what is written there can't be part of a job's log.
    fn check_stderr(self) -> Result<(), Failure> {
        let Some(place) = why_stderr_is_no_log().filter(|_| self != Self::Buildkite) else { return Ok(()) };
        let error = Error::new(
            ErrorKind::InvalidInput,
            format!(
                "can't mask values in the log of {self:?}: standard error is {place}, so nothing is printed or run"
            ),
        );
        Err(Failure::Secret(error.with_hint("leave standard error to the job's log, or give --no-mask")))
    }

    /// Bytes that are no text have none in a log: their encoded encodings do.
    fn register(self, encodings: &Encodings) -> io::Result<()> {
        let texts = encodings.iter().filter_map(|encoding| std::str::from_utf8(encoding).ok());
        if self == Self::Buildkite {
            return buildkite_redactor_add(texts);
        }
        // GitHub's runner knows a command at the beginning of a line alone. Whoever wrote before us may have ended in one.
        let mut lines = Zeroizing::new(if self == Self::GitHub { "\n".to_owned() } else { String::new() });
        texts.for_each(|text| *lines += &self.mask_command(text));
        // In one piece, so that lines of others don't get in between.
        io::stderr().lock().write_all(lines.as_bytes())
    }

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

/// What standard error is, if that is no part of a job's log: runners read it by a pipe, a socket or a terminal. A file without
/// a name is one of a program that keeps the output of its own child, and may be a runner.
#[cfg(unix)]
fn why_stderr_is_no_log() -> Option<&'static str> {
    // Where it was closed, the standard library has opened /dev/null in its place.
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
    fn a_system_is_known_by_its_variable() {
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
    fn a_mask_is_one_line_whatever_the_value() {
        assert_eq!(CiSystem::GitHub.mask_command("a%b\r\nc:d,e]f;g"), "::add-mask::a%25b%0D%0Ac:d,e]f;g\n");
        assert_eq!(CiSystem::Azure.mask_command("a%b\r\nc]d;e"), "##vso[task.setsecret]a%AZP25b%0D%0Ac%5Dd%3Be\n");
    }
}
