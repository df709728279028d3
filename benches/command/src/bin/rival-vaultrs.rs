//! Prints one key of a KV version 2 secret that it reads with vaultrs.
//!
//! `rival-vaultrs MOUNT PATH KEY`, with `VAULT_ADDR` and `VAULT_TOKEN`.
#![allow(clippy::print_stdout, reason = "it prints the secret")]

use std::{collections::HashMap, env, error::Error};

use vaultrs::{
    client::{VaultClient, VaultClientSettingsBuilder},
    kv2,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [mount, path, key] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: rival-vaultrs MOUNT PATH KEY")?;
    let mut settings = VaultClientSettingsBuilder::default();
    settings.address(env::var("VAULT_ADDR")?).token(env::var("VAULT_TOKEN")?);
    let client = VaultClient::new(settings.build()?)?;
    let values: HashMap<String, String> = kv2::read(&client, &mount, &path).await?;
    println!("{}", values.get(&key).ok_or("the secret has no such key")?);
    Ok(())
}
