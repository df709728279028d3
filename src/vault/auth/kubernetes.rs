//! [Kubernetes](https://developer.hashicorp.com/vault/docs/auth/kubernetes) login: by the service
//! account of a pod.

use async_trait::async_trait;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    vault::{Fields, source::SecretSource, token::Grant},
};

/// The file that the kubelet keeps the service account's token in.
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Logs in by the token of a service account, which is read again at each login: the kubelet
/// rotates it.
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

    /// Sets the mount of the login method, which may have slashes: `kubernetes/cluster-1`. Default:
    /// `kubernetes`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// Sets the source of the token, such as a projected one with its own audience. Default: the
    /// pod's service account.
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

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let jwt = client.credential("service account's token", &self.jwt).await?;
        let fields = Fields::default().text("role", &self.role).text("jwt", &jwt);
        client.login_at(&self.mount, "login", fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl Kubernetes {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, jwt } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", Some(role));
        jwt.bind_place(binding);
    }
}
