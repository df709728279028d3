//! The token of a connection: obtained once for all callers, renewed or replaced before it expires.
//!
//! - `login_gate` admits one login at a time.
//! - `manager` hands the token to callers, logs in, and tells a dead token from a denied call.
//! - `state_machine` decides: what is held, what comes next, who shares which failure.
//! - `renewal_schedule` computes when a token expires, and when it is renewed or replaced.
//! - `renewal_task` is the background task that carries the decisions out.
//! - `revocation` revokes the token, and shuts the connection down.
//! - `lifetime` is what the server says of a token's TTL; `live_token` counts its uses.
//! - `api` holds the server calls about a token; `grant` is what a login returns.

mod api;
mod grant;
mod lifetime;
mod live_token;
mod login_gate;
mod manager;
mod renewal_schedule;
mod renewal_task;
mod revocation;
mod state_machine;

pub use grant::{Grant, Token};

pub(super) use api::renewal_request;
pub(crate) use lifetime::Lifetime;
pub(super) use lifetime::expires;
pub(crate) use live_token::LiveToken;
pub(super) use manager::{Refusal, Snapshot, TokenManager};
pub(crate) use renewal_schedule::{TokenAction, Validity};
