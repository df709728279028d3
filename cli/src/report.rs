//! What is told of a failure: one line, a hint, and the causes for those who ask.

use std::{
    error::Error as StdError,
    io::{self, Write},
};

use clap::error::ErrorKind;
use s1crets_fs::Refusal;

use crate::{args::Global, escape};

/// Why the command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was typed makes no sense.
    Usage(String),
    /// The library says no.
    Secret(s1crets::Error),
    /// The library says no to one of many.
    Named { name: String, error: s1crets::Error },
    /// Several at once, each told on a line of its own.
    Many(Vec<Failure>),
    /// The shell's side of it: standard input or output, a file.
    Io { what: String, error: io::Error },
}

impl Failure {
    pub(crate) fn io(what: impl Into<String>, error: io::Error) -> Self {
        Self::Io { what: what.into(), error }
    }

    /// One secret of several that could not be read.
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

/// What is behind an error, the nearest first.
pub(crate) fn causes_of(error: &s1crets::Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string)
}

impl From<s1crets::Error> for Failure {
    fn from(error: s1crets::Error) -> Self {
        Self::Secret(error)
    }
}

/// Tells a failure on standard error.
pub(crate) fn failure(failure: &Failure, global: &Global) {
    if let Failure::Many(failures) = failure {
        return failures.iter().for_each(|failure| self::failure(failure, global));
    }
    let told = if global.json { as_json(failure) } else { as_text(failure, global.verbose > 0) };
    // Nobody left to tell it to.
    let _ = io::stderr().write_all(told.as_bytes());
}

/// Tells that what was typed makes no sense, or prints the help that was asked for.
pub(crate) fn usage(error: &clap::Error) {
    if !error.use_stderr() {
        // Help has nothing of others in it. Nobody left to tell it to.
        return drop(error.print());
    }
    // What was typed is in it, and may be anybody's: the title of a merge request, say.
    let mut text = error.to_string();
    for typed in
        std::env::args_os().filter_map(|typed| typed.into_string().ok()).filter(|typed| typed.contains(['\n', '\r']))
    {
        for part in [typed.as_str(), typed.split_once('=').map_or("", |(_, value)| value)] {
            if !part.is_empty() {
                text = text.replace(part, &escape::text(part));
            }
        }
    }
    let text: String = text.lines().map(|line| format!("{}\n", escape::text(line))).collect();
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Tells, as JSON, that what was typed is none of what can be.
pub(crate) fn untyped(error: &clap::Error) {
    let text = error.to_string();
    let message: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command or an argument is missing".to_owned(),
        _ => message.join(" ").trim_start_matches("error: ").to_owned(),
    };
    let hint = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    // Nobody left to tell it to.
    let _ = io::stderr().write_all(json("usage", &message, hint, &[]).as_bytes());
}

/// Tells of something that does not stop the command.
pub(crate) fn warning(message: &str, global: &Global) {
    let told = match global.json {
        true => format!("{}\n", escape::json(&serde_json::json!({ "warning": { "message": message } }).to_string())),
        false => format!("s1crets: warning: {}\n", escape::text(message)),
    };
    let _ = io::stderr().write_all(told.as_bytes());
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
