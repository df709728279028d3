//! The token of a connection: obtained once for all callers, renewed or replaced before it expires.
//!
//! - `manager` hands the token to callers, logs in, and tells a dead token from a denied call.
//! - `state_machine` decides: what is held, what comes next, who shares which failure.
//! - `renewal` is the background task that carries the decisions out.
//! - `lifetime` computes when a token expires and when it is due; `live_token` counts its uses.
//! - `api` holds the server calls about a token; `grant` is what a login returns.

mod api;
mod grant;
mod lifetime;
mod live_token;
mod manager;
mod renewal;
mod state_machine;

pub use grant::{Grant, Token};

pub(super) use api::{renewal_request, revoke};
pub(crate) use lifetime::{Lifetime, TokenAction, Validity};
pub(crate) use live_token::LiveToken;
pub(super) use manager::{Refusal, Snapshot, TokenManager};
