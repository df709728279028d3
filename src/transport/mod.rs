//! HTTP transport: one client per server, with retries, redirects, TLS, proxies and bounded replies.
//!
//! Vault sends its requests through it. It knows nothing of the API above: which statuses are worth
//! another attempt, and what an error says, is the caller's part. The AWS SDK has a transport of its
//! own, which shares what is said about certificates and proxies, when a proxy is used, and whom to trust by
//! the variables for every program.

#[cfg(feature = "vault")]
mod address;
#[cfg(feature = "vault")]
mod body;
#[cfg_attr(not(feature = "vault"), allow(dead_code, reason = "the AWS providers need parts of it"))]
mod certificate_error;
#[cfg(feature = "vault")]
mod certificates;
#[cfg(feature = "vault")]
mod client;
#[cfg(feature = "vault")]
mod failure;
#[cfg_attr(not(feature = "__aws"), allow(dead_code, reason = "the AWS providers need all of it"))]
mod general_trust;
#[cfg(feature = "vault")]
mod http;
#[cfg(feature = "vault")]
mod json_size;
mod no_proxy;
#[cfg(feature = "vault")]
mod proxy;
#[cfg_attr(not(feature = "vault"), allow(dead_code, reason = "the AWS providers need parts of it"))]
mod proxy_error;
#[cfg(feature = "vault")]
mod redirect;
#[cfg(feature = "vault")]
mod retry_after;
#[cfg(feature = "vault")]
mod tls;
#[cfg(feature = "vault")]
mod verifier;

#[cfg(feature = "vault")]
pub use proxy::ProxyUrl;
#[cfg(feature = "vault")]
pub use tls::TlsConfig;

#[allow(unused_imports, reason = "the AWS providers tell certificates and proxies by them")]
pub(crate) use certificate_error::{CertificateProblem, CertificateSettings, certificate_problem};
#[cfg(feature = "__aws")]
pub(crate) use general_trust::{bundle, general_trust};
pub(crate) use no_proxy::NoProxy;
#[allow(unused_imports, reason = "the AWS providers tell certificates and proxies by them")]
pub(crate) use proxy_error::{ProxyProblem, proxy_problem};

#[cfg(feature = "vault")]
pub(crate) use self::{
    address::{Address, AddressError},
    body::{Fields, wiped},
    certificates::is_pem_of_certificates,
    client::ServerConfig,
    failure::{Failure, ProxyFailure},
    http::{HttpClient, Request, Response, StatusAction},
    redirect::RefusedRedirect,
};
