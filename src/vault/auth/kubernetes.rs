//! [Kubernetes](https://developer.hashicorp.com/vault/docs/auth/kubernetes): the service account of a pod.

use async_trait::async_trait;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// Where a pod finds its service account's token.
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// A login by the token of a service account, which is read again at each login: the kubelet renews it.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    mount: String,
    role: String,
    jwt: SecretSource,
}

impl Kubernetes {
    /// A role for the pod's own service account.
    pub fn new(role: impl Into<String>) -> Self {
        Self { mount: "kubernetes".to_owned(), role: role.into(), jwt: SecretSource::file(TOKEN_FILE) }
    }

    /// The same at another mount, which may hold slashes: `kubernetes/cluster-1`. Default: `kubernetes`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// The same with another token, such as a projected one with an audience of its own.
    #[must_use]
    pub fn with_jwt(self, jwt: SecretSource) -> Self {
        Self { jwt, ..self }
    }
}

#[async_trait]
impl Login for Kubernetes {
    fn method(&self) -> &'static str {
        "kubernetes"
    }

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, jwt } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", Some(role));
        jwt.bind_place(binding);
    }

    async fn login(&self, link: &Link<'_>) -> Result<Grant> {
        let jwt = self.jwt.read("service account's token")?;
        let fields = Fields::default().text("role", &self.role).text("jwt", &jwt);
        link.login(&self.mount, "login", fields.finish()).await
    }
}
