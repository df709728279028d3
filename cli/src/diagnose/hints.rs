//! Hints on how to fix a failed read: the missing permission, or else what helps with errors of
//! that kind.

use s1crets::{Error, ErrorKind};

/// The permissions needed to read, by provider type, as docs/security.md lists them.
pub(super) const READING: [(&str, &[&str]); 2] =
    [("aws.sm", &["secretsmanager:GetSecretValue", "kms:Decrypt"]), ("aws.ps", &["ssm:GetParameter", "kms:Decrypt"])];

/// How the library's hint begins where AWS denies a read and names no permission. Any other hint
/// says more: that of a role, or of a source of credentials.
const GENERAL: &str = "the identity needs this action";

/// A hint for a failed read of a path, or for a provider if there is none.
///
/// The hint of the error itself comes first, then the permission that AWS demands, then a hint for
/// the kind of the error.
pub(crate) fn hint(kind: &str, path: Option<&str>, error: &Error) -> Option<String> {
    match (kind, error.kind(), path) {
        ("aws.sm" | "aws.ps", ErrorKind::AccessDenied, Some(path))
            if error.hint().is_none_or(|hint| hint.starts_with(GENERAL)) =>
        {
            Some(policy_of_aws(kind, path))
        }
        _ => error.hint().map(str::to_owned).or_else(|| for_error_kind(kind, error.kind())),
    }
}

fn for_error_kind(kind: &str, error: ErrorKind) -> Option<String> {
    match (kind, error) {
        (kind, ErrorKind::Unauthenticated) if kind.starts_with("aws.") => {
            Some("no valid AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run `aws sso login`".into())
        }
        ("vault.kv", ErrorKind::Unauthenticated) => {
            Some("no valid token: set `auth` in the config file or VAULT_TOKEN, or run `vault login`".into())
        }
        (_, ErrorKind::NotFound) => {
            Some("names must match exactly; `s1crets get-by-path` lists those below a path".into())
        }
        (kind, ErrorKind::Unavailable | ErrorKind::Timeout) if !matches!(kind, "file" | "memory") => {
            Some("check the address or endpoint, the proxy, the network and the server".into())
        }
        (_, ErrorKind::Throttled) => Some("make fewer requests, or set a longer cache.ttl".into()),
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
    format!("allow {read} on {resource}; and {decrypt} if it is encrypted with a customer managed key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_match_docs_security_md() {
        let page = include_str!("../../../docs/security.md");
        for (kind, actions) in READING {
            assert!(page.contains(&format!("`{kind}`")), "{kind}");
            actions.iter().for_each(|action| assert!(page.contains(action), "{action}"));
        }
    }

    #[test]
    fn access_denied_names_the_permission_and_the_resource() {
        for (kind, path, expected) in [
            ("aws.sm", "prod/db", "secretsmanager:GetSecretValue on arn:aws:secretsmanager:*:*:secret:prod/db-??????"),
            ("aws.ps", "/prod/db", "ssm:GetParameter on arn:aws:ssm:*:*:parameter/prod/db"),
            ("aws.sm", "arn:aws:secretsmanager:x:1:secret:a-b", "on arn:aws:secretsmanager:x:1:secret:a-b;"),
        ] {
            let denied = Error::new(ErrorKind::AccessDenied, "no").with_hint(format!("{GENERAL} …"));
            let hint = hint(kind, Some(path), &denied).expect("a hint");
            assert!(hint.contains(expected), "{hint}");
        }
        let role = Error::new(ErrorKind::AccessDenied, "can't assume the role").with_hint("check the trust policy");
        assert_eq!(hint("aws.sm", Some("x"), &role).as_deref(), Some("check the trust policy"));
        assert_eq!(hint("file", Some("x"), &Error::new(ErrorKind::Corrupt, "cut")), None);
    }

    #[test]
    fn the_hint_of_an_error_wins_over_the_hint_for_its_kind() {
        let error = Error::new(ErrorKind::NotFound, "no such namespace");
        assert!(hint("vault.kv", Some("a/b"), &error).expect("a hint").contains("get-by-path"));
        assert_eq!(hint("vault.kv", Some("a/b"), &error.with_hint("see X")).as_deref(), Some("see X"));
    }
}
