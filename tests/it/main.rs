//! The library from outside, against real servers.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "the load tests tell their figures")]

mod vault; // Vault's key-value secrets, its logins and the life of a token, on OpenBao
