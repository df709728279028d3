//! Proxy errors: what went wrong at a proxy, found in the cause of a failed call.
//!
//! A server behind a dead proxy may be well. So the proxy is named, without its password.

use std::error::Error as StdError;

use super::certificate_error::{CertificateProblem, causes, certificate_problem, speaks_no_tls};
use crate::error::{Error, ErrorKind};

/// How hyper-util's error of a `CONNECT` begins. Its type is not public.
const TUNNEL_ERROR: &str = "tunnel error: ";

/// What went wrong at a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyProblem {
    /// There is no connection to it: refused, or no such host.
    Unreachable,
    /// It asks for a user name and a password, or others (status 407).
    WantsLogin,
    /// It is there, and opens no connection to the server.
    NoTunnel,
    /// It is asked by TLS, and its certificate is not accepted.
    Certificate(CertificateProblem),
    /// It is asked by TLS, and does not speak it.
    SpeaksNoTls,
}

/// What went wrong at the proxy, if the call to a server with TLS failed there.
pub(crate) fn proxy_problem(error: &(dyn StdError + 'static)) -> Option<ProxyProblem> {
    let failed = causes(error).find(|cause| cause.to_string().starts_with(TUNNEL_ERROR))?;
    Some(match failed.to_string().trim_start_matches(TUNNEL_ERROR) {
        "proxy authorization required" => ProxyProblem::WantsLogin,
        "failed to create underlying connection" => ProxyProblem::of_connection(failed),
        _ => ProxyProblem::NoTunnel,
    })
}

impl ProxyProblem {
    /// Why there is no connection to the proxy itself.
    pub(crate) fn of_connection(error: &(dyn StdError + 'static)) -> Self {
        match certificate_problem(error) {
            Some(problem) => Self::Certificate(problem),
            None if speaks_no_tls(error) => Self::SpeaksNoTls,
            None => Self::Unreachable,
        }
    }

    /// Whether a further attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable | Self::NoTunnel)
    }

    /// The error of a call. `proxy` is its URL without user name and password, `server` what was
    /// asked, as `HOST:PORT`, `settings` what names the proxy, and `general` the variable that
    /// `NO_PROXY` makes exceptions from, such as `HTTPS_PROXY`.
    pub(crate) fn error(&self, proxy: &str, server: &str, settings: &str, general: &str) -> Error {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        match self {
            Self::Unreachable => Error::new(ErrorKind::Unavailable, format!("the proxy {proxy} can't be reached"))
                .with_hint(format!("{settings} names it; NO_PROXY={host} exempts the server from {general}")),
            Self::WantsLogin => {
                Error::new(ErrorKind::Unauthenticated, format!("the proxy {proxy} asks for a login (status 407)"))
                    .with_hint(format!("{settings} takes it as http://USER:PASSWORD@HOST:PORT"))
            }
            Self::NoTunnel => {
                let message = format!("the proxy {proxy} opens no connection to {server}");
                Error::new(ErrorKind::Unavailable, message).with_hint(format!(
                    "the proxy may not allow that, or not reach it; NO_PROXY={host} exempts the server from {general}"
                ))
            }
            Self::Certificate(problem) => {
                let remedy = match problem.is_of_trust() {
                    true => "trust its authority in the same way as the server's",
                    false => "correct that at the proxy",
                };
                Error::config(problem.message(&format!("the proxy {proxy}")))
                    .with_hint(format!("{remedy}, or name it as http://HOST:PORT by {settings}"))
            }
            Self::SpeaksNoTls => Error::config(format!("the proxy {proxy} does not speak TLS"))
                .with_hint(format!("name it as http://HOST:PORT by {settings}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[derive(Debug)]
    struct Tunnel(&'static str, Option<io::Error>);

    impl fmt::Display for Tunnel {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "tunnel error: {}", self.0)
        }
    }

    impl StdError for Tunnel {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_ref().map(|cause| cause as _)
        }
    }

    /// The tests on sockets prove that hyper-util has these words.
    #[test]
    fn a_failed_connect_is_blamed_on_the_proxy() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (text, cause, problem) in [
            ("failed to create underlying connection", Some(refused), ProxyProblem::Unreachable),
            ("proxy authorization required", None, ProxyProblem::WantsLogin),
            ("unsuccessful", None, ProxyProblem::NoTunnel),
            ("unexpected end of file", None, ProxyProblem::NoTunnel),
        ] {
            let error = io::Error::other(Tunnel(text, cause));
            assert_eq!(proxy_problem(&error), Some(problem), "{text}");
        }
        assert_eq!(proxy_problem(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
