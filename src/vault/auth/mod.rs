//! Login methods: one file each, every one an implementation of [`Login`].
//!
//! The token manager calls [`Login::login`], one at a time. A method reads its credential again at
//! each login, as credentials rotate, and keeps no token of its own.

mod approle;
#[cfg(feature = "__aws")]
mod aws_ec2;
#[cfg(feature = "__aws")]
mod aws_iam;
mod cert;
mod jwt;
mod kubernetes;
mod login_client;
mod no_token;
mod static_token;
mod userpass;
mod wrapping;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use approle::AppRole;
#[cfg(feature = "__aws")]
pub use aws_ec2::AwsEc2;
#[cfg(feature = "__aws")]
pub use aws_iam::AwsIam;
pub use cert::Cert;
pub use jwt::Jwt;
pub use kubernetes::Kubernetes;
pub use login_client::LoginClient;
pub use userpass::UserPass;

pub(super) use wrapping::{check_creation_path, unwrap};

use super::{source::SecretSource, token::Grant};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::error::Result;

/// How a connection logs in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// A token that somebody else obtained. A file is read again when it changes.
    Token(SecretSource),
    /// AppRole.
    AppRole(AppRole),
    /// User name and password.
    UserPass(UserPass),
    /// The service account of a pod.
    Kubernetes(Kubernetes),
    /// A JWT, such as that of a CI job.
    Jwt(Jwt),
    /// The TLS certificate of the client.
    Cert(Cert),
    /// AWS credentials, by a signed request that Vault sends on.
    #[cfg(feature = "__aws")]
    AwsIam(AwsIam),
    /// The identity of an EC2 instance.
    #[cfg(feature = "__aws")]
    AwsEc2(AwsEc2),
    /// No token is sent, and none is renewed or revoked: an agent or proxy with auto-auth, such as
    /// `vault agent` or `bao proxy`, adds its own to each request. The disk cache is off for such a
    /// connection: nothing tells whose values it would hold.
    None,
    /// A method of your own: see [`Auth::custom`].
    Custom(Arc<dyn Login>),
}

/// A login method: obtains a token for a connection. Implement it for methods that are not built
/// in.
///
/// The connection calls [`login`](Self::login) at its first call, ahead of the token's end if the
/// server won't renew it, and when the server no longer knows the token. It never makes two
/// logins at once. It keeps the token, renews it, and shares the outcome with all waiting callers.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use async_trait::async_trait;
/// use s1crets::vault::{Auth, Grant, Login, LoginClient, SecretSource, VaultConfig};
///
/// /// [LDAP](https://openbao.org/docs/auth/ldap/) by a password from the environment.
/// #[derive(Debug)]
/// struct Ldap {
///     username: String,
///     password: SecretSource,
/// }
///
/// #[async_trait]
/// impl Login for Ldap {
///     fn method(&self) -> &'static str {
///         "ldap"
///     }
///
///     async fn login(&self, client: &LoginClient<'_>) -> s1crets::Result<Grant> {
///         let password = client.read_source("password", &self.password).await?;
///         let path = format!("auth/ldap/login/{}", self.username);
///         // Borrowed, so that no copy of the password is left behind.
///         client.login(&path, &BTreeMap::from([("password", password.expose_str()?)])).await
///     }
/// }
///
/// let login = Ldap { username: "app".into(), password: SecretSource::env("LDAP_PASSWORD") };
/// let config = VaultConfig::new("https://vault.internal:8200").with_auth(Auth::custom(login));
/// ```
#[async_trait]
pub trait Login: fmt::Debug + Send + Sync + 'static {
    /// The method's name, as [`VaultStatus`](crate::vault::VaultStatus) and log events show it.
    fn method(&self) -> &'static str;

    /// Obtains a token. Read the credential anew at each login, as it may have rotated.
    ///
    /// A login that takes longer than four calls with all their attempts is cut off.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the login is refused: it is then
    /// not repeated for a second. [`Unavailable`](crate::ErrorKind::Unavailable) or another
    /// transient kind if the next caller may try again at once. The message must not hold the
    /// credential.
    ///
    /// Callers see `NotFound`, `KeyNotFound`, `AccessDenied`, `InvalidInput` and `Conflict` as the
    /// source of an `Unauthenticated`, as these would say something about the secret they asked for.
    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant>;

    /// Whether each login obtains a new token, which the connection may replace and revoke.
    /// Default: `true`. `false` is for a token that others own, such as one in a file.
    fn issues_tokens(&self) -> bool {
        true
    }

    /// Whether the token of the last login is out of date, so that the next call logs in. Default:
    /// `false`. It is asked before each call, so it must return at once. It may look at the
    /// connection's [`status`](crate::vault::Vault::status).
    fn has_changed(&self) -> bool {
        false
    }
}

impl Auth {
    /// A login method of your own.
    ///
    /// The disk cache is off for such a connection: nothing tells whose values it would hold.
    pub fn custom(login: impl Login) -> Self {
        Self::Custom(Arc::new(login))
    }

    pub(super) fn into_login(self) -> Arc<dyn Login> {
        match self {
            Self::Token(source) => Arc::new(static_token::StaticToken::new(source)),
            Self::AppRole(login) => Arc::new(login),
            Self::UserPass(login) => Arc::new(login),
            Self::Kubernetes(login) => Arc::new(login),
            Self::Jwt(login) => Arc::new(login),
            Self::Cert(login) => Arc::new(login),
            #[cfg(feature = "__aws")]
            Self::AwsIam(login) => Arc::new(login),
            #[cfg(feature = "__aws")]
            Self::AwsEc2(login) => Arc::new(login),
            Self::None => Arc::new(no_token::NoToken),
            Self::Custom(login) => login,
        }
    }

    /// Binds disk cache records to the identity that this login is for: each setting that decides
    /// it.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        binding.value("auth.method", Some(self.clone().into_login().method()));
        match self {
            Self::Token(source) => source.bind_token(binding),
            Self::AppRole(login) => login.bind(binding),
            Self::UserPass(login) => login.bind(binding),
            Self::Kubernetes(login) => login.bind(binding),
            Self::Jwt(login) => login.bind(binding),
            Self::Cert(login) => login.bind(binding),
            #[cfg(feature = "__aws")]
            Self::AwsIam(login) => login.bind(binding),
            #[cfg(feature = "__aws")]
            Self::AwsEc2(login) => login.bind(binding),
            Self::None | Self::Custom(_) => binding.unknown_identity(),
        }
    }
}
