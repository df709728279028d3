//! [userpass](https://developer.hashicorp.com/vault/docs/auth/userpass): a user's name and password.

use async_trait::async_trait;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// A login by name and password.
#[derive(Clone, Debug)]
pub struct UserPass {
    mount: String,
    username: String,
    password: SecretSource,
}

impl UserPass {
    /// A user.
    pub fn new(username: impl Into<String>, password: SecretSource) -> Self {
        Self { mount: "userpass".to_owned(), username: username.into(), password }
    }

    /// The same at another mount, as of `ldap`, which has the same login. Default: `userpass`.
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

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, username, password } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.username", Some(username));
        password.bind_place(binding);
    }

    async fn login(&self, link: &Link<'_>) -> Result<Grant> {
        let password = self.password.read("password")?;
        let fields = Fields::default().text("password", &password);
        link.login(&self.mount, &format!("login/{}", self.username), fields.finish()).await
    }
}
