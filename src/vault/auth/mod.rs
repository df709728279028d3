//! Logging in: one file for each method, each an implementation of [`Login`].

mod approle;
#[cfg(feature = "__aws")]
mod aws_ec2;
#[cfg(feature = "__aws")]
mod aws_iam;
mod cert;
mod jwt;
mod kubernetes;
mod login_client;
mod token;
mod userpass;
mod wrapping;

use std::fmt;

use async_trait::async_trait;

pub use approle::AppRole;
#[cfg(feature = "__aws")]
pub use aws_ec2::AwsEc2;
#[cfg(feature = "__aws")]
pub use aws_iam::AwsIam;
pub use cert::Cert;
pub use jwt::Jwt;
pub use kubernetes::Kubernetes;
pub use userpass::UserPass;

pub(super) use login_client::Link;

use super::{source::SecretSource, token::Grant};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::error::Result;

/// How a connection logs in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// A token that somebody else got. A file is read again when it changes.
    Token(SecretSource),
    /// AppRole.
    AppRole(AppRole),
    /// A user's name and password.
    UserPass(UserPass),
    /// The service account of a pod.
    Kubernetes(Kubernetes),
    /// A JWT, such as a CI job's own.
    Jwt(Jwt),
    /// The TLS certificate of the client.
    Cert(Cert),
    /// AWS credentials, by a signed request that Vault sends on.
    #[cfg(feature = "__aws")]
    AwsIam(AwsIam),
    /// The identity of an EC2 instance.
    #[cfg(feature = "__aws")]
    AwsEc2(AwsEc2),
}

/// One way to a token.
#[async_trait]
pub(super) trait Login: fmt::Debug + Send + Sync {
    /// Its name, as in the settings.
    fn method(&self) -> &'static str;

    /// Binds records on disk to whom this login is for, each setting by what it decides.
    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>);

    /// Gets a token. Made one at a time; what it proves itself with is read anew at each.
    async fn login(&self, link: &Link<'_>) -> Result<Grant>;

    /// Whether another login gets another token, which is then ours to replace and to revoke.
    fn makes_tokens(&self) -> bool {
        true
    }

    /// Whether what the last login gave is out of date.
    fn changed(&self) -> bool {
        false
    }
}

impl Auth {
    pub(super) fn into_login(self) -> Box<dyn Login> {
        match self {
            Self::Token(source) => Box::new(token::StaticToken::new(source)),
            Self::AppRole(login) => Box::new(login),
            Self::UserPass(login) => Box::new(login),
            Self::Kubernetes(login) => Box::new(login),
            Self::Jwt(login) => Box::new(login),
            Self::Cert(login) => Box::new(login),
            #[cfg(feature = "__aws")]
            Self::AwsIam(login) => Box::new(login),
            #[cfg(feature = "__aws")]
            Self::AwsEc2(login) => Box::new(login),
        }
    }
}
