//! [userpass](https://developer.hashicorp.com/vault/docs/auth/userpass) login: by user name and
//! password.

use async_trait::async_trait;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// Logs in by user name and password.
#[derive(Clone, Debug)]
pub struct UserPass {
    mount: String,
    username: String,
    password: SecretSource,
}

impl UserPass {
    /// A user by name and password.
    pub fn new(username: impl Into<String>, password: SecretSource) -> Self {
        Self { mount: "userpass".to_owned(), username: username.into(), password }
    }

    /// Sets the mount of the login method; a mount of `ldap` has the same login. Default:
    /// `userpass`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }
}

#[async_trait]
impl Login for UserPass {
    fn method(&self) -> &'static str {
        "userpass"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let password = client.credential("password", &self.password).await?;
        let fields = Fields::default().text("password", &password);
        client.login_at(&self.mount, &format!("login/{}", self.username), fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl UserPass {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, username, password } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.username", Some(username));
        password.bind_place(binding);
    }
}
