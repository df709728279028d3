//! The settings of one profile that lead to credentials, checked.

use std::time::Duration;

use aws_config::profile::Profile;

use super::{
    profiles::Profiles,
    sources::{ProfileRole, ProfileSource, Program, Sso, WebIdentity},
};
use crate::{
    aws_credentials::{
        access_key::{AccessKey, PartNames},
        section_names::sdk_name,
    },
    error::{Error, Result},
    shell,
};

/// The keys of an access key in a profile.
const KEYS: PartNames =
    PartNames { id: "aws_access_key_id", secret: "aws_secret_access_key", token: "aws_session_token" };

/// A profile and its name as people write it.
pub(super) struct ProfileSettings<'a> {
    pub(super) name: String,
    pub(super) profile: &'a Profile,
}

/// Whose credentials assume the role of a profile.
pub(super) enum AssumedBy {
    /// Those that the profile names itself.
    Itself,
    /// Those of the profile of this name.
    Profile(String),
    Source(ProfileSource),
}

impl ProfileSettings<'_> {
    /// A setting, unless it is empty.
    fn get(&self, key: &str) -> Option<&str> {
        self.profile.get(key).filter(|value| !value.is_empty())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    pub(super) fn invalid(&self, what: &str, hint: impl Into<String>) -> Error {
        Error::config(format!("the AWS profile {:?} {what}", self.name)).with_hint(hint.into())
    }

    /// The error of a profile without credentials whose role, or that of the profile before it in
    /// `seen`, needs some.
    pub(super) fn without_credentials(&self, seen: &[String]) -> Error {
        let of = seen.iter().rev().nth(1).map_or_else(|| "itself".to_owned(), |by| format!("AWS profile {by:?}"));
        let hint = "give it an access key, credential_process or an SSO login, or name another source_profile";
        self.invalid(&format!("is the source_profile of {of} and names no credentials"), hint)
    }

    /// The role to assume; `None` for a profile that has credentials without one.
    pub(super) fn role(&self) -> Result<Option<ProfileRole>> {
        // Such a profile needs no credentials of another one.
        let (None, Some(arn)) = (self.get("web_identity_token_file"), self.text("role_arn")) else { return Ok(None) };
        if let Some(serial) = self.get("mfa_serial") {
            let what = format!("needs an MFA code (mfa_serial = {serial}), which s1crets does not ask for");
            let hint = format!("let the AWS CLI ask for it: {}", export_command(&self.name));
            return Err(self.invalid(&what, hint));
        }
        let duration = self.get("duration_seconds").map(|text| text.parse().map(Duration::from_secs));
        let Ok(duration) = duration.transpose() else {
            return Err(
                self.invalid("has a duration_seconds that is not a number", "write a number of seconds, such as 3600")
            );
        };
        let (external_id, session_name) = (self.text("external_id"), self.text("role_session_name"));
        Ok(Some(ProfileRole { arn, external_id, session_name, duration }))
    }

    /// Whose credentials assume the role.
    pub(super) fn assumed_by(&self) -> Result<AssumedBy> {
        match (self.get("source_profile"), self.get("credential_source")) {
            (Some(_), Some(_)) => {
                Err(self.invalid("has both source_profile and credential_source", "remove one of them"))
            }
            (None, None) => {
                let hint = "say whose credentials assume the role: source_profile = NAME";
                Err(self.invalid("has role_arn, but neither source_profile nor credential_source", hint))
            }
            (Some(source), None) if source == self.name => Ok(AssumedBy::Itself),
            (Some(source), None) => Ok(AssumedBy::Profile(source.to_owned())),
            (None, Some(source)) => self.named_source(source).map(AssumedBy::Source),
        }
    }

    fn named_source(&self, source: &str) -> Result<ProfileSource> {
        Ok(match source.to_ascii_lowercase().as_str() {
            "environment" => ProfileSource::Environment,
            "ecscontainer" => ProfileSource::Container,
            "ec2instancemetadata" => ProfileSource::InstanceMetadata,
            _ => {
                let hint = "it is one of Environment, EcsContainer, Ec2InstanceMetadata";
                return Err(self.invalid(&format!("has an unknown credential_source, {source:?}"), hint));
            }
        })
    }

    /// The source of a profile without a role; `None` if it names none.
    pub(super) fn source(&self, profiles: &Profiles) -> Result<Option<ProfileSource>> {
        if let Some(source) = self.get("credential_source").filter(|_| self.get("role_arn").is_none()) {
            return self.named_source(source).map(Some);
        }
        if let Some(web) = self.web_identity()? {
            return Ok(Some(ProfileSource::WebIdentity(web)));
        }
        if let Some(sso) = self.sso(profiles)? {
            return Ok(Some(ProfileSource::Sso(sso)));
        }
        let own = profiles
            .in_credentials_file(&self.name)
            .map(|profile| ProfileSettings { name: self.name.clone(), profile });
        if let Some(own) = own.filter(ProfileSettings::has_key) {
            return own.key().map(Some);
        }
        if self.get("login_session").is_some() {
            let hint = format!("let the AWS CLI give the credentials: {}", export_command(&self.name));
            return Err(self.invalid("gets credentials by `aws login`, which s1crets does not support", hint));
        }
        if let Some(command) = self.text("credential_process") {
            let (profile, account_id) = (self.name.clone(), self.text("aws_account_id"));
            return Ok(Some(ProfileSource::Program(Program { profile, command, account_id })));
        }
        self.has_key().then(|| self.key()).transpose()
    }

    pub(super) fn has_key(&self) -> bool {
        [KEYS.id, KEYS.secret].into_iter().any(|key| self.get(key).is_some())
    }

    pub(super) fn key(&self) -> Result<ProfileSource> {
        let key = AccessKey {
            id: self.get(KEYS.id),
            secret: self.get(KEYS.secret),
            token: self.get(KEYS.token),
            account_id: self.get("aws_account_id"),
        };
        let place = format!("AWS profile {:?}", self.name);
        key.credentials(&place, &KEYS, "ProfileFile").map(ProfileSource::Key)
    }

    fn web_identity(&self) -> Result<Option<WebIdentity>> {
        let Some(token_file) = self.get("web_identity_token_file") else { return Ok(None) };
        let Some(role_arn) = self.text("role_arn") else {
            return Err(self.invalid("has web_identity_token_file, but no role_arn", "add the ARN of the role"));
        };
        Ok(Some(WebIdentity {
            token_file: token_file.into(),
            named_by: format!("AWS profile {:?}", self.name),
            role_arn,
            session_name: self.text("role_session_name"),
        }))
    }

    fn sso(&self, profiles: &Profiles) -> Result<Option<Sso>> {
        let (account_id, role_name) = (self.text("sso_account_id"), self.text("sso_role_name"));
        if account_id.is_none() && role_name.is_none() {
            return Ok(None);
        }
        let session = self.text("sso_session");
        let settings = match &session {
            None => None,
            Some(name) => Some(profiles.merged.sso_session(&sdk_name(name)).ok_or_else(|| {
                let hint = "add that section to the config file, or run `aws configure sso`";
                self.invalid(&format!("names sso_session = {name}, and there is no section [sso-session {name}]"), hint)
            })?),
        };
        let of_session = |key: &str| settings.and_then(|settings| settings.get(key)).filter(|value| !value.is_empty());
        let missing = |key: &str| {
            let hint = "run `aws configure sso`, which sets all that is needed";
            self.invalid(&format!("gets credentials by SSO, and has no {key}"), hint)
        };
        let shared = |key: &'static str| match (of_session(key), self.get(key)) {
            (Some(of_session), Some(own)) if of_session != own => {
                Err(self.invalid(&format!("has another {key} than its sso_session"), "remove it from the profile"))
            }
            (of_session, own) => of_session.or(own).map(str::to_owned).ok_or_else(|| missing(key)),
        };
        Ok(Some(Sso {
            profile: self.name.clone(),
            region: shared("sso_region")?,
            start_url: shared("sso_start_url")?,
            account_id: account_id.ok_or_else(|| missing("sso_account_id"))?,
            role_name: role_name.ok_or_else(|| missing("sso_role_name"))?,
            session,
        }))
    }
}

/// A command that sets variables with the credentials of a profile, where the AWS CLI can do what
/// is not supported here.
fn export_command(profile: &str) -> String {
    let profile = shell::quoted(profile);
    format!("`eval \"$(aws configure export-credentials --profile {profile} --format env)\"`")
}
