//! [TLS certificate](https://developer.hashicorp.com/vault/docs/auth/cert) login: by the client
//! certificate of the TLS settings.

use async_trait::async_trait;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, token::Grant},
};

/// Logs in by the client certificate of the [TLS settings](crate::vault::TlsConfig).
#[derive(Clone, Debug)]
pub struct Cert {
    mount: String,
    name: Option<String>,
}

impl Cert {
    /// A login for any role that the certificate fits.
    pub fn new() -> Self {
        Self { mount: "cert".to_owned(), name: None }
    }

    /// Sets the role. Default: any that the certificate fits.
    #[must_use]
    pub fn with_role(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the mount of the login method. Default: `cert`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }
}

impl Default for Cert {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Login for Cert {
    fn method(&self) -> &'static str {
        "cert"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let fields = Fields::default().optional("name", self.name.as_deref());
        client.login_at(&self.mount, "login", fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl Cert {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        // The certificate is bound with the TLS settings.
        let Self { mount, name } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", name.as_ref());
    }
}
