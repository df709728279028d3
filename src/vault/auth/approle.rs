//! [AppRole](https://developer.hashicorp.com/vault/docs/auth/approle) login: a role ID and a secret
//! ID.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    secret::Json,
    vault::{
        Fields,
        response::malformed_response,
        source::SecretSource,
        token::{Grant, Token},
    },
};

/// Logs in by AppRole.
#[derive(Clone, Debug)]
pub struct AppRole {
    mount: String,
    role_id: String,
    secret_id: Option<SecretSource>,
    /// The secret ID that was unwrapped, for later logins: a token can be unwrapped only once.
    wrapped: Option<Unwrapped>,
    /// The path that must have made the wrapping token. `None`: that of this login's mount.
    creation_path: Option<String>,
}

#[derive(Clone, Default)]
struct Unwrapped(Arc<Mutex<Option<UnwrappedSecretId>>>);

/// A secret ID, and the wrapping token that it came in. Another token holds another secret ID.
struct UnwrappedSecretId {
    wrapping_token: Zeroizing<String>,
    secret_id: Zeroizing<String>,
}

impl AppRole {
    /// A role by its ID and its secret ID.
    pub fn new(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self { secret_id: Some(secret_id), ..Self::without_secret_id(role_id) }
    }

    /// A role without a secret ID, which is bound otherwise, as by IP address.
    pub fn without_secret_id(role_id: impl Into<String>) -> Self {
        Self {
            mount: "approle".to_owned(),
            role_id: role_id.into(),
            secret_id: None,
            wrapped: None,
            creation_path: None,
        }
    }

    /// A role whose secret ID is response-wrapped: the source holds the wrapping token, which is
    /// unwrapped once, at the first login.
    ///
    /// An invalid wrapping token is reported as possible theft. So is one that was not made by
    /// `auth/MOUNT/role/*/secret-id`: a thief who unwraps the secret ID and wraps it again makes
    /// the new token at `sys/wrapping/wrap`. [`with_creation_path`](Self::with_creation_path) sets
    /// another path.
    pub fn wrapped(role_id: impl Into<String>, wrapping_token: SecretSource) -> Self {
        Self { wrapped: Some(Unwrapped::default()), ..Self::new(role_id, wrapping_token) }
    }

    /// Sets the mount of the login method. Default: `approle`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// Sets the path that a wrapping token must have been made at, as the server records it:
    /// without a namespace, and with `*` for one segment. Default: `auth/MOUNT/role/*/secret-id`.
    /// It applies to [`wrapped`](Self::wrapped) alone.
    #[must_use]
    pub fn with_creation_path(self, path: impl Into<String>) -> Self {
        Self { creation_path: Some(path.into()), ..self }
    }

    fn creation_path(&self) -> String {
        let by_mount = || format!("auth/{}/role/*/secret-id", self.mount.trim_matches('/'));
        self.creation_path.clone().unwrap_or_else(by_mount)
    }

    async fn secret_id(&self, client: &LoginClient<'_>) -> Result<Option<Zeroizing<String>>> {
        let Some(source) = &self.secret_id else {
            return Ok(None);
        };
        let Some(Unwrapped(unwrapped)) = &self.wrapped else {
            return client.credential("secret id", source).await.map(Some);
        };
        let mut unwrapped = unwrapped.lock().await;
        let token = match (client.credential("wrapping token", source).await, &*unwrapped) {
            (Ok(token), Some(known)) if *known.wrapping_token == *token => return Ok(Some(known.secret_id.clone())),
            (Ok(token), _) => token,
            // The program that delivers wrapping tokens may remove the file after the first login.
            (Err(_), Some(known)) => return Ok(Some(known.secret_id.clone())),
            (Err(error), None) => return Err(error),
        };
        let response = client.unwrap_from(Token::new(token.as_str()), &self.creation_path()).await?;
        let secret_id = response.data()?.get("secret_id").and_then(Json::as_str).ok_or_else(malformed_response)?;
        let secret_id = Zeroizing::new(secret_id.to_owned());
        *unwrapped = Some(UnwrappedSecretId { wrapping_token: token, secret_id: secret_id.clone() });
        Ok(Some(secret_id))
    }
}

#[async_trait]
impl Login for AppRole {
    fn method(&self) -> &'static str {
        "approle"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let secret_id = self.secret_id(client).await?;
        let fields = Fields::default()
            .text("role_id", &self.role_id)
            .optional("secret_id", secret_id.as_ref().map(|secret_id| secret_id.as_str()));
        client.login_at(&self.mount, "login", fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl AppRole {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role_id, secret_id, wrapped, creation_path } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role_id", Some(role_id));
        binding.value("auth.wrapped", wrapped.is_some().then_some("wrapped"));
        binding.value("auth.creation_path", creation_path.as_ref());
        if let Some(secret_id) = secret_id {
            secret_id.bind_place(binding);
        }
    }
}

impl std::fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unwrapped")
    }
}
