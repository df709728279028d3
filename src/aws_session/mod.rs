//! Sessions with AWS: region, endpoints, certificates, credentials and calls, and what their errors say.
//!
//! The AWS providers make their calls by it. Vault's login by AWS IAM gets its credentials from it, so
//! that both find the same ones, and fail in the same words.

pub(crate) mod arn;
mod clients;
mod clock_skew;
pub(crate) mod config;
mod credentials_cache;
mod credentials_error;
pub(crate) mod error;
mod failed_call;
mod http;
mod identity;
pub(crate) mod resolve;
pub(crate) mod retries;
pub(crate) mod session;
mod shared_profile;
mod source;
mod trust;
