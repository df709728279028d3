//! A client of the crate vaultrs that uses this connection's address, TLS settings and token.
//!
//! vaultrs reads the environment for each setting that its builder is not given. So no builder is
//! used here: the client is put together from its parts, over the connection's own HTTP client.

use rustify::clients::reqwest::Client as HttpClient;
use vaultrs::{
    api::EndpointMiddleware,
    client::{VaultClient, VaultClientSettings},
};

use super::connection::Vault;
use crate::error::{Error, Result};

impl Vault {
    /// A client of the crate [`vaultrs`](https://docs.rs/vaultrs) for engines that have no typed
    /// calls here, such as PKI, SSH and identity.
    ///
    /// It has the connection's address, TLS settings, proxy, namespace and timeout, and the token
    /// of this moment. It reads no environment variable. Make one for each use: it keeps its token,
    /// which the connection may replace at any time. Of a token with limited uses this takes one,
    /// and each call of the client takes another.
    ///
    /// - **Its `Debug` and that of its settings print the token.** Never log them.
    /// - **The `Debug` of its errors prints whole responses,** secrets included, if one does not have
    ///   the shape that was asked for. `unwrap` and `expect` print it, too. Log their `Display`.
    /// - It makes one attempt, follows no redirect of a standby, and wipes nothing.
    /// - It turns on the feature `log` of `tracing`: without a subscriber, events go to the `log` crate.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an address with a path, which vaultrs
    /// can't represent, and those of [`token`](Self::token).
    pub async fn vaultrs(&self) -> Result<VaultClient> {
        let (http, address) = self.http().reqwest()?;
        if address.path() != "/" {
            return Err(Error::unsupported("vaultrs can't reach a Vault whose address has a path")
                .with_hint("use `Vault::read` and `Vault::write`"));
        }
        let token = self.token().await?.expose().to_owned();
        let namespace = self.namespace().map(str::to_owned);
        let middle = EndpointMiddleware {
            token: token.clone(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: namespace.clone(),
        };
        let http = HttpClient::new(address.as_str(), http);
        // The HTTP client above is made already. These settings are what the caller can look up.
        let settings = VaultClientSettings {
            address,
            ca_certs: Vec::new(),
            identity: None,
            timeout: None,
            token,
            verify: !self.http().skips_verification(),
            version: 1,
            wrapping: false,
            namespace,
            proxy: None,
        };
        Ok(VaultClient { http, middle, settings })
    }
}
