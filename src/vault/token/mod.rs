//! The token of a connection: obtained once for all callers, renewed or replaced before it expires.

mod api;
mod lifetime;
mod manager;
mod renewal;
mod state;

pub(super) use api::revoke;
pub(crate) use lifetime::{Grant, Lifetime, Token, TokenAction, Validity};
pub(super) use manager::{Refusal, Snapshot, TokenManager};
