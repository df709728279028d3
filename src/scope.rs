//! What tells one provider's settings from another's, for what is kept on disk.

use std::env;

use crate::{config::ProviderSettings, registry::Kind};

/// The variables by which the AWS SDK finds out who it is and whom it asks.
const AWS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
];

/// Those by which Vault's own commands do.
const VAULT: &[&str] = &["ADDR", "NAMESPACE", "ROLE_ID", "TOKEN", "TOKEN_FILE"];

/// All that an answer of this provider depends on, as far as it is known before it is asked: its settings, and the variables that
/// stand in for those that are missing. Nothing for a provider that is not kept on disk.
///
/// This goes into a keyed hash and nowhere else: a token among it is in good hands. How patiently the provider is asked
/// is left out; any setting to come is in.
pub(crate) fn of(kind: Kind, settings: &ProviderSettings) -> Option<String> {
    if !kind.calls() {
        return None;
    }
    let mut settings = ProviderSettings { retry: None, timeout: None, revoke_at_shutdown: None, ..settings.clone() };
    settings.kind = Some(kind.name.to_owned());
    let mut scope = serde_json::to_string(&settings).ok()?;
    let mut bind = |name: &str| {
        if let Some(value) = env::var_os(name) {
            // Neither a name nor what Debug makes of a value holds a line break.
            scope += &format!("\n{name}={value:?}");
        }
    };
    match kind.is_aws() {
        true => AWS.iter().copied().for_each(bind),
        false => {
            for name in VAULT {
                ["BAO", "VAULT"].iter().for_each(|prefix| bind(&format!("{prefix}_{name}")));
            }
            ["HOME"].into_iter().chain(settings.auth.as_ref().and_then(|auth| auth.env.as_deref())).for_each(bind);
        }
    }
    Some(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(kind: &str, settings: &ProviderSettings) -> Option<String> {
        of(Kind::find(kind).expect("a type"), settings)
    }

    #[test]
    fn whatever_changes_the_answer_changes_the_scope() {
        let plain = ProviderSettings::default();
        let scopes = [
            scope("aws.sm", &plain),
            scope("aws.ps", &plain),
            scope("aws.sm", &ProviderSettings { region: Some("eu-west-1".into()), ..plain.clone() }),
            scope("aws.sm", &ProviderSettings { profile: Some("eu-west-1".into()), ..plain.clone() }),
            scope("vault.kv", &plain),
            scope("vault.kv", &ProviderSettings { namespace: Some("a".into()), ..plain.clone() }),
        ];
        let mut different: Vec<_> = scopes.iter().map(|scope| scope.as_deref().expect("a scope")).collect();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), scopes.len());
    }

    #[test]
    fn patience_and_the_name_of_an_instance_change_nothing() {
        let named =
            ProviderSettings { kind: Some("aws.sm".into()), retry: std::num::NonZeroU32::new(9), ..Default::default() };
        assert_eq!(scope("aws.sm", &named), scope("aws.sm", &ProviderSettings::default()));
    }

    #[test]
    fn what_is_local_is_not_kept() {
        for kind in ["file", "memory"] {
            assert_eq!(scope(kind, &ProviderSettings::default()), None);
        }
    }
}
