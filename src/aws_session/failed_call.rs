//! Calls that never got to AWS: a certificate that is not accepted, or a proxy that is in the way.

use std::{env, error::Error as StdError};

use super::http::Unanswered;
use crate::{
    aws_credentials::failure::find,
    error::Error,
    transport::{CertificateSettings, certificate_problem, proxy_problem},
};

/// What names certificates and hosts for calls to AWS.
const SETTINGS: CertificateSettings<'static> = CertificateSettings {
    authorities: "AWS_CA_BUNDLE, `ca_bundle` in the AWS profile or SSL_CERT_FILE",
    name: "the endpoint's URL",
    client: None,
};

/// The variables of a proxy for `https://` endpoints, in the order in which they count.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The error of a call that failed because of a setting here, not because of AWS.
pub(super) fn explained(error: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(own) = find::<Error>(error) {
        return Some(own.clone());
    }
    let Unanswered { endpoint, .. } = find(error)?;
    let server = host_and_port(endpoint);
    if let Some(problem) = proxy_problem(error) {
        let (variable, proxy) = proxy();
        return Some(problem.error(&proxy, &server, variable, variable));
    }
    let problem = certificate_problem(error)?;
    Some(Error::config(problem.message(&server)).with_hint(problem.hint(SETTINGS)))
}

/// `HOST:PORT` of an endpoint.
fn host_and_port(endpoint: &str) -> String {
    let (scheme, authority) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    match (has_port, scheme) {
        (true, _) => authority.to_owned(),
        (false, "http") => format!("{authority}:80"),
        (false, _) => format!("{authority}:443"),
    }
}

/// The variable that names the proxy, and the proxy without user name and password.
fn proxy() -> (&'static str, String) {
    let set = PROXIES.into_iter().find_map(|name| Some((name, env::var(name).ok().filter(|url| !url.is_empty())?)));
    let (name, url) = set.unwrap_or((PROXIES[0], String::new()));
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    (name, format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_as_host_and_port() {
        for (endpoint, told) in [
            ("https://ssm.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com:443"),
            ("https://127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://[::1]", "[::1]:80"),
            ("https://[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(host_and_port(endpoint), told);
        }
    }
}
