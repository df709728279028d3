//! The library from outside, against real servers: one binary, so that all tests share one moto.
//!
//! A test is named after what could go wrong. It uses names of its own, counts calls at a proxy of its own, and waits
//! for conditions, never for a while.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "the load tests tell their figures")]

mod aws_precedence; // which of option, file, environment and profile decides, for each AWS setting
mod blocking; // the blocking API: from plain threads, inside every kind of runtime, and after a fork
mod cache; // what the cache keeps, for how long, and what an update makes it forget
mod cache_aws; // the cache in front of AWS: one secret by several names, variants, outages, runtimes
mod canary; // marked secrets go everywhere; no log line, error or `Debug` may hold one
mod client; // the client: names, requests and their options, settings, references, error messages
mod config; // s1crets.toml: its schema, its examples, who said what
mod conformance; // the contract of `Provider`, held by every provider, bare and behind the cache
mod counts; // how many calls AWS gets: what a bill and a rate limit notice
#[cfg(unix)]
mod credential_process; // programs of AWS profiles: what they print, and that they end
mod disk; // the cache on disk: one secret by several names, nothing of it in clear
mod docs; // what the pages say of the tests
mod effort; // attempts and timeouts: what is tried again, how often, and what is told at the end
mod environment; // precedence of region, credentials and endpoints: config, environment, profile, metadata
mod examples; // the programs in examples/ do what they say
mod expiry; // credentials past their time, or nearly: renewed once, for all who call
mod many; // get_refs: how few calls many references take, and the answer of each
mod parameter_store; // reading Parameter Store: kinds of values, versions, listings, what exists
mod parameter_update; // writing to Parameter Store: what stays, what is never touched, who wins
mod references; // `/aws/reference/secretsmanager/…`, Parameter Store's way to Secrets Manager
mod roles; // who the calls are made as: roles, chains of them, and an STS in trouble
mod secrets_listing; // what lies below a path of Secrets Manager, by the batch call and without it
mod secrets_manager; // reading Secrets Manager: names and versions, bytes, what exists, what is deleted
mod secrets_update; // writing to Secrets Manager: the form of the value, the stages, who wins
mod single_flight; // one load a key: whoever asks, goes away, panics or changes the secret meanwhile
mod values; // what a value is and how keypaths read it, on both AWS stores alike
mod vault; // Vault's key-value secrets, its logins and the life of a token, on OpenBao

mod gated; // a provider of another crate's making, whose calls wait for the test to let them go on
mod on_file; // the provider `file` on files that a test writes
mod subprocess; // calls made in a process of their own, for what depends on the environment
mod support; // providers on moto through a fault proxy, and little assertions
