//! HTTP transport: one client per server, with retries, redirects, TLS, proxies and bounded replies.
//!
//! Vault sends its requests through it. It knows nothing of the API above: which statuses are worth
//! another attempt, and what an error says, is the caller's part.

mod address;
mod body;
mod client;
mod http;
mod proxy;
mod redirect;
mod retry_after;
mod tls;

pub use proxy::ProxyUrl;
pub use tls::TlsConfig;

pub(crate) use address::{Address, AddressError};
pub(crate) use body::{Fields, wiped};
pub(crate) use client::ServerConfig;
pub(crate) use http::{Failure, HttpClient, Request, Response, StatusAction};
