//! What would mend a failure: the right that is missing, by provider, as its policy has it.

use s1crets::{Error, ErrorKind};

/// The actions that reading takes, by type of provider, as docs/security.md lists them.
pub(super) const READING: [(&str, &[&str]); 2] =
    [("aws.sm", &["secretsmanager:GetSecretValue", "kms:Decrypt"]), ("aws.ps", &["ssm:GetParameter", "kms:Decrypt"])];

/// Advice for a person who asks for a secret at a path, or for a provider: the right that AWS wants, else what the error
/// itself has to say, else what holds in general.
pub(crate) fn hint(kind: &str, path: Option<&str>, error: &Error) -> Option<String> {
    match (kind, error.kind(), path) {
        ("aws.sm" | "aws.ps", ErrorKind::AccessDenied, Some(path)) => Some(policy_of_aws(kind, path)),
        _ => error.hint().map(str::to_owned).or_else(|| in_general(kind, error.kind())),
    }
}

fn in_general(kind: &str, error: ErrorKind) -> Option<String> {
    match (kind, error) {
        (kind, ErrorKind::Unauthenticated) if kind.starts_with("aws.") => {
            Some("no credentials that AWS takes: see AWS_PROFILE, AWS_ACCESS_KEY_ID or `aws sso login`".into())
        }
        ("vault.kv", ErrorKind::Unauthenticated) => {
            Some("no token that the server takes: see `auth` in the config file, VAULT_TOKEN or `vault login`".into())
        }
        (_, ErrorKind::NotFound) => Some("names are exact: `s1crets get-by-path` lists those below a path".into()),
        (kind, ErrorKind::Unavailable | ErrorKind::Timeout) if !matches!(kind, "file" | "memory") => {
            Some("see the address or endpoint, the proxy, the network and the server itself".into())
        }
        (_, ErrorKind::Throttled) => Some("fewer calls, or a longer cache.ttl".into()),
        _ => None,
    }
}

fn policy_of_aws(kind: &str, path: &str) -> String {
    let actions = READING.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, actions)| actions);
    let resource = match kind {
        _ if path.starts_with("arn:") => path.to_owned(),
        "aws.sm" => format!("arn:aws:secretsmanager:*:*:secret:{path}-??????"),
        _ => format!("arn:aws:ssm:*:*:parameter/{}", path.trim_start_matches('/')),
    };
    let [read, decrypt] = actions else { return String::new() };
    format!("allow {read} on {resource}; and {decrypt} if it is encrypted with a key of your own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_those_that_the_page_lists() {
        let page = include_str!("../../../docs/security.md");
        for (kind, actions) in READING {
            assert!(page.contains(&format!("`{kind}`")), "{kind}");
            actions.iter().for_each(|action| assert!(page.contains(action), "{action}"));
        }
    }

    #[test]
    fn a_refusal_names_the_right_and_what_it_is_for() {
        for (kind, path, told) in [
            ("aws.sm", "prod/db", "secretsmanager:GetSecretValue on arn:aws:secretsmanager:*:*:secret:prod/db-??????"),
            ("aws.ps", "/prod/db", "ssm:GetParameter on arn:aws:ssm:*:*:parameter/prod/db"),
            ("aws.sm", "arn:aws:secretsmanager:x:1:secret:a-b", "on arn:aws:secretsmanager:x:1:secret:a-b;"),
        ] {
            let denied = Error::new(ErrorKind::AccessDenied, "no").with_hint("general");
            let advice = hint(kind, Some(path), &denied).expect("advice");
            assert!(advice.contains(told), "{advice}");
        }
        assert_eq!(hint("file", Some("x"), &Error::new(ErrorKind::Corrupt, "cut")), None);
    }

    #[test]
    fn what_an_error_itself_advises_goes_before_what_holds_in_general() {
        let error = Error::new(ErrorKind::NotFound, "no such namespace");
        assert!(hint("vault.kv", Some("a/b"), &error).expect("advice").contains("get-by-path"));
        assert_eq!(hint("vault.kv", Some("a/b"), &error.with_hint("see X")).as_deref(), Some("see X"));
    }
}
