//! Formats for CI systems: variables that a step sets for later steps.

use std::{collections::BTreeSet, io::Write};

use super::{docker::TOO_LONG_LINE, format::Document, value_rules};
use crate::quoting;

/// Accepts values that all runners read from `GITHUB_ENV`.
///
/// [Forgejo's and Gitea's
/// runners](https://gitea.com/gitea/act/src/branch/main/pkg/container/parse_env_file.go) read line
/// by line. They lose carriage returns and an empty first line, and fail on long lines. GitHub's
/// runner keeps all that, but a job should not depend on the runner.
pub(super) fn github_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    if value.starts_with(b"\n") || value.contains(&b'\r') {
        return Err("not every runner keeps carriage returns or an empty first line");
    }
    match value.split(|byte| *byte == b'\n').any(|line| line.len() >= TOO_LONG_LINE) {
        true => Err("not every runner reads a line of 64 KiB"),
        false => Ok(()),
    }
}

/// The length of a delimiter's random part. 25 of 62 characters give 148 bits.
const DELIMITER_LENGTH: usize = 25;

/// Entries of [the environment
/// file](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings)
/// of GitHub Actions: `NAME<<DELIMITER`, the value, and the delimiter on a line of its own. The
/// delimiter must not be a line of the value.
pub(super) fn github(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let delimiter = delimiter(entry.text(), random);
        let _ = write!(out, "{}<<{delimiter}\n{}\n{delimiter}\n", entry.name, entry.text());
    }
}

/// A delimiter that does not occur in the value. `random` yields candidates for its random part.
pub(super) fn delimiter(value: &str, mut random: impl FnMut() -> String) -> String {
    loop {
        let delimiter = format!("s1crets_{}", random());
        if !value.contains(&delimiter) {
            return delimiter;
        }
    }
}

fn random() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(DELIMITER_LENGTH).collect()
}

/// Accepts values for
/// [`artifacts:reports:dotenv`](https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv)
/// of GitLab. The file has no quotes or escapes, so no spaces or line ends either, and GitLab
/// [expands](https://docs.gitlab.com/ci/variables/where_variables_can_be_used/) `$NAME`.
pub(super) fn gitlab_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    let text = std::str::from_utf8(value).unwrap_or_default();
    match text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        true => Err("GitLab accepts no spaces, line ends or control characters"),
        false if text.contains('$') => Err("GitLab expands '$' and the name after it"),
        false => Ok(()),
    }
}

pub(super) fn gitlab(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = writeln!(out, "{}={}", entry.name, entry.text());
    }
}

/// Accepts values of one line: the agent of Azure Pipelines [refuses secrets of several
/// lines](https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Worker/TaskCommandExtension.cs).
pub(super) fn azure_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    match value.iter().any(|byte| b"\r\n".contains(byte)) {
        true => Err("Azure accepts no secret variable of several lines"),
        false => Ok(()),
    }
}

/// Refuses names that differ only in case:
/// [Azure ignores case](https://learn.microsoft.com/azure/devops/pipelines/process/variables).
pub(super) fn azure_names(document: &Document<'_>) -> Result<(), &'static str> {
    let names: BTreeSet<_> = document.entries.iter().map(|entry| entry.name.to_ascii_lowercase()).collect();
    match names.len() == document.entries.len() {
        true => Ok(()),
        false => Err("two names differ only in case, which Azure ignores"),
    }
}

/// [`setvariable`
/// commands](https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setvariable-initialize-or-modify-the-value-of-a-variable)
/// of Azure Pipelines.
pub(super) fn azure(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "##vso[task.setvariable variable={};issecret=true]", entry.name);
        quoting::azure(out, entry.text());
        out.push(b'\n');
    }
}

/// Accepts values with at most one `%`. TeamCity expands a parameter name between two of them, and
/// does not document how to escape `%` in a service message.
pub(super) fn teamcity_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    match value.iter().filter(|byte| **byte == b'%').count() > 1 {
        true => Err("TeamCity expands a parameter name between two '%'"),
        false => Ok(()),
    }
}

/// [Service messages](https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values)
/// of TeamCity. The parameter `env.NAME` becomes the variable `NAME` of later steps.
pub(super) fn teamcity(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "##teamcity[setParameter name='env.{}' value='", entry.name);
        quoting::teamcity(out, entry.text());
        out.extend(b"']\n");
    }
}
