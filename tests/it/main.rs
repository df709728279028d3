//! The library from outside, against real servers.
#![allow(clippy::unwrap_used)]

mod vault; // Vault's key-value secrets, its logins and the life of a token, on OpenBao
