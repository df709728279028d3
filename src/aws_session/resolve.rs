//! Resolves region, endpoints and credentials from the settings, the environment and the AWS profile.
//!
//! Each result knows its source. The session connects with it; `s1crets config show` explains it.
//! The SDK would resolve most of this too, but it takes an empty variable for a value, panics at
//! some, and ignores what it can't parse. So it gets every value from here.

use std::borrow::Cow;

use aws_config::SdkConfig;
use aws_types::{region::Region, service_config::ServiceConfigKey};

use super::{
    arn::is_region,
    config::{AwsConfig, Role},
    http, session,
    shared_profile::SharedProfile,
    source::{Source, Sourced},
    trust::Trust,
};
use crate::{
    aws_credentials::{profile::chain::check_chained, source::AwsCredentialSource, variables},
    config::{Connection, CredentialSource, Origin, Section},
    error::{Error, Result},
};

const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const ENDPOINT_KEY: &str = "endpoint_url";
const IGNORE_ENDPOINTS: (&str, &str) = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
const FIPS: (&str, &str) = ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
const DUAL_STACK: (&str, &str) = ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
const CA_BUNDLE: (&str, &str) = ("AWS_CA_BUNDLE", "ca_bundle");

const EXECUTION_ENVIRONMENT: &str = "AWS_EXECUTION_ENV";

/// A variable that no environment has, so that the SDK looks for a key in the profile alone.
const NO_VARIABLE: &str = "=";
/// A service that no profile has settings for.
const NO_SERVICE: &str = "=";

/// A service whose endpoint can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceName {
    /// As the AWS SDK has it in profiles.
    pub(crate) id: &'static str,
    /// The variable of its endpoint.
    pub(crate) variable: &'static str,
}

pub(super) const STS: ServiceName = ServiceName { id: "STS", variable: "AWS_ENDPOINT_URL_STS" };

/// What can be resolved without a call.
pub(super) struct Resolved {
    /// `None` if only instance metadata may know.
    region: Option<Sourced>,
    pub(super) profile: SharedProfile,
    pub(super) fips: Option<bool>,
    pub(super) dual_stack: Option<bool>,
    /// Whether the endpoints of environment and profile are ignored.
    ignores_endpoints: bool,
    pub(super) trust: Trust,
    pub(super) credentials: AwsCredentialSource,
}

impl Resolved {
    /// # Errors
    /// `Config` if a profile is named that does not exist, if the way to credentials is invalid, or
    /// if a setting, a variable or a key of the profile is malformed.
    pub(super) async fn of(settings: &AwsConfig) -> Result<Self> {
        check_user_agent()?;
        let credentials = match settings.credentials {
            Some(_) => AwsCredentialSource::Given,
            None => AwsCredentialSource::find(settings.profile.as_deref()).await?,
        };
        check_durations(&settings.roles, &credentials)?;
        let profile = SharedProfile::load(settings.profile.as_deref()).await?;
        let resolved = Self {
            region: region(settings, &profile)?,
            fips: switch(FIPS, &profile)?,
            dual_stack: switch(DUAL_STACK, &profile)?,
            ignores_endpoints: switch(IGNORE_ENDPOINTS, &profile)?.unwrap_or(false),
            trust: Trust::of(trusted(&profile)?),
            profile,
            credentials,
        };
        resolved.check_sdk_endpoints()?;
        Ok(resolved)
    }

    pub(super) fn region(&self) -> Option<Region> {
        self.region.as_ref().map(|region| Region::new(region.value.clone()))
    }

    /// The name of the profile in force, as the SDK has it.
    pub(super) fn sdk_profile(&self) -> Cow<'_, str> {
        self.profile.selected.sdk_name()
    }

    /// The endpoint of a service: of the settings, else of the environment or the profile. `None`
    /// for AWS's own. `config` is one that the SDK loaded for the profile.
    ///
    /// # Errors
    /// `Config` if it is not a URL, or can't be used together with a FIPS or dual-stack endpoint.
    pub(super) fn endpoint(
        &self,
        config: &SdkConfig,
        settings: &AwsConfig,
        service: ServiceName,
    ) -> Result<Option<Sourced>> {
        let Some(endpoint) = self.unchecked_endpoint(config, settings, service)? else { return Ok(None) };
        if !is_url(&endpoint.value) {
            let told = format!("{} is not a URL: write it as http://HOST:PORT", endpoint.source.subject(ENDPOINT_KEY));
            return Err(Error::config(told));
        }
        for (is_on, (variable, key), what) in [(self.fips, FIPS, "FIPS"), (self.dual_stack, DUAL_STACK, "dual-stack")] {
            if is_on == Some(true) {
                let told = format!(
                    "{} is set together with {what} endpoints, which only AWS's own can be",
                    endpoint.source.subject(ENDPOINT_KEY)
                );
                return Err(Error::config(told)
                    .with_hint(format!("remove the one or the other: {variable}, or `{key}` in the AWS profile")));
            }
        }
        Ok(Some(endpoint))
    }

    fn unchecked_endpoint(
        &self,
        config: &SdkConfig,
        settings: &AwsConfig,
        service: ServiceName,
    ) -> Result<Option<Sourced>> {
        let own = match service.id == STS.id {
            true => (&settings.sts_endpoint_url, "sts_endpoint_url"),
            false => (&settings.service_endpoint_url, "service_endpoint_url"),
        };
        for (url, key) in [own, (&settings.endpoint_url, ENDPOINT_KEY)] {
            if let Some(url) = url.as_deref().and_then(variables::cleaned) {
                return Ok(Some(Sourced::new(url, Source::Setting(key))));
            }
        }
        if self.ignores_endpoints {
            return Ok(None);
        }
        for variable in [service.variable, ENDPOINT] {
            if let Some(url) = variables::text(variable)? {
                return Ok(Some(Sourced::new(url, Source::Variable(variable))));
            }
        }
        self.profile.check_services()?;
        let url = profile_endpoint(config, service);
        Ok(url.map(|url| Sourced::new(url, self.profile.source())))
    }

    /// Checks the variables that the SDK reads by itself where it gets credentials by calls of its
    /// own: SSO. It has no setting for the endpoints of that.
    fn check_sdk_endpoints(&self) -> Result<()> {
        if !self.credentials.is_signed_in_by_the_sdk() {
            return Ok(());
        }
        for name in [ENDPOINT, "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"] {
            let Ok(value) = std::env::var(name) else { continue };
            let problem = match value.trim() {
                "" => "empty",
                url if url != value => "surrounded by white space",
                url if !is_url(url) => "not a URL",
                _ => continue,
            };
            return Err(Error::config(format!("{name} is {problem}, and {} can't be used with it", self.credentials))
                .with_hint(format!("unset {name}, or set it to a URL such as http://HOST:PORT")));
        }
        Ok(())
    }
}

/// Checks the variable that the SDK sends as a part of the user agent, as it is.
fn check_user_agent() -> Result<()> {
    let is_sendable = |value: &str| !value.contains(char::is_control);
    match std::env::var(EXECUTION_ENVIRONMENT) {
        Ok(value) if !is_sendable(&value) => {
            Err(Error::config(format!("{EXECUTION_ENVIRONMENT} holds a line break, and is sent with each request"))
                .with_hint(format!("unset {EXECUTION_ENVIRONMENT}, or set it to one word")))
        }
        _ => Ok(()),
    }
}

/// Checks that no role which a role assumes is to last longer than AWS allows.
fn check_durations(roles: &[Role], first: &AwsCredentialSource) -> Result<()> {
    let chained = roles.iter().skip(usize::from(!first.is_role()));
    chained.into_iter().try_for_each(|role| check_chained(&role.arn, role.duration))
}

/// The region: of the settings, else of the environment, else of the profile.
fn region(settings: &AwsConfig, profile: &SharedProfile) -> Result<Option<Sourced>> {
    let found = match settings.region.as_deref().and_then(variables::cleaned) {
        Some(region) => Some(Sourced::new(region, Source::Setting("region"))),
        None => first_variable(&REGION)?.or_else(|| profile.get("region")),
    };
    match found {
        Some(region) if !is_region(&region.value) => Err(Error::config(format!(
            "{} is {:?}, which is not an AWS region",
            region.source.subject("region"),
            region.value
        ))
        .with_hint("a region is a name such as eu-west-1")),
        found => Ok(found),
    }
}

fn first_variable(names: &[&'static str]) -> Result<Option<Sourced>> {
    for name in names {
        if let Some(value) = variables::text(name)? {
            return Ok(Some(Sourced::new(value, Source::Variable(name))));
        }
    }
    Ok(None)
}

/// A variable and a key of the profile that is `true` or `false`.
fn switch((variable, key): (&'static str, &str), profile: &SharedProfile) -> Result<Option<bool>> {
    let Some(found) = first_variable(&[variable])?.or_else(|| profile.get(key)) else { return Ok(None) };
    match found.value.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Error::config(format!("{} is neither `true` nor `false`", found.source.subject(key)))),
    }
}

/// The file of trusted certificates.
fn trusted(profile: &SharedProfile) -> Result<Option<(std::path::PathBuf, String)>> {
    let (variable, key) = CA_BUNDLE;
    if let Some(path) = variables::path(variable) {
        return Ok(Some((path, variable.to_owned())));
    }
    let found = profile.get(key);
    Ok(found.map(|it| (crate::fs::home::expand(it.value.as_ref()), it.source.subject(key))))
}

/// The endpoint that the profile has for a service, or for all.
///
/// The keys of services are read by the SDK, which spells `secrets_manager` as `secrets-manager`.
/// boto3, the AWS CLI and AWS's documentation have the underscore, so both are read.
fn profile_endpoint(config: &SdkConfig, service: ServiceName) -> Option<String> {
    let of = |id: &str| {
        let key = ServiceConfigKey::builder().service_id(id).env(NO_VARIABLE).profile(ENDPOINT_KEY).build().ok()?;
        let url = config.service_config()?.load_config(key)?;
        variables::cleaned(&url).map(str::to_owned)
    };
    let of_all = of(NO_SERVICE);
    let mut own = [service.id.replace(' ', "_"), service.id.to_owned()].into_iter().filter_map(|id| of(&id));
    own.find(|url| Some(url) != of_all.as_ref()).or(of_all)
}

/// Explains which endpoint and credentials a provider with these settings would use. Makes no call.
pub(super) async fn explain(settings: &AwsConfig, section: &Section, service: ServiceName) -> Result<Connection> {
    let resolved = Resolved::of(settings).await?;
    resolved.trust.store()?;
    // Any region will do: without one the SDK would ask instance metadata. It is not shown.
    let region = resolved.region().unwrap_or(Region::from_static("us-east-1"));
    let loader = session::loader(settings, &resolved).http_client(http::client(resolved.trust.clone()));
    let config = loader.region(region).load().await;
    let mut connection = Connection::new(section, &["region"]);
    if let Some(region) = &resolved.region {
        connection.record(section.setting("region", region.value.as_str(), &region.source.origin(section)));
    }
    let store = resolved.endpoint(&config, settings, service)?.map(|it| (it, "service_endpoint_url"));
    let sts = match settings.roles.is_empty() {
        true => None,
        false => resolved.endpoint(&config, settings, STS)?.map(|it| (it, "sts_endpoint_url")),
    };
    for (Sourced { value: url, source }, of_service) in store.into_iter().chain(sts) {
        let key = match source {
            Source::Setting(key) => key,
            Source::Variable(ENDPOINT) => ENDPOINT_KEY,
            Source::Variable(_) | Source::Profile(_) => of_service,
        };
        connection.record(section.setting(key, shown(&url), &source.origin(section)));
    }
    connection.credential = Some(credential(settings, section, &resolved.credentials));
    Ok(connection)
}

/// The credential: the last of the roles, or without roles the source that was found.
fn credential(settings: &AwsConfig, section: &Section, first: &AwsCredentialSource) -> CredentialSource {
    if let Some(last) = settings.roles.last() {
        return CredentialSource::new(format!("role {}, assumed with {first}", last.arn), section.origin("roles"));
    }
    let origin = match (first.variable(), &settings.profile) {
        (Some(variable), _) => Origin::Variable(variable),
        (None, Some(_)) if matches!(first, AwsCredentialSource::Profile(..)) => section.origin("profile"),
        (None, _) => Origin::Default,
    };
    CredentialSource::new(first.to_string(), origin)
}

/// Hides a URL with an `@`, which may hold a password.
fn shown(url: &str) -> &str {
    if url.contains('@') { "***" } else { url }
}

/// Whether the SDK could send a request to this URL. Its own error about a malformed one is no
/// help.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(&&*scheme.to_ascii_lowercase()));
    rest.is_some_and(|(_, rest)| {
        !rest.starts_with(['/', ':', '?', '#'])
            && !rest.is_empty()
            && rest.is_ascii()
            && !rest.contains(|letter: char| "\\\"<>^`{|}".contains(letter) || !letter.is_ascii_graphic())
            && has_port(rest)
    })
}

/// Whether the port behind the host, if there is one, is a number.
fn has_port(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => port.parse::<u16>().is_ok(),
        _ => !host.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_can_be_called_is_told_from_other_text() {
        for url in ["http://127.0.0.1:5000", "HTTPS://x", "http://[::1]:5000/a?b", "http://me:pw@h:1/"] {
            assert!(is_url(url), "{url}");
        }
        for text in [
            "",
            "x",
            "localhost:4566",
            "http://",
            "http:///x",
            "ftp://x",
            "http://a b",
            "http://x\n",
            "http://x:y",
            "http://@",
        ] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn a_region_is_a_label_of_a_host_name() {
        assert!(is_region("eu-west-1") && is_region("us-gov-east-1") && is_region("local"));
        for text in ["", "eu west 1", "eu-west-1\n", "-", "eu-west-1.evil.example", "eu/west", &"a".repeat(64)] {
            assert!(!is_region(text), "{text}");
        }
    }
}
