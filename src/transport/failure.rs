//! Why a request got no response, and whose fault that is.

use std::fmt;

use super::{
    certificate_error::{CertificateProblem, certificate_problem, speaks_no_tls},
    proxy_error::{ProxyProblem, proxy_problem},
    redirect::RefusedRedirect,
};
use crate::error::Error;

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The policy's time was over. The proxy, if there is one, may be to blame.
    Timeout { proxy: Option<String> },
    /// No connection to this address.
    Connect(Target, reqwest::Error),
    /// The connection to this address ended before the whole response was there.
    Broken(Target, reqwest::Error),
    /// A certificate of this `HOST:PORT`, or one for it, is not accepted.
    Certificate(String, CertificateProblem, reqwest::Error),
    /// The address is `https`, and what listens there does not speak TLS.
    SpeaksNoTls(Target),
    /// The address is `http`, and what listens there only accepts TLS.
    SpeaksTls(Target),
    /// The proxy failed, not the server behind it. Boxed, because it is rare and long.
    Proxy(Box<ProxyFailure>),
    /// A redirect that was not followed. Boxed for the same reason.
    Redirect(Box<RefusedRedirect>),
    /// The body is longer than any that is expected.
    TooLong,
    /// The body has more JSON values than any that is expected.
    TooManyValues,
    /// No request was sent, because a setting is wrong.
    Config(Error),
}

/// A failure of the proxy.
#[derive(Debug)]
pub(crate) struct ProxyFailure {
    pub(crate) problem: ProxyProblem,
    /// Its URL, without user name and password.
    pub(crate) proxy: String,
    /// What it was to reach, as `HOST:PORT`.
    pub(crate) server: String,
    /// Whether the address is `https`, which decides which variable names a general proxy.
    pub(crate) is_https: bool,
    pub(crate) source: Option<reqwest::Error>,
}

/// An address that was asked, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// That of the settings, as they spell it.
    Server(String),
    /// That of the node which the server redirects to.
    Redirected(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(address) => f.write_str(address),
            Self::Redirected(address) => write!(f, "{address}, to which it redirects"),
        }
    }
}

/// Where a request goes: the server, or the node that it redirects to.
#[derive(Debug)]
pub(super) struct Hop<'a> {
    pub(super) target: Target,
    /// `HOST:PORT`.
    pub(super) server: String,
    pub(super) is_https: bool,
    /// The proxy's URL, without user name and password.
    pub(super) proxy: Option<&'a str>,
}

impl Hop<'_> {
    /// The failure of a request that went here. The error must not have a URL: its path is for the
    /// context of an error to name.
    pub(super) fn failure(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            return Failure::Timeout { proxy: self.proxy.map(str::to_owned) };
        }
        if let Some(problem) = self.proxy_problem(&error) {
            return self.proxy_failure(problem, Some(error));
        }
        if let Some(problem) = certificate_problem(&error) {
            return Failure::Certificate(self.server.clone(), problem, error);
        }
        match error.is_connect() {
            true if speaks_no_tls(&error) => Failure::SpeaksNoTls(self.target.clone()),
            true => Failure::Connect(self.target.clone(), error),
            false => Failure::Broken(self.target.clone(), error),
        }
    }

    pub(super) fn proxy_failure(&self, problem: ProxyProblem, source: Option<reqwest::Error>) -> Failure {
        let proxy = self.proxy.unwrap_or_default().to_owned();
        Failure::Proxy(Box::new(ProxyFailure {
            problem,
            proxy,
            server: self.server.clone(),
            is_https: self.is_https,
            source,
        }))
    }

    fn proxy_problem(&self, error: &reqwest::Error) -> Option<ProxyProblem> {
        self.proxy?;
        // A request without TLS is sent to the proxy itself: there is no other connection.
        let to_proxy = !self.is_https && error.is_connect();
        proxy_problem(error).or_else(|| to_proxy.then(|| ProxyProblem::of_connection(error)))
    }
}

impl Failure {
    /// Whether a further attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Connect(..) | Self::Broken(..) => true,
            Self::Proxy(failure) => failure.problem.is_transient(),
            Self::Redirect(redirect) => redirect.is_transient(),
            Self::Certificate(..)
            | Self::SpeaksNoTls(_)
            | Self::SpeaksTls(_)
            | Self::TooLong
            | Self::TooManyValues
            | Self::Config(_) => false,
        }
    }
}
