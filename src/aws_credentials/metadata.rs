//! The client of EC2 instance metadata, with its settings cleaned: see [`variables`].

use std::time::Duration;

use aws_config::{
    imds::{self, client::EndpointMode},
    provider_config::ProviderConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::variables;
use crate::error::{Error, Result};

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const ENDPOINT_MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

/// A client of instance metadata, for credentials: with the SDK's own timeouts and attempts.
///
/// # Errors
/// `Config` if a variable is malformed.
pub(crate) fn builder(http: &SharedHttpClient) -> Result<imds::client::Builder> {
    let builder = imds::Client::builder().configure(&ProviderConfig::default().with_http_client(http.clone()));
    let mode =
        match variables::text(ENDPOINT_MODE)? {
            Some(mode) => Some(mode.parse::<EndpointMode>().map_err(|_| {
                Error::config(format!("{ENDPOINT_MODE} is {mode:?}")).with_hint("it can be IPv4 or IPv6")
            })?),
            None => None,
        };
    let endpoint = variables::text(ENDPOINT)?;
    // A blank variable would be an endpoint to the SDK.
    let default = match mode {
        Some(EndpointMode::IpV6) => "http://[fd00:ec2::254]",
        _ => "http://169.254.169.254",
    };
    let is_left_to_the_sdk = [ENDPOINT, ENDPOINT_MODE].iter().all(|name| std::env::var_os(name).is_none());
    if is_left_to_the_sdk {
        // It has keys of the profile too.
        return Ok(builder);
    }
    let endpoint = endpoint.as_deref().unwrap_or(default);
    builder
        .endpoint(endpoint)
        .map_err(|_| Error::config(format!("{ENDPOINT} is no URL")).with_hint("write it as http://HOST"))
}

/// The timeout for the region: metadata is one hop away, or not there.
const REGION_TIMEOUT: Duration = Duration::from_millis(500);

/// A client that answers at once or not at all, for the region. `None` if metadata is turned off.
///
/// # Errors
/// `Config` if a variable is malformed.
pub(crate) fn hasty_client(http: &SharedHttpClient) -> Result<Option<imds::Client>> {
    if variables::is_metadata_disabled() {
        return Ok(None);
    }
    let builder = builder(http)?
        .max_attempts(1)
        .connect_timeout(REGION_TIMEOUT)
        .read_timeout(REGION_TIMEOUT)
        .operation_timeout(REGION_TIMEOUT);
    Ok(Some(builder.build()))
}
