//! Failures and warnings, and how they are printed on stderr: a message, its causes with `-v`, and
//! a hint; or JSON.

use std::{
    error::Error as StdError,
    io::{self, Write},
};

use clap::error::ErrorKind;
use s1crets_fs::Refusal;

use crate::{args::Global, escape};

/// Why the command fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are invalid.
    Usage(String),
    /// An error of the library.
    Secret(s1crets::Error),
    /// An error of the library, on one of several names.
    Named { name: String, error: s1crets::Error },
    /// Several failures, each printed by itself.
    Many(Vec<Failure>),
    /// stdin, stdout, a file or a process failed. `what` is what was attempted, such as `can't read
    /// x`.
    Io { what: String, error: io::Error },
}

impl Failure {
    pub(crate) fn io(what: impl Into<String>, error: io::Error) -> Self {
        Self::Io { what: what.into(), error }
    }

    /// A failure on one of several names.
    pub(crate) fn unreadable(name: &str, error: &s1crets::Error) -> Self {
        Self::Named { name: name.to_owned(), error: error.clone() }
    }

    fn message(&self) -> String {
        match self {
            Self::Usage(message) => message.clone(),
            Self::Secret(error) => error.to_string(),
            Self::Named { name, error } => format!("{name}: {error}"),
            Self::Many(failures) => failures.iter().map(Self::message).collect::<Vec<_>>().join("; "),
            Self::Io { what, error } => format!("{what}: {error}"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Secret(error) | Self::Named { error, .. } => error.kind().as_str(),
            Self::Many(_) => "many",
            Self::Io { .. } => "io",
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::Secret(error) | Self::Named { error, .. } => error.hint(),
            Self::Io { error, .. } => Refusal::of(error).map(|refusal| refusal.hint.as_str()),
            Self::Usage(_) | Self::Many(_) => None,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Secret(error) | Self::Named { error, .. } => causes_of(error).collect(),
            Self::Usage(_) | Self::Many(_) | Self::Io { .. } => Vec::new(),
        }
    }
}

/// The causes of an error, the nearest one first.
pub(crate) fn causes_of(error: &s1crets::Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string)
}

impl From<s1crets::Error> for Failure {
    fn from(error: s1crets::Error) -> Self {
        Self::Secret(error)
    }
}

/// Prints a failure to stderr.
pub(crate) fn failure(failure: &Failure, global: &Global) {
    if let Failure::Many(failures) = failure {
        return failures.iter().for_each(|failure| self::failure(failure, global));
    }
    write_to_stderr(&if global.json { as_json(failure) } else { as_text(failure, global.verbose > 0) });
}

/// Prints a usage error to stderr, or the help that was asked for to stdout.
pub(crate) fn usage(error: &clap::Error) {
    if !error.use_stderr() {
        // Help contains no text from outside. If stdout is closed, nobody wants it.
        return drop(error.print());
    }
    // clap quotes the arguments, and anyone may have written those: the title of a merge request,
    // for example. Newlines in them are escaped first, because those of clap must stay.
    let mut text = error.to_string();
    let args = std::env::args_os().filter_map(|arg| arg.into_string().ok());
    for arg in args.filter(|arg| arg.contains(['\n', '\r'])) {
        for part in [arg.as_str(), arg.split_once('=').map_or("", |(_, value)| value)] {
            if !part.is_empty() {
                text = text.replace(part, &escape::text(part));
            }
        }
    }
    let text: String = text.lines().map(|line| format!("{}\n", escape::text(line))).collect();
    write_to_stderr(&text);
}

/// Prints a usage error to stderr as JSON.
pub(crate) fn usage_as_json(error: &clap::Error) {
    let text = error.to_string();
    let message: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command or an argument is missing".to_owned(),
        _ => message.join(" ").trim_start_matches("error: ").to_owned(),
    };
    let hint = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    write_to_stderr(&json("usage", &message, hint, &[]));
}

/// Prints a warning to stderr; the command goes on.
pub(crate) fn warning(message: &str, global: &Global) {
    let text = match global.json {
        true => format!("{}\n", escape::json(&serde_json::json!({ "warning": { "message": message } }).to_string())),
        false => format!("s1crets: warning: {}\n", escape::text(message)),
    };
    write_to_stderr(&text);
}

/// Writes in one piece. Ignores errors, because there is nowhere left to report them.
fn write_to_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn as_text(failure: &Failure, causes: bool) -> String {
    let mut text = format!("s1crets: {}\n", escape::text(&failure.message()));
    if causes {
        for cause in failure.causes() {
            text += &format!("  caused by: {}\n", escape::text(&cause));
        }
    }
    if let Some(hint) = failure.hint() {
        text += &format!("  hint: {}\n", escape::text(hint));
    }
    text
}

fn as_json(failure: &Failure) -> String {
    json(failure.kind(), &failure.message(), failure.hint(), &failure.causes())
}

fn json(kind: &str, message: &str, hint: Option<&str>, causes: &[String]) -> String {
    let error = serde_json::json!({ "kind": kind, "message": message, "hint": hint, "causes": causes });
    format!("{}\n", escape::json(&serde_json::json!({ "error": error }).to_string()))
}
