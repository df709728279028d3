//! [AWS EC2](https://developer.hashicorp.com/vault/docs/auth/aws#ec2-auth-method): the identity
//! document of an instance, and a nonce that makes the first login the only one to know it.

use std::{
    io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use s1crets_fs::{AtomicWrite, Target};
use zeroize::Zeroizing;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    aws_credentials::{metadata, variables, without_sdk_logs},
    error::{Error, ErrorKind, Result},
    fs::plain_file,
    retry::RetryPolicy,
    vault::{Fields, token::Grant},
};

/// The signed identity, by version 2 of the metadata service.
const IDENTITY: &str = "/latest/dynamic/instance-identity/pkcs7";

/// A login by the identity of the EC2 instance that this runs on.
///
/// The nonce is kept in a file that only its owner can read: without it the instance can't log in a
/// second time. It is written before the first login, as the answer to that may get lost.
#[derive(Clone, Debug)]
pub struct AwsEc2 {
    mount: String,
    role: Option<String>,
    nonce_file: PathBuf,
    metadata_endpoint: Option<String>,
}

impl AwsEc2 {
    /// A login whose nonce is kept in this file.
    pub fn new(nonce_file: impl Into<PathBuf>) -> Self {
        Self { mount: "aws".to_owned(), role: None, nonce_file: nonce_file.into(), metadata_endpoint: None }
    }

    /// Sets the role. Default: the role that is named as the image.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        Self { role: Some(role.into()), ..self }
    }

    /// Sets the mount of the login method, such as `aws-ec2`. Default: `aws`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// Sets the URL of the metadata service. Default: that of the environment, or the instance's
    /// own.
    #[must_use]
    pub fn with_metadata_endpoint(self, url: impl Into<String>) -> Self {
        Self { metadata_endpoint: Some(url.into()), ..self }
    }

    async fn identity(&self, policy: RetryPolicy) -> Result<Zeroizing<String>> {
        if variables::is_metadata_disabled() {
            return Err(Error::config("instance metadata is turned off by AWS_EC2_METADATA_DISABLED")
                .with_hint("this login needs it: unset the variable, or log in by another method"));
        }
        let mut client = metadata::of_profile(None)
            .await?
            .max_attempts(policy.attempts().get())
            .connect_timeout(policy.timeout())
            .read_timeout(policy.timeout())
            .operation_timeout(policy.longest_call());
        if let Some(endpoint) = &self.metadata_endpoint {
            client = client
                .endpoint(endpoint)
                .map_err(|_| Error::config("the endpoint of the EC2 metadata service is not a URL"))?;
        }
        let client = client.build();
        let unavailable = |_| {
            Error::new(ErrorKind::Unavailable, "the EC2 metadata service gave no identity of this instance")
                .with_hint("this login works on EC2 instances alone")
        };
        let document = without_sdk_logs(client.get(IDENTITY)).await.map_err(unavailable)?;
        // Vault takes it as one line.
        Ok(Zeroizing::new(document.as_ref().split_whitespace().collect()))
    }
}

#[async_trait]
impl Login for AwsEc2 {
    fn method(&self) -> &'static str {
        "aws_ec2"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let nonce = nonce(&self.nonce_file)?;
        let identity = self.identity(client.policy()).await?;
        let fields =
            Fields::default().optional("role", self.role.as_deref()).text("pkcs7", &identity).text("nonce", &nonce);
        client.login_at(&self.mount, "login", fields.finish()).await.map_err(hint)
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl AwsEc2 {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, nonce_file, metadata_endpoint } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", role.as_ref());
        binding.name("auth.nonce_file", Some(nonce_file));
        binding.value("metadata endpoint given to a login", metadata_endpoint.as_ref());
        crate::cache_scope::aws::environment(binding, None);
    }
}

fn hint(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unauthenticated => error.with_hint(
            "if this instance has logged in before, with another nonce: have an administrator remove it from \
             the method's identity-accesslist",
        ),
        _ => error,
    }
}

/// The nonce of earlier logins, or a new one that is kept for later ones.
fn nonce(file: &Path) -> Result<Zeroizing<String>> {
    let failed =
        |error: io::Error| Error::config(format!("can't keep the nonce in {}", file.display())).with_source(error);
    match plain_file::read_text(file) {
        Ok(kept) => Ok(Zeroizing::new(kept.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_nonce(file).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Writes a new nonce, readable by us alone, unless another process was first: then its nonce counts.
fn create_nonce(file: &Path) -> io::Result<Zeroizing<String>> {
    let Target::Named(target) = Target::of(file)? else { return Err(io::Error::other("it is no plain file")) };
    let nonce = Zeroizing::new(uuid::Uuid::new_v4().to_string());
    match AtomicWrite::default().with_mode(0o400).create_new(&target, nonce.as_bytes())? {
        true => Ok(nonce),
        false => plain_file::read_text(file),
    }
}
