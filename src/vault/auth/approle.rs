//! [AppRole](https://developer.hashicorp.com/vault/docs/auth/approle): an id for the role, and a secret one.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// A login by AppRole.
#[derive(Clone, Debug)]
pub struct AppRole {
    mount: String,
    role_id: String,
    secret_id: Option<SecretSource>,
    /// What was unwrapped, if the secret id came wrapped. Kept for later logins: it can't be unwrapped again.
    wrapped: Option<Unwrapped>,
    /// Where the wrapping token must have been made, if not by this login's mount.
    creation_path: Option<String>,
}

#[derive(Clone, Default)]
struct Unwrapped(Arc<Mutex<Option<Kept>>>);

/// A secret id, and the wrapping token that it came in: another token in the file is another secret id.
struct Kept {
    wrapper: Zeroizing<String>,
    secret_id: Zeroizing<String>,
}

impl AppRole {
    /// A role and its secret id.
    pub fn new(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self { secret_id: Some(secret_id), ..Self::without_secret_id(role_id) }
    }

    /// A role that is bound otherwise, as by address, and has no secret id.
    pub fn without_secret_id(role_id: impl Into<String>) -> Self {
        Self {
            mount: "approle".to_owned(),
            role_id: role_id.into(),
            secret_id: None,
            wrapped: None,
            creation_path: None,
        }
    }

    /// A role whose secret id comes response-wrapped: the source holds the wrapping token. It is unwrapped once, at the
    /// first login.
    ///
    /// A wrapping token that is not valid is reported as possible theft. So is one that was not made by
    /// `auth/MOUNT/role/*/secret-id`, which [`with_creation_path`](Self::with_creation_path) changes: a thief who
    /// unwraps the secret id and wraps it again makes the new token at `sys/wrapping/wrap`.
    pub fn wrapped(role_id: impl Into<String>, wrapping_token: SecretSource) -> Self {
        Self { wrapped: Some(Unwrapped::default()), ..Self::new(role_id, wrapping_token) }
    }

    /// The same at another mount. Default: `approle`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// Sets the path that a wrapping token must have been made at, as the server records it: without a namespace, and
    /// with `*` for one segment. Default: `auth/MOUNT/role/*/secret-id`. It applies to [`wrapped`](Self::wrapped) alone.
    #[must_use]
    pub fn with_creation_path(self, path: impl Into<String>) -> Self {
        Self { creation_path: Some(path.into()), ..self }
    }

    fn creation_path(&self) -> String {
        let by_mount = || format!("auth/{}/role/*/secret-id", self.mount.trim_matches('/'));
        self.creation_path.clone().unwrap_or_else(by_mount)
    }

    async fn secret_id(&self, link: &Link<'_>) -> Result<Option<Zeroizing<String>>> {
        let Some(source) = &self.secret_id else {
            return Ok(None);
        };
        let Some(Unwrapped(kept)) = &self.wrapped else {
            return source.read("secret id").map(Some);
        };
        let mut kept = kept.lock().await;
        let wrapper = match (source.read("wrapping token"), &*kept) {
            (Ok(wrapper), Some(known)) if *known.wrapper == *wrapper => return Ok(Some(known.secret_id.clone())),
            (Ok(wrapper), _) => wrapper,
            // Whoever delivers a wrapping token may well take its file away once it was used.
            (Err(_), Some(known)) => return Ok(Some(known.secret_id.clone())),
            (Err(error), None) => return Err(error),
        };
        let secret_id = link.unwrap(wrapper.clone(), &self.creation_path(), "secret_id").await?;
        *kept = Some(Kept { wrapper, secret_id: secret_id.clone() });
        Ok(Some(secret_id))
    }
}

#[async_trait]
impl Login for AppRole {
    fn method(&self) -> &'static str {
        "approle"
    }

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role_id, secret_id, wrapped, creation_path } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role_id", Some(role_id));
        binding.value("auth.wrapped", wrapped.is_some().then_some("wrapped"));
        binding.value("auth.creation_path", creation_path.as_ref());
        if let Some(secret_id) = secret_id {
            secret_id.bind_place(binding);
        }
    }

    async fn login(&self, link: &Link<'_>) -> Result<Grant> {
        let secret_id = self.secret_id(link).await?;
        let fields = Fields::default()
            .text("role_id", &self.role_id)
            .optional("secret_id", secret_id.as_ref().map(|secret_id| secret_id.as_str()));
        link.login(&self.mount, "login", fields.finish()).await
    }
}

impl std::fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unwrapped")
    }
}
