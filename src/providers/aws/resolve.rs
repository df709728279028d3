//! Resolves region, endpoints and credentials from the settings, the environment and the AWS profile.
//!
//! Each result knows its source. The session connects with it; `s1crets config show` explains it.

use std::env;

use aws_config::{SdkConfig, meta::region::ProvideRegion, profile::ProfileFileRegionProvider};
use aws_types::{region::Region, service_config::ServiceConfigKey};

use super::{
    config::{AwsConfig, Role},
    http, session,
};
use crate::{
    aws_credentials::{
        profile::{chain::check_chained, selection::SelectedProfile},
        shared_files::profile_files,
        source::AwsCredentialSource,
    },
    config::{Connection, CredentialSource, Origin, Section},
    error::Result,
};

const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// A service whose endpoint can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceName {
    /// As the AWS SDK has it in profiles.
    pub(crate) id: &'static str,
    /// The variable of its endpoint.
    pub(crate) variable: &'static str,
}

pub(super) const STS: ServiceName = ServiceName { id: "STS", variable: "AWS_ENDPOINT_URL_STS" };

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// The setting of this key.
    Setting(&'static str),
    Variable(&'static str),
    Profile(String),
}

/// What can be resolved without a call.
pub(super) struct Resolved {
    /// `None` if only instance metadata may know.
    region: Option<(String, Source)>,
    pub(super) credentials: AwsCredentialSource,
}

/// An endpoint, and where it was set.
pub(super) struct Endpoint {
    pub(super) url: String,
    source: Source,
}

impl Resolved {
    /// # Errors
    /// `Config` if a profile is named that does not exist, or if the way to credentials is invalid.
    pub(super) async fn of(settings: &AwsConfig) -> Result<Self> {
        let credentials = match settings.credentials {
            Some(_) => AwsCredentialSource::Given,
            None => AwsCredentialSource::find(settings.profile.as_deref()).await?,
        };
        check_durations(&settings.roles, &credentials)?;
        Ok(Self { region: region(settings).await, credentials })
    }

    pub(super) fn region(&self) -> Option<Region> {
        self.region.as_ref().map(|(name, _)| Region::new(name.clone()))
    }
}

/// The region: of the settings, else of the environment, else of the profile.
async fn region(settings: &AwsConfig) -> Option<(String, Source)> {
    if let Some(region) = &settings.region {
        return Some((region.clone(), Source::Setting("region")));
    }
    let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
    if let Some(found) = REGION.into_iter().find_map(|name| Some((set(name)?, Source::Variable(name)))) {
        return Some(found);
    }
    let selected = SelectedProfile::of(settings.profile.as_deref());
    let profile = ProfileFileRegionProvider::builder().profile_files(profile_files()).profile_name(selected.sdk_name());
    let region = profile.build().region().await?;
    Some((region.to_string(), Source::Profile(selected.name)))
}

fn selected_profile(settings: &AwsConfig) -> String {
    SelectedProfile::of(settings.profile.as_deref()).name
}

/// Checks that no role which a role assumes is to last longer than AWS allows.
fn check_durations(roles: &[Role], first: &AwsCredentialSource) -> Result<()> {
    let chained = roles.iter().skip(usize::from(!first.is_role()));
    chained.into_iter().try_for_each(|role| check_chained(&role.arn, role.duration))
}

/// The endpoint of a service: of the settings, else of the environment or the profile as the SDK
/// finds it.
pub(super) fn endpoint(config: &SdkConfig, settings: &AwsConfig, service: ServiceName) -> Option<Endpoint> {
    let own = match service.id == STS.id {
        true => (&settings.sts_endpoint_url, "sts_endpoint_url"),
        false => (&settings.service_endpoint_url, "service_endpoint_url"),
    };
    let set = [own, (&settings.endpoint_url, "endpoint_url")]
        .into_iter()
        .find_map(|(url, key)| Some(Endpoint { url: url.clone()?, source: Source::Setting(key) }));
    set.or_else(|| found_endpoint(config, settings, service))
}

fn found_endpoint(config: &SdkConfig, settings: &AwsConfig, service: ServiceName) -> Option<Endpoint> {
    let key = ServiceConfigKey::builder().service_id(service.id).env(ENDPOINT).profile("endpoint_url").build().ok()?;
    let url = config.service_config()?.load_config(key)?;
    let by_variable = [service.variable, ENDPOINT].into_iter().find(|name| env::var(name).is_ok_and(|it| it == url));
    let source = by_variable.map_or_else(|| Source::Profile(selected_profile(settings)), Source::Variable);
    Some(Endpoint { url, source })
}

/// Explains which endpoint and credentials a provider with these settings would use. Makes no call.
pub(super) async fn explain(settings: &AwsConfig, section: &Section, service: ServiceName) -> Result<Connection> {
    let resolved = Resolved::of(settings).await?;
    // Any region will do: without one the SDK would ask instance metadata. It is not shown.
    let region = resolved.region().unwrap_or(Region::from_static("us-east-1"));
    let config = session::loader(settings).http_client(http::client()).region(region).load().await;
    let mut connection = Connection::new(section, &["region"]);
    if let Some((region, source)) = &resolved.region {
        connection.record(section.setting("region", region.as_str(), &source.origin(section)));
    }
    let store = endpoint(&config, settings, service).map(|it| (it, "service_endpoint_url"));
    let sts =
        endpoint(&config, settings, STS).filter(|_| !settings.roles.is_empty()).map(|it| (it, "sts_endpoint_url"));
    for (Endpoint { url, source }, of_service) in store.into_iter().chain(sts) {
        let key = match source {
            Source::Setting(key) => key,
            Source::Variable(ENDPOINT) => "endpoint_url",
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

impl Source {
    fn origin(&self, section: &Section) -> Origin {
        match self {
            Self::Setting(key) => section.origin(key),
            Self::Variable(name) => Origin::Variable(name),
            Self::Profile(name) => Origin::AwsProfile(name.as_str().into()),
        }
    }
}
