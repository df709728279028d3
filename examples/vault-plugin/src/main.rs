//! A provider, a login method and a lease renewal for Vault or OpenBao, on the public API alone.
//!
//! Run it with `cargo run -- ADDRESS USER MOUNT`: it logs in by LDAP or userpass at `auth/MOUNT`,
//! with the password from `VAULT_PLUGIN_PASSWORD`, stores a note and reads it back through a
//! client, and takes, renews and revokes a lease of `leased/creds/app`.

use std::{collections::BTreeMap, env};

use async_trait::async_trait;
use s1crets::{
    Capabilities, Client, Error, ErrorKind, GetOptions, ListOptions, Listing, Provider, Result, Secret, SecretValue,
    UpdateOptions, Updated,
    vault::{Auth, Grant, Login, LoginClient, SecretSource, Vault, VaultConfig},
};
use serde_json::json;

/// A login by user name and password at any mount.
#[derive(Debug)]
struct PasswordLogin {
    mount: String,
    username: String,
    password: SecretSource,
}

#[async_trait]
impl Login for PasswordLogin {
    fn method(&self) -> &'static str {
        "password"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let password = client.read_source("password", &self.password).await?;
        // Borrowed, so that no copy of the password is left behind.
        let body = BTreeMap::from([("password", password.expose_str()?)]);
        client.login(&format!("auth/{}/login/{}", self.mount, self.username), &body).await
    }
}

/// Reads and writes the private storage of the connection's token.
#[derive(Debug)]
struct Cubbyhole(Vault);

#[async_trait]
impl Provider for Cubbyhole {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get(&self, path: &str, _: &GetOptions) -> Result<Secret> {
        self.0.read(&format!("cubbyhole/{path}")).await?.secret()
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut secrets = Vec::with_capacity(paths.len());
        for path in paths {
            secrets.push(self.get(path, options).await);
        }
        secrets
    }

    async fn get_by_path(&self, _: &str, _: &ListOptions) -> Result<Listing> {
        Err(Error::new(ErrorKind::Unsupported, "a cubbyhole is read by name"))
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        match self.get(path, &GetOptions::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn update(&self, _: &str, _: &SecretValue, _: &UpdateOptions) -> Result<Updated> {
        Err(Error::new(ErrorKind::Unsupported, "a cubbyhole is read only"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let [address, username, mount] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "give ADDRESS USER MOUNT")?;
    let login = PasswordLogin { mount, username, password: SecretSource::env("VAULT_PLUGIN_PASSWORD") };
    let vault = Vault::new(VaultConfig::new(address).with_auth(Auth::custom(login)))?;

    vault.write("cubbyhole/note", &json!({ "text": "kept by the token" })).await?;
    let client = Client::builder().with_provider("cubbyhole", Cubbyhole(vault.clone())).build()?;
    println!("note: {}", client.get("cubbyhole", "note").key("text").await?.expose_str()?);

    // Each read issues a lease, so a read whose response was lost must not be repeated.
    let leased = vault.read("leased/creds/app").idempotent(false).await?;
    let lease_id = leased.lease_id().ok_or("leased/creds/app has no lease")?;
    let increment = leased.lease_duration().ok_or("the lease has no duration")?.as_secs();
    let renewed = vault
        .write("sys/leases/renew", &json!({ "lease_id": lease_id, "increment": increment }))
        .idempotent(true)
        .await?;
    println!("renewed: {:?}", renewed.lease_duration().ok_or("the lease was not renewed")?);
    vault.write("sys/leases/revoke", &json!({ "lease_id": lease_id, "sync": true })).idempotent(true).await?;
    println!("revoked");
    vault.revoke_self().await?;
    Ok(())
}
