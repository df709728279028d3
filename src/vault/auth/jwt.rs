//! [JWT](https://developer.hashicorp.com/vault/docs/auth/jwt): a token that somebody whom Vault trusts has signed.

use async_trait::async_trait;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// A login by a JWT, which is read again at each login.
///
/// A CI job's own is where the job's system puts it: a variable of the job, as with GitLab's `id_tokens`, or a file.
#[derive(Clone, Debug)]
pub struct Jwt {
    mount: String,
    role: Option<String>,
    jwt: SecretSource,
}

impl Jwt {
    /// The mount's default role.
    pub fn new(jwt: SecretSource) -> Self {
        Self { mount: "jwt".to_owned(), role: None, jwt }
    }

    /// The same for a role.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        Self { role: Some(role.into()), ..self }
    }

    /// The same at another mount. Default: `jwt`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }
}

#[async_trait]
impl Login for Jwt {
    fn method(&self) -> &'static str {
        "jwt"
    }

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, jwt } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", role.as_ref());
        jwt.bind_place(binding);
    }

    async fn login(&self, link: &Link<'_>) -> Result<Grant> {
        let jwt = self.jwt.read("JWT")?;
        let fields = Fields::default().optional("role", self.role.as_deref()).text("jwt", &jwt);
        link.login(&self.mount, "login", fields.finish()).await
    }
}
