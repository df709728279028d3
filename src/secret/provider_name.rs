//! Names of providers: the rule for them, and what a misspelt name may mean.

use crate::error::{Error, Result};

/// Other names that people try for a type of provider, [squeezed](squeezed).
///
/// They only make hints. Which types there are, the client's registry knows.
const PROVIDER_TYPES: &[(&str, &[&str])] = &[
    ("aws.sm", &["sm", "secretsmanager", "awssecretsmanager", "secretmanager", "awssecrets", "awssecret", "aws"]),
    (
        "aws.ps",
        &["ps", "ssm", "awsssm", "ssmps", "parameterstore", "awsparameterstore", "awsparamstore", "paramstore", "aws"],
    ),
    (
        "vault.kv",
        &[
            "vault",
            "kv",
            "kv1",
            "kv2",
            "kvv1",
            "kvv2",
            "vaultkv1",
            "vaultkv2",
            "vaultkvv2",
            "openbao",
            "bao",
            "baokv",
            "hashivault",
            "hcvault",
            "hashicorpvault",
        ],
    ),
    ("file", &["files", "json", "jsonfile", "secretsfile", "fetcher", "csi", "vaultcsi"]),
    ("memory", &[]),
];

/// The same for the types of connections.
const CONNECTION_TYPES: &[(&str, &[&str])] =
    &[("vault", &["vaultkv", "openbao", "bao", "hashivault", "hcvault", "hashicorpvault"])];

/// Checks the name of a provider: a lower-case letter, then letters, digits, `.`, `-` and `_`.
pub(crate) fn check_provider(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if begins && bytes.all(goes_on) {
        return Ok(());
    }
    let error = Error::invalid_input(format!(
        "{name:?} is not the name of a provider: it is a lower-case letter, then letters, digits, '.', '-' and '_'"
    ));
    Err(match did_you_mean_provider(name, provider_types()) {
        Some(hint) => error.with_hint(hint),
        None => error,
    })
}

/// The names of the built-in types of providers.
pub(crate) fn provider_types() -> impl Iterator<Item = &'static str> {
    PROVIDER_TYPES.iter().map(|(name, _)| *name)
}

/// Whether a text could be meant as the name of a provider, misspelt or not.
pub(super) fn is_like_a_name(text: &str) -> bool {
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic()) && text.bytes().all(goes_on)
}

/// A hint that names the known providers that a name may mean. `None` if it is like none of them.
pub(crate) fn did_you_mean_provider<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let meant: Vec<_> = similar(typed, known).iter().map(|name| format!("`{name}`")).collect();
    (!meant.is_empty()).then(|| format!("did you mean {}?", meant.join(" or ")))
}

/// The known names that a misspelt one may mean: the one that differs only in case and punctuation,
/// or else those that it is another name for, or else the nearest.
pub(crate) fn similar<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let (squeezed_typed, mut known) = (squeezed(typed), known.collect::<Vec<_>>());
    known.sort_unstable();
    known.dedup();
    let alike = |distance: usize| -> Vec<&'a str> {
        known.iter().copied().filter(|name| spellings(name).any(|it| is_at(distance, &squeezed_typed, &it))).collect()
    };
    let own: Vec<_> = known.iter().copied().filter(|name| squeezed(name) == squeezed_typed).collect();
    if !own.is_empty() {
        return own;
    }
    (0..=most_typos(&squeezed_typed)).map(alike).find(|found| !found.is_empty()).unwrap_or_default()
}

/// The built-in type that a text surely means, in whatever case and punctuation.
pub(super) fn meant_type(typed: &str) -> Option<&'static str> {
    let squeezed_typed = squeezed(typed);
    provider_types().find(|name| spellings(name).any(|it| it == squeezed_typed))
}

/// How many letters may be wrong. In a short name any difference makes another word.
fn most_typos(squeezed: &str) -> usize {
    match squeezed.len() {
        0..4 => 0,
        4..9 => 1,
        _ => 2,
    }
}

fn is_at(distance: usize, one: &str, other: &str) -> bool {
    one.len().abs_diff(other.len()) <= distance && strsim::osa_distance(one, other) == distance
}

/// A name and the other names for it, squeezed.
fn spellings(name: &str) -> impl Iterator<Item = String> + use<> {
    let types = PROVIDER_TYPES.iter().chain(CONNECTION_TYPES);
    let others = types.filter(|(of, _)| *of == name).flat_map(|(_, others)| others.iter());
    let others: Vec<_> = others.map(|other| (*other).to_owned()).collect();
    std::iter::once(squeezed(name)).chain(others)
}

/// A name without case and punctuation.
fn squeezed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["aws.ps", "aws.sm", "file", "memory", "vault.kv"];

    #[test]
    fn what_people_try_leads_to_the_provider() {
        for (typed, meant) in [
            ("vault", &["vault.kv"][..]),
            ("Vault", &["vault.kv"]),
            ("kv", &["vault.kv"]),
            ("kv-v2", &["vault.kv"]),
            ("openbao", &["vault.kv"]),
            ("vualt", &["vault.kv"]),
            ("valt.kv", &["vault.kv"]),
            ("vault-kv", &["vault.kv"]),
            ("aws-sm", &["aws.sm"]),
            ("AWS.SM", &["aws.sm"]),
            ("aws_sm", &["aws.sm"]),
            ("awssm", &["aws.sm"]),
            ("secretsmanager", &["aws.sm"]),
            ("SecretsManager", &["aws.sm"]),
            ("secretsmanger", &["aws.sm"]),
            ("aws.secretsmanager", &["aws.sm"]),
            ("ssm", &["aws.ps"]),
            ("AWS.PS", &["aws.ps"]),
            ("parameter-store", &["aws.ps"]),
            ("parameterstore", &["aws.ps"]),
            ("aws", &["aws.ps", "aws.sm"]),
            ("aws.s", &["aws.ps", "aws.sm"]),
            ("flie", &["file"]),
            ("memroy", &["memory"]),
            ("json", &["file"]),
        ] {
            assert_eq!(similar(typed, KNOWN.into_iter()), meant, "{typed}");
        }
        for other in ["", "x", "nope", "nobody", "https", "postgres", "awskms", "é", "zz"] {
            assert!(similar(other, KNOWN.into_iter()).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_configured_name_is_preferred_to_another_name_of_a_type() {
        let known = ["aws.sm", "vault", "vault.kv", "billing"];
        assert_eq!(similar("Vault", known.into_iter()), ["vault"]);
        assert_eq!(similar("biling", known.into_iter()), ["billing"]);
        let hint = did_you_mean_provider("aws", ["aws.sm", "aws.ps"].into_iter());
        assert_eq!(hint.as_deref(), Some("did you mean `aws.ps` or `aws.sm`?"));
    }

    #[test]
    fn other_names_are_squeezed_and_lead_to_their_type() {
        for (name, others) in PROVIDER_TYPES.iter().chain(CONNECTION_TYPES) {
            for other in *others {
                assert_eq!(squeezed(other), *other);
                assert!(similar(other, [*name].into_iter()).contains(name), "{other}");
            }
        }
    }

    #[test]
    fn only_sure_names_mean_a_type() {
        assert_eq!(
            ["AWS.SM", "vault", "ssm", "File"].map(meant_type).map(Option::unwrap_or_default),
            ["aws.sm", "vault.kv", "aws.ps", "file"]
        );
        assert_eq!(["vualt", "admin", "https", ""].map(meant_type), [None; 4]);
    }
}
