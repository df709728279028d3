//! The client of EC2 instance metadata, with its settings cleaned: see [`variables`].

use std::time::Duration;

use aws_config::{
    imds::{self, client::EndpointMode},
    provider_config::ProviderConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::variables;
use crate::error::{Error, Result};

/// The variables, and the keys of a profile.
const ENDPOINT: (&str, &str) = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
const ENDPOINT_MODE: (&str, &str) = ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");

/// A client of instance metadata, for credentials: with the SDK's own timeouts and attempts. `key`
/// reads the profile in force.
///
/// The endpoint is always set. The SDK would look for it in shared files of its own finding, which
/// may be others than those that profiles are read from.
///
/// # Errors
/// `Config` if a variable or a key of the profile is malformed.
pub(crate) fn builder(
    http: Option<SharedHttpClient>,
    key: impl Fn(&str) -> Option<String>,
) -> Result<imds::client::Builder> {
    let mut config = ProviderConfig::default();
    if let Some(http) = http {
        config = config.with_http_client(http);
    }
    let builder = imds::Client::builder().configure(&config);
    let (endpoint, name) = endpoint(key)?;
    builder
        .endpoint(endpoint)
        .map_err(|_| Error::config(format!("{name} is not a URL")).with_hint("write it as http://HOST"))
}

/// As [`builder`], with the SDK's HTTP client and the keys of the profile that the settings or the
/// environment name.
///
/// # Errors
/// As [`builder`], and `Config` if a shared file is malformed.
#[cfg(feature = "vault")]
pub(crate) async fn of_profile(named: Option<&str>) -> Result<imds::client::Builder> {
    let profiles = super::profile::profiles::Profiles::load().await?;
    let profile = profiles.get(&super::profile::selection::SelectedProfile::of(named).name);
    builder(None, |key| profile?.get(key).map(str::to_owned))
}

/// The endpoint, and what names it: variables win over the profile, and an endpoint over a mode.
fn endpoint(key: impl Fn(&str) -> Option<String>) -> Result<(String, &'static str)> {
    let set = |(variable, of_profile): (&'static str, &'static str)| -> Result<Option<(String, &'static str)>> {
        let of_profile_key = || key(of_profile).and_then(|value| variables::cleaned(&value).map(str::to_owned));
        let of_variable = variables::text(variable)?.map(|value| (value, variable));
        Ok(of_variable.or_else(|| of_profile_key().map(|value| (value, of_profile))))
    };
    if let Some(endpoint) = set(ENDPOINT)? {
        return Ok(endpoint);
    }
    let (mode, name) = match set(ENDPOINT_MODE)? {
        Some((mode, name)) => {
            let parsed = mode.parse::<EndpointMode>();
            (
                parsed.map_err(|_| Error::config(format!("{name} is {mode:?}")).with_hint("it can be IPv4 or IPv6"))?,
                name,
            )
        }
        None => (EndpointMode::IpV4, ENDPOINT.0),
    };
    let default = match mode {
        EndpointMode::IpV6 => "http://[fd00:ec2::254]",
        _ => "http://169.254.169.254",
    };
    Ok((default.to_owned(), name))
}

/// The timeout for the region: metadata is one hop away, or not there.
const REGION_TIMEOUT: Duration = Duration::from_millis(500);

/// A client that answers at once or not at all, for the region. `None` if metadata is turned off.
pub(crate) fn hasty_client(builder: imds::client::Builder) -> Option<imds::Client> {
    if variables::is_metadata_disabled() {
        return None;
    }
    let builder = builder
        .max_attempts(1)
        .connect_timeout(REGION_TIMEOUT)
        .read_timeout(REGION_TIMEOUT)
        .operation_timeout(REGION_TIMEOUT);
    Some(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_that_of_the_profile_in_force() {
        let of = |pairs: &'static [(&str, &str)]| {
            endpoint(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
        };
        let url = |pairs| of(pairs).expect("valid").0;
        assert_eq!(url(&[]), "http://169.254.169.254");
        assert_eq!(url(&[(ENDPOINT.1, " http://x "), (ENDPOINT_MODE.1, "IPv6")]), "http://x");
        assert_eq!(url(&[(ENDPOINT.1, " "), (ENDPOINT_MODE.1, "IPv6")]), "http://[fd00:ec2::254]");
        let error = of(&[(ENDPOINT_MODE.1, "v5")]).expect_err("no mode");
        assert_eq!(error.message(), "ec2_metadata_service_endpoint_mode is \"v5\"");
        let error = builder(None, |key| (key == ENDPOINT.1).then(|| "no url".to_owned())).expect_err("no URL");
        assert_eq!(error.message(), "ec2_metadata_service_endpoint is not a URL");
    }
}
