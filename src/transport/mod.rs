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

pub(crate) use certificate_error::CertificateSettings;
#[cfg(feature = "__aws")]
pub(crate) use certificate_error::certificate_problem;
#[cfg(feature = "__aws")]
pub(crate) use general_trust::{bundle, general_trust};
pub(crate) use no_proxy::NoProxy;
#[cfg(feature = "__aws")]
pub(crate) use proxy_error::proxy_problem;

#[cfg(feature = "vault")]
pub(crate) use self::{
    address::{Address, AddressError},
    body::{Fields, wiped},
    certificate_error::CertificateProblem,
    certificates::is_pem_of_certificates,
    client::ServerConfig,
    failure::{Failure, ProxyFailure, Target},
    http::{HttpClient, Request, Response, StatusAction},
    redirect::RefusedRedirect,
};
