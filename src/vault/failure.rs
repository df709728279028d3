//! Errors of requests that got no response: the server, the proxy, a certificate or a setting.

use super::{
    config::{DEFAULT_ADDRESS, VaultConfig},
    error::timed_out,
};
use crate::{
    error::{Error, ErrorKind},
    retry::RetryPolicy,
    transport::{CertificateProblem, CertificateSettings, Failure, ProxyFailure, RefusedRedirect, Target},
};

/// What names the address, for hints.
const ADDRESS_SETTINGS: &str = "`address` in the config file or VAULT_ADDR";

/// The hint for a node that another one names, and which can't be reached so.
const NODES_ADDRESS: &str =
    "the server names that node by the node's `api_addr`: correct it in the node's config, or name another address";

/// The error of a request that got no response.
pub(super) fn from_failure(failure: Failure, policy: RetryPolicy, config: &VaultConfig) -> Error {
    match failure {
        Failure::Timeout { proxy } => {
            let error = timed_out(policy);
            match proxy {
                Some(proxy) => error.with_hint(format!("it is asked through the proxy {proxy}, which may be to blame")),
                None => error,
            }
        }
        Failure::Connect(target, source) => unreachable(&target).with_source(source),
        Failure::Broken(target, source) => {
            Error::new(ErrorKind::Unavailable, format!("the connection to Vault at {target} broke")).with_source(source)
        }
        Failure::Certificate(server, problem, source) => {
            let error = Error::config(problem.message(&server)).with_source(source);
            error.with_hint(certificate_hint(&problem, config))
        }
        Failure::SpeaksNoTls(target) => speaks_no_tls(&target),
        Failure::SpeaksTls(target) => speaks_tls(&target),
        Failure::Proxy(failure) => from_proxy(*failure),
        Failure::Redirect(refused) => from_redirect(&refused),
        Failure::TooLong => Error::corrupt("the answer is too long to be one of Vault's"),
        Failure::TooManyValues => Error::corrupt("the answer has too many JSON values to be one of Vault's"),
        Failure::Config(error) => error,
    }
}

fn unreachable(target: &Target) -> Error {
    let error = Error::new(ErrorKind::Unavailable, format!("can't connect to Vault at {target}"));
    match target {
        Target::Server(address) if address == DEFAULT_ADDRESS => {
            error.with_hint(format!("that is the default: {ADDRESS_SETTINGS} names another"))
        }
        Target::Server(_) => error,
        Target::Redirected(_) => error.with_hint(NODES_ADDRESS),
    }
}

fn speaks_no_tls(target: &Target) -> Error {
    let error = Error::config(format!("the server at {target} does not speak TLS"));
    match target {
        Target::Server(address) => {
            let plain = address.replacen("https://", "http://", 1);
            error.with_hint(format!(
                "if it is meant to be reached without, as a development server or an agent, write {plain}"
            ))
        }
        // No advice to give TLS up: the address of the settings has it.
        Target::Redirected(_) => error.with_hint(NODES_ADDRESS),
    }
}

fn speaks_tls(target: &Target) -> Error {
    let error = Error::config(format!("the server at {target} only accepts TLS"));
    match target {
        Target::Server(address) => {
            let secure = address.replacen("http://", "https://", 1);
            error.with_hint(format!("set {ADDRESS_SETTINGS} to {secure}"))
        }
        Target::Redirected(_) => error.with_hint(NODES_ADDRESS),
    }
}

fn certificate_hint(problem: &CertificateProblem, config: &VaultConfig) -> String {
    let own = "`ca_file` in the config file or VAULT_CACERT (BAO_CACERT)";
    let system = format!("{own}, or for every program by SSL_CERT_FILE");
    let replaced = format!("{own}, which replaces the system's certificates here");
    let hint = problem.hint(CertificateSettings {
        authorities: if config.tls.names_authorities() { &replaced } else { &system },
        name: "the address, in `server_name` or in VAULT_TLS_SERVER_NAME",
        client: Some("`client_cert` and `client_key`, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY,"),
    });
    match config.environment.ignored_skip_verify {
        Some(name) => format!("{hint}; {name} is not followed, S1CRETS_VAULT_DANGER_SKIP_VERIFY=1 would be"),
        None => hint,
    }
}

fn from_proxy(failure: ProxyFailure) -> Error {
    let general = if failure.is_https { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let settings = format!("`proxy` in the config file, VAULT_PROXY_ADDR or {general}");
    let error = failure.problem.error(&failure.proxy, &failure.server, &settings, general);
    match failure.source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn from_redirect(refused: &RefusedRedirect) -> Error {
    let RefusedRedirect { status, target, why, instead, .. } = refused;
    let Some(target) = target else {
        return Error::new(
            ErrorKind::Unavailable,
            format!("a redirect of Vault (status {status}) was not followed: {why}"),
        );
    };
    let message = format!("the server redirects (status {status}) to {target}, which was not followed: {why}");
    Error::config(message).with_hint(match instead {
        Some(instead) => format!("if that is Vault, set {ADDRESS_SETTINGS} to {instead}"),
        None => {
            "no token is sent there; something in front of Vault may ask for a login, or the address may not be Vault's"
                .to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_a_redirect_names_is_not_to_be_written_as_the_address() {
        let address = || "https://b:8200".to_owned();
        let error = |failure| from_failure(failure, RetryPolicy::default(), &VaultConfig::default());
        let own = error(Failure::SpeaksNoTls(Target::Server(address())));
        assert!(own.hint().is_some_and(|hint| hint.ends_with("write http://b:8200")), "{own:?}");
        for failure in
            [Failure::SpeaksNoTls(Target::Redirected(address())), Failure::SpeaksTls(Target::Redirected(address()))]
        {
            let error = error(failure);
            assert!(error.message().contains("https://b:8200, to which it redirects"), "{error:?}");
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("`api_addr`") && !hint.contains("http"), "{hint}");
        }
    }
}
