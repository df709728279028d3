//! Classifies the value of a variable as a reference to resolve or as literal text.

use std::ffi::OsStr;

use s1crets::{Client, Reference};

/// The value of a variable that may hold a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EnvValue<'a> {
    /// Text to pass on, without the backslash that escaped it.
    Literal(&'a str),
    /// A reference to resolve.
    Reference(&'a str),
    /// Text to pass on that would be a reference if its provider weren't misspelt.
    Misspelt {
        text: &'a str,
        /// The providers that may be meant, for people to read.
        meant: String,
    },
}

impl<'a> EnvValue<'a> {
    /// Classifies the value of an env file, or of a variable named by `--resolve`.
    ///
    /// It is a reference if all of it is one and its provider is known. A backslash in front makes
    /// a reference a literal and is removed; of several backslashes, one is removed. Two schemes
    /// are always literals: `file:///`, which is how everybody writes the URL of a file, and
    /// `memory://`, because that provider is empty in a new process.
    pub(super) fn classify(client: &Client, value: &'a str) -> Self {
        let unescaped = value.trim_start_matches('\\');
        match (is_reference_text(client, unescaped), value.len() - unescaped.len()) {
            (true, 0) => Self::Reference(value),
            (true, _) => Self::Literal(&value[1..]),
            (false, _) => match meant_provider(client, value) {
                Some(meant) => Self::Misspelt { text: value, meant },
                None => Self::Literal(value),
            },
        }
    }
}

/// Whether a value would be resolved as a reference.
pub(super) fn is_reference(client: &Client, value: &OsStr) -> bool {
    value.to_str().is_some_and(|value| is_reference_text(client, value))
}

fn is_reference_text(client: &Client, value: &str) -> bool {
    let is_known = |provider: &str| provider != "memory" && client.providers().contains(&provider);
    Reference::looks_like(value)
        && !value.starts_with("file:///")
        && value.split_once("://").is_some_and(|(provider, _)| is_known(provider))
}

/// The providers that a text would name if it were a misspelt reference, joined for people.
///
/// `file` counts only in other letter case: too many schemes of other programs look like it.
/// `memory` never counts, because it is never resolved.
fn meant_provider(client: &Client, value: &str) -> Option<String> {
    let (scheme, _) = value.split_once("://").filter(|_| Reference::looks_like(value))?;
    let is_meant = |name: &&str| match *name {
        "memory" => false,
        "file" => scheme.eq_ignore_ascii_case("file") && !value[scheme.len()..].starts_with(":///"),
        _ => true,
    };
    let meant: Vec<_> = client.similar_providers(scheme).into_iter().filter(is_meant).collect();
    (!meant.is_empty() && !client.providers().contains(&scheme)).then(|| meant.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_reference_to_a_known_provider_is_resolved() {
        let client = Client::builder().build().expect("no settings");
        for reference in ["aws.sm://prod/db#password", "aws.ps:///prod/db", "file://app/db", "vault.kv://secret/x#"] {
            assert_eq!(EnvValue::classify(&client, reference), EnvValue::Reference(reference));
            let escaped = format!("\\{reference}");
            assert_eq!(EnvValue::classify(&client, &escaped), EnvValue::Literal(reference));
            let twice = format!("\\\\{reference}");
            assert_eq!(EnvValue::classify(&client, &twice), EnvValue::Literal(&escaped));
        }
        for literal in [
            "",
            "x",
            "https://host/path",
            "file:///etc/hosts",
            "memory://",
            "see aws.sm://prod/db",
            "postgres://u:p@host/db",
            "\\n",
            "\\https://host",
        ] {
            assert_eq!(EnvValue::classify(&client, literal), EnvValue::Literal(literal));
        }
    }

    #[test]
    fn a_misspelt_provider_is_noticed_and_other_schemes_are_not() {
        let client = Client::builder().build().expect("no settings");
        for (text, expected) in [
            ("vualt://secret/app", "vault.kv"),
            ("vault://secret/app#x", "vault.kv"),
            ("AWS.SM://prod/db", "aws.sm"),
            ("aws-sm://prod/db", "aws.sm"),
            ("ssm:///prod/db", "aws.ps"),
            ("FILE://app/db", "file"),
        ] {
            let meant = expected.to_owned();
            assert_eq!(EnvValue::classify(&client, text), EnvValue::Misspelt { text, meant });
        }
        let schemes = "http https ftp sftp ssh git svn tcp udp tls unix npipe ws wss amqp amqps redis rediss mysql \
                       mariadb postgres postgresql mongodb sqlite mssql oracle cassandra kafka pulsar nats mqtt stomp \
                       smtp smtps imap ldap ldaps s3 gs gcs az abfs abfss wasb hdfs data mailto tel docker oci fd \
                       consul etcd zk memcached memory elasticsearch clickhouse neo4j bolt influxdb jdbc odbc op env \
                       keyring awskms gcpkms azurekeyvault sops File tile app aws+ssm";
        for scheme in schemes.split(' ') {
            let text = format!("{scheme}:///x/y");
            assert_eq!(EnvValue::classify(&client, &text), EnvValue::Literal(&text));
        }
    }
}
