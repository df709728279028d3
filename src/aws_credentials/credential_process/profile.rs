//! Follows an AWS profile to its `credential_process`, and collects the roles on the way.

use aws_config::profile::{self, Profile, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

/// A program, and the roles to assume with its credentials, each with those of the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) command: String,
    pub(super) account_id: Option<String>,
    pub(super) roles: Vec<Role>,
}

/// A role of a profile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: Option<String>,
}

/// The keys that win over a program in a profile with several sources.
const BEFORE: &[&str] = &[
    "credential_source",
    "login_session",
    "sso_account_id",
    "sso_region",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// The keys of a profile with an access key of its own.
const KEYS: &[&str] = &["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];

/// The chain of this profile. `None` if the SDK would take credentials from elsewhere, or would
/// report an error.
pub(super) async fn chain(profile: &str) -> Option<Chain> {
    let name = Some(profile.to_owned().into());
    let set = profile::load(&Fs::real(), &Env::real(), &crate::aws_credentials::shared_files::profile_files(), name)
        .await
        .ok()?;
    in_profiles(&set)
}

/// Follows `source_profile` as the SDK does.
fn in_profiles(set: &ProfileSet) -> Option<Chain> {
    let (mut name, mut seen, mut roles) = (set.selected_profile(), Vec::new(), Vec::new());
    let last = loop {
        let profile = set.get_profile(name).filter(|_| !seen.contains(&name))?;
        if !seen.is_empty() && KEYS.iter().any(|key| profile.get(key).is_some()) {
            return None;
        }
        seen.push(name);
        let Some(role) = role(profile) else { break profile };
        roles.push(role);
        match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(source), None) if source == profile.name() => break profile,
            (Some(source), None) => name = source,
            _ => return None,
        }
    };
    if BEFORE.iter().any(|key| last.get(key).is_some()) {
        return None;
    }
    roles.reverse();
    let account_id = last.get("aws_account_id").map(str::to_owned);
    Some(Chain { command: last.get("credential_process")?.to_owned(), account_id, roles })
}

fn role(profile: &Profile) -> Option<Role> {
    // Such a profile needs no credentials of another one.
    if profile.get("web_identity_token_file").is_some() {
        return None;
    }
    let text = |key| profile.get(key).map(str::to_owned);
    Some(Role { arn: text("role_arn")?, external_id: text("external_id"), session_name: text("role_session_name") })
}

#[cfg(test)]
mod tests {
    #[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    use futures::FutureExt;

    use super::*;

    #[allow(deprecated, reason = "as above")]
    fn of(text: &str, name: &str) -> Option<Chain> {
        let files = ProfileFiles::builder().with_contents(ProfileFileKind::Config, text).build();
        let (fs, env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
        let set = profile::load(&fs, &env, &files, Some(name.to_owned().into()));
        in_profiles(&set.now_or_never().expect("nothing to wait for").expect("profiles"))
    }

    const PROGRAM: &str = "[profile p]\ncredential_process = run --it\naws_account_id = 1\n";

    #[test]
    fn a_program_is_found_through_the_profiles_that_lead_to_it() {
        let chain = of(PROGRAM, "p").expect("a program");
        assert_eq!(
            (chain.command.as_str(), chain.account_id.as_deref(), chain.roles.len()),
            ("run --it", Some("1"), 0)
        );
        let roles = "[profile a]\nsource_profile = b\nrole_arn = A\nexternal_id = x\n\
            [profile b]\nsource_profile = p\nrole_arn = B\nrole_session_name = s\n";
        let chain = of(&format!("{roles}{PROGRAM}"), "a").expect("a program");
        let told: Vec<_> = chain
            .roles
            .iter()
            .map(|it| (it.arn.as_str(), it.external_id.is_some(), it.session_name.is_some()))
            .collect();
        assert_eq!(told, [("B", false, true), ("A", true, false)]);
        let own = "[profile a]\nsource_profile = a\nrole_arn = A\ncredential_process = run\n";
        assert_eq!(of(own, "a").expect("a program").roles.len(), 1);
    }

    #[test]
    fn what_the_sdk_takes_from_elsewhere_is_left_to_it() {
        for text in [
            "[profile a]\naws_access_key_id = k\n",
            "[profile a]\nsource_profile = p\nrole_arn = A\ncredential_source = Environment\n[profile p]\ncredential_process = x\n",
            "[profile a]\nsource_profile = b\nrole_arn = A\n[profile b]\naws_access_key_id = k\ncredential_process = x\n",
            "[profile a]\nsource_profile = b\nrole_arn = A\n[profile b]\nsource_profile = a\nrole_arn = B\n",
            "[profile a]\nsource_profile = none\nrole_arn = A\n",
            "[profile a]\nweb_identity_token_file = f\nrole_arn = A\ncredential_process = x\n",
            "[profile a]\nsso_session = s\ncredential_process = x\n",
            "[profile a]\nlogin_session = s\ncredential_process = x\n",
            "[profile b]\ncredential_process = x\n",
        ] {
            assert_eq!(of(text, "a"), None, "{text}");
        }
    }
}
