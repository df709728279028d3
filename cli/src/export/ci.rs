//! CI systems: what a step hands to the steps after it.

use std::{collections::BTreeSet, io::Write};

use super::{format::Document, value_rules};
use crate::quoting;

/// What [Forgejo's and Gitea's runners](https://gitea.com/gitea/act/src/branch/main/pkg/container/parse_env_file.go) read
/// line by line, and lose. GitHub's own takes them too; a job should not depend on whose runner it meets.
pub(super) fn github_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    if value.starts_with(b"\n") || value.contains(&b'\r') {
        return Err("not every runner keeps a carriage return, or an empty line at the beginning");
    }
    match value.split(|byte| *byte == b'\n').any(|line| line.len() >= LONGEST_LINE) {
        true => Err("not every runner reads a line of 64 KiB"),
        false => Ok(()),
    }
}

/// A line that is as long as this, its end included, is too long for Go's
/// [Scanner](https://pkg.go.dev/bufio#pkg-constants).
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// The random part of a delimiter, in characters: 25 of 62 are 148 bits.
const DELIMITER: usize = 25;

/// [The environment file](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings)
/// of GitHub Actions: `NAME<<DELIMITER`, the value, and the delimiter on a line of its own, which must not be a line of
/// the value.
pub(super) fn github(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let delimiter = delimiter(entry.text(), random);
        let _ = write!(out, "{}<<{delimiter}\n{}\n{delimiter}\n", entry.name, entry.text());
    }
}

/// One that the value does not hold.
pub(super) fn delimiter(value: &str, mut random: impl FnMut() -> String) -> String {
    loop {
        let delimiter = format!("s1crets_{}", random());
        if !value.contains(&delimiter) {
            return delimiter;
        }
    }
}

fn random() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(DELIMITER).collect()
}

/// [`artifacts:reports:dotenv`](https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv) of GitLab: no
/// quotes, no escapes, no spaces, no line ends. It
/// [expands](https://docs.gitlab.com/ci/variables/where_variables_can_be_used/) what is behind a `$`.
pub(super) fn gitlab_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    let text = std::str::from_utf8(value).unwrap_or_default();
    match text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        true => Err("GitLab reads no spaces, line ends or control characters"),
        false if text.contains('$') => Err("GitLab takes what stands behind a '$' for the name of a variable"),
        false => Ok(()),
    }
}

pub(super) fn gitlab(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = writeln!(out, "{}={}", entry.name, entry.text());
    }
}

/// [The logging command](https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setvariable-initialize-or-modify-the-value-of-a-variable)
/// of Azure Pipelines. Its agent
/// [refuses secrets of several lines](https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Worker/TaskCommandExtension.cs).
pub(super) fn azure_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    match value.iter().any(|byte| b"\r\n".contains(byte)) {
        true => Err("Azure takes no secret variable of several lines"),
        false => Ok(()),
    }
}

/// To Azure, names that differ by case alone are [one](https://learn.microsoft.com/azure/devops/pipelines/process/variables).
pub(super) fn azure_names(document: &Document<'_>) -> Result<(), &'static str> {
    let names: BTreeSet<_> = document.entries.iter().map(|entry| entry.name.to_ascii_lowercase()).collect();
    match names.len() == document.entries.len() {
        true => Ok(()),
        false => Err("to Azure, names that differ by case alone are one"),
    }
}

pub(super) fn azure(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "##vso[task.setvariable variable={};issecret=true]", entry.name);
        quoting::azure(out, entry.text());
        out.push(b'\n');
    }
}

/// A value of TeamCity may name parameters, between two `%`; how a `%` is to be kept from that in a service message is
/// not documented.
pub(super) fn teamcity_value(value: &[u8]) -> Result<(), &'static str> {
    value_rules::text_without_nul(value)?;
    match value.iter().filter(|byte| **byte == b'%').count() > 1 {
        true => Err("TeamCity takes what stands between two '%' for the name of a parameter"),
        false => Ok(()),
    }
}

/// [The service message](https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values) of TeamCity. A
/// parameter `env.NAME` is the variable NAME of the steps after this one.
pub(super) fn teamcity(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "##teamcity[setParameter name='env.{}' value='", entry.name);
        quoting::teamcity(out, entry.text());
        out.extend(b"']\n");
    }
}
