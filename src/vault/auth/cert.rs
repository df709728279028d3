//! [TLS certificates](https://developer.hashicorp.com/vault/docs/auth/cert): the client's own, given in the TLS settings.

use async_trait::async_trait;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, token::Grant},
};

/// A login by the client certificate of the [TLS settings](crate::vault::TlsConfig).
#[derive(Clone, Debug)]
pub struct Cert {
    mount: String,
    name: Option<String>,
}

impl Cert {
    /// Any role that the certificate fits.
    pub fn new() -> Self {
        Self { mount: "cert".to_owned(), name: None }
    }

    /// The same for one role.
    #[must_use]
    pub fn with_role(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same at another mount. Default: `cert`.
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

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        // The certificate is bound with the TLS settings.
        let Self { mount, name } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", name.as_ref());
    }

    async fn login(&self, link: &Link<'_>) -> Result<Grant> {
        let fields = Fields::default().optional("name", self.name.as_deref());
        link.login(&self.mount, "login", fields.finish()).await
    }
}
