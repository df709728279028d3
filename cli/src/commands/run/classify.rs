//! What a value of an env file, or of a variable that is resolved, means: itself, or a reference.

use std::ffi::OsStr;

use s1crets::{Client, Reference};

/// What a value means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// Itself.
    Literal(&'a str),
    /// A reference to be resolved.
    Reference(&'a str),
}

impl<'a> Meaning<'a> {
    /// A value is a reference if all of it is one and its provider is known. With backslashes in front it is a literal, and
    /// one of them goes. `file:///…` is everybody's way to write a file's URL, and stays one; so does `memory://`, whose
    /// provider holds nothing in a new process.
    pub(super) fn of(client: &Client, value: &'a str) -> Self {
        let bare = value.trim_start_matches('\\');
        match (is_reference_text(client, bare), value.len() - bare.len()) {
            (true, 0) => Self::Reference(value),
            (true, _) => Self::Literal(&value[1..]),
            (false, _) => Self::Literal(value),
        }
    }
}

/// Whether a value is a reference: it would be read if it were resolved.
pub(super) fn is_reference(client: &Client, value: &OsStr) -> bool {
    value.to_str().is_some_and(|value| is_reference_text(client, value))
}

fn is_reference_text(client: &Client, value: &str) -> bool {
    let known = |provider: &str| provider != "memory" && client.providers().contains(&provider);
    Reference::looks_like(value)
        && !value.starts_with("file:///")
        && value.split_once("://").is_some_and(|(provider, _)| known(provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_reference_to_a_known_provider_is_one() {
        let client = Client::builder().build().expect("no settings");
        for reference in ["aws.sm://prod/db#password", "aws.ps:///prod/db", "file://app/db", "vault.kv://secret/x#"] {
            assert_eq!(Meaning::of(&client, reference), Meaning::Reference(reference));
            let escaped = format!("\\{reference}");
            assert_eq!(Meaning::of(&client, &escaped), Meaning::Literal(reference));
            let twice = format!("\\\\{reference}");
            assert_eq!(Meaning::of(&client, &twice), Meaning::Literal(&escaped));
        }
        for literal in [
            "",
            "x",
            "https://host/path",
            "file:///etc/hosts",
            "memory://",
            "see aws.sm://prod/db",
            "AWS.SM://prod/db",
            "postgres://u:p@host/db",
            "\\n",
            "\\https://host",
        ] {
            assert_eq!(Meaning::of(&client, literal), Meaning::Literal(literal));
        }
    }
}
