//! [JWT](https://developer.hashicorp.com/vault/docs/auth/jwt) login: a token signed by an issuer
//! that Vault trusts.

use async_trait::async_trait;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// Logs in by a JWT, which is read again at each login.
///
/// A CI system puts the job's JWT into a variable, as GitLab's `id_tokens`, or into a file. Where
/// it has to be asked for, as in GitHub Actions, use [`SecretSource::fetched`].
#[derive(Clone, Debug)]
pub struct Jwt {
    mount: String,
    role: Option<String>,
    jwt: SecretSource,
}

impl Jwt {
    /// A login for the mount's default role.
    pub fn new(jwt: SecretSource) -> Self {
        Self { mount: "jwt".to_owned(), role: None, jwt }
    }

    /// Sets the role. Default: the mount's default role.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        Self { role: Some(role.into()), ..self }
    }

    /// Sets the mount of the login method. Default: `jwt`.
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

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let jwt = client.credential("JWT", &self.jwt).await?;
        let fields = Fields::default().optional("role", self.role.as_deref()).text("jwt", &jwt);
        client.login_at(&self.mount, "login", fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl Jwt {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, jwt } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", role.as_ref());
        jwt.bind_place(binding);
    }
}
