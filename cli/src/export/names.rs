//! Which names a format takes.

use crate::name;

/// A shell's word, which every environment takes as a name: a letter or `_`, then letters, digits and `_`
/// ([POSIX 8.1](https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html)).
pub(super) fn word(name: &str) -> Result<(), &'static str> {
    match name::is_valid(name) {
        true => Ok(()),
        false => Err("a name is letters, digits and '_', with no digit in front"),
    }
}

/// Any text but none.
pub(super) fn text(name: &str) -> Result<(), &'static str> {
    if name.is_empty() { Err("a name is not empty") } else { Ok(()) }
}

/// A key of a [Secret](https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data): letters,
/// digits, `-`, `_` and `.`, 253 at most, and neither `.` nor `..` nor anything that begins with `..`, which a volume
/// could not mount.
pub(super) fn kubernetes_key(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) && name != "." && !name.starts_with("..") {
        true => Ok(()),
        false => Err("a key of a Secret is letters, digits, '-', '_' and '.', 253 at most, with no '..' in front"),
    }
}

/// The name of a Kubernetes object:
/// [an RFC 1123 subdomain](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).
pub(super) fn kubernetes_object(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// What a job may set:
/// [not `GITHUB_…`, `RUNNER_…` and `NODE_OPTIONS`](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-environment-variable).
pub(super) fn github(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let upper = name.to_ascii_uppercase();
    match upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") || upper == "NODE_OPTIONS" {
        true => Err("the runner lets nobody set GITHUB_…, RUNNER_… and NODE_OPTIONS"),
        false => Ok(()),
    }
}

/// What a pipeline may set:
/// [no name with a reserved beginning](https://learn.microsoft.com/azure/devops/pipelines/process/variables#variable-naming-restrictions).
pub(super) fn azure(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let lower = name.to_ascii_lowercase();
    match ["endpoint", "input", "secret", "path", "securefile"].iter().any(|reserved| lower.starts_with(reserved)) {
        true => Err("Azure keeps names that begin with endpoint, input, secret, path or securefile for itself"),
        false => Ok(()),
    }
}
