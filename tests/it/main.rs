//! The library from outside, against real servers: one binary, so that all tests share one moto.
//!
//! A test is named after what could go wrong. It uses names of its own, counts requests at a proxy of its own, and waits
//! for conditions, never for a fixed time.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "the load tests print their figures")]

mod aws_certificates; // AWS_CA_BUNDLE and its rivals; certificates that are not accepted; dead proxies
mod aws_endpoints; // the endpoints of AWS services, compared with boto3's
mod aws_failures; // why there are no AWS credentials: message and hint of each situation
mod aws_precedence; // which of option, file, environment and profile wins, for each AWS setting
mod aws_regions; // ARNs of other regions, and where AWS looked for what is not found
mod aws_versions; // several versions of one name at once, and the items of a StringList
mod blocking; // the blocking API: from plain threads, inside every kind of runtime, and after a fork
mod boto3; // whose AWS identity is used, compared with boto3
mod cache; // what the cache keeps, for how long, and what an update invalidates
mod cache_aws; // the cache in front of AWS: one secret under several names, variants, outages, runtimes
mod canary; // marked secrets go everywhere; no log line, error or `Debug` may hold one
mod client; // the client: names, requests and their options, settings, references, error messages
mod config; // s1crets.toml: its schema, its examples, the origins of settings
mod conformance; // the contract of `Provider`, for every provider, bare and behind the cache
mod counts; // how many requests AWS gets for many reads
#[cfg(unix)]
mod credential_process; // programs of AWS profiles: their output, and that they are killed
mod disk; // the disk cache: one secret under several names, and encryption
mod docs; // the pages name tests, variables and headings that exist
mod environment; // precedence of region, credentials and endpoints: config, environment, profile, metadata
mod examples; // the programs in examples/ do what they say
mod expiry; // expired AWS credentials, and those about to expire: renewed once for all callers
mod many; // get_refs: how many requests many references need, and the result of each
mod no_proxy; // NO_PROXY means the same for AWS and for Vault
mod parameter_store; // reads of Parameter Store: kinds of values, versions, batches, listings, path_exists
mod parameter_update; // updates of Parameter Store: attributes that are kept, conditions, lost races
mod references; // `/aws/reference/secretsmanager/…`, Parameter Store's way to Secrets Manager
mod retry; // retry policy: which failures are retried, how often, with which timeout, and what the error says
mod roles; // assumed roles: single ones, chains of them, and an STS that fails
mod secrets_listing; // listings of Secrets Manager, by the batch call and without it
mod secrets_manager; // reads of Secrets Manager: names, versions, bytes, path_exists, deleted secrets
mod secrets_update; // updates of Secrets Manager: text and bytes, stages, compare-and-swap, lost races
mod single_flight; // one load per key: readers that join, are cancelled or panic, and updates meanwhile
mod values; // values and keypaths, the same on both AWS stores
mod vault; // Vault's key-value secrets, its logins and the life of a token, on OpenBao

mod gated; // a provider outside the library, whose calls wait until the test releases them
mod on_file; // the provider `file` on files that a test writes
mod subprocess; // calls in a separate process, for tests that depend on the environment
mod support; // providers on moto through a fault proxy, and small assertions
