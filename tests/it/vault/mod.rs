//! Vault's key-value secrets, its logins and the life of a token, on OpenBao.

pub(crate) mod api; // the typed API: each call and its errors, leases, custom logins
mod aws; // logins by AWS identities, against a server that checks the signature
mod canary; // no token, JWT, secret id or password is in any output
mod certificates; // certificates that are not accepted, and a server's own as its authority
mod check_and_set; // updates with `cas_required`, or without PATCH
mod cluster; // a cluster: an active node, a standby, and an uninitialized server
mod conformance; // the contract of `Provider`, on both versions, bare and behind the cache
mod connections; // tables of connections, shared by providers
mod foreign_replies; // responses of other engines: leases, logins, wrapped ones, plain maps
mod garbage; // malformed responses to every call and every login
mod known_messages; // each message of the server that has a kind or a hint of its own
mod kv; // policies, deleted versions, mounts, check-and-set, listings
mod kv_versions; // a version in the settings that the mount doesn't have
mod load; // fifty tasks, and tokens that expire meanwhile
mod logins; // each login: success and refusal
mod mistakes; // wrong addresses, namespaces, mounts, paths: told, and never "not found"
mod outage; // seal, unseal, kill and restart under load, and cold reads while it is down
mod precedence; // which of config file and environment wins, for each setting
mod proxied; // through an agent or proxy that adds its own token
mod proxies; // a dead proxy is blamed, and not the server behind it
mod reach; // a path reaches only KV secrets, however it is encoded
mod redirects; // a gateway's redirects are told and not followed with a token
mod sigv4; // whether AWS would accept a signature
mod sources; // where a login reads its credential from
mod token_hazards; // callers that go away, shutdowns, gateways that hide answers, limited uses
mod upkeep; // remaining life of a static token, renewals that fail, runtimes that end
mod variables; // empty, padded and malformed VAULT_ and BAO_ variables
mod vaultrs; // the client of the crate vaultrs: our settings, no environment
mod wire; // statuses, retries, redirects, timeouts, Unix sockets, TLS, proxies, namespaces
mod wrapping; // wrapped secret ids, and what is reported as possible theft

use std::{num::NonZeroU32, time::Duration};

use s1crets::{
    Error, GetOptions, Provider, Result, Secret,
    providers::vault_kv::VaultKv,
    vault::{Auth, Vault, VaultConfig},
};
use s1crets_testbed::{OpenBao, unique};
use serde_json::{Value, json};

/// A connection as root.
fn root(bao: &OpenBao) -> Vault {
    open(VaultConfig::new(bao.address()).with_token(bao.root_token()))
}

fn open(config: VaultConfig) -> Vault {
    Vault::new(config.with_timeout(Duration::from_secs(5))).expect("settings")
}

fn kv(config: VaultConfig) -> VaultKv {
    VaultKv::new(open(config))
}

fn with_auth(bao: &OpenBao, auth: Auth) -> VaultKv {
    kv(VaultConfig::new(bao.address()).with_auth(auth))
}

/// Creates a secret for this test, and returns its path.
fn plant(bao: &OpenBao, data: &Value) -> String {
    let name = unique("it/");
    bao.must("POST", &format!("secret/data/{name}"), &json!({ "data": data }));
    format!("secret/{name}")
}

/// Creates a policy that allows reads below `secret/`, and returns its name.
fn reader(bao: &OpenBao) -> String {
    let name = unique("reader-");
    bao.policy(&name, r#"path "secret/data/*" { capabilities = ["read"] }"#);
    name
}

async fn read(kv: &VaultKv, path: &str) -> Result<Secret> {
    kv.get(path, &GetOptions::default()).await
}

fn once() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// The error with all its causes.
fn told(error: &Error) -> String {
    format!("{error} {error:?} {:?}", error.hint())
}
