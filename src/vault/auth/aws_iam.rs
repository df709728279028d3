//! [AWS IAM](https://developer.hashicorp.com/vault/docs/auth/aws#iam-auth-method): a signed
//! `GetCallerIdentity` that Vault sends on, to learn from AWS who signed it.

use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{Login, LoginClient};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    aws_session::{config::AwsConfig, session},
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    vault::{Fields, token::Grant},
};

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The region that the global endpoint is signed for.
const GLOBAL_REGION: &str = "us-east-1";

/// Logs in by AWS credentials, found as the [SDK finds them](crate::providers::aws::AwsConfig).
///
/// The request is only signed here; Vault sends it. AWS answers it with the caller's identity.
#[derive(Clone, Debug)]
pub struct AwsIam {
    mount: String,
    role: Option<String>,
    region: Option<String>,
    server_id: Option<String>,
    profile: Option<String>,
    sts_endpoint_url: Option<String>,
    /// The SDK's own type, whose `Debug` is redacted.
    credentials: Option<Credentials>,
}

impl AwsIam {
    /// A login with the role that is named as the AWS principal.
    pub fn new() -> Self {
        Self {
            mount: "aws".to_owned(),
            role: None,
            region: None,
            server_id: None,
            profile: None,
            sts_endpoint_url: None,
            credentials: None,
        }
    }

    /// Sets the role. Default: the role that is named as the AWS principal.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        Self { role: Some(role.into()), ..self }
    }

    /// Sets the mount of the login method. Default: `aws`.
    #[must_use]
    pub fn with_mount(self, mount: impl Into<String>) -> Self {
        Self { mount: mount.into(), ..self }
    }

    /// Sets the region of the STS endpoint. Vault's method must be configured for it. Default: the
    /// global endpoint.
    #[must_use]
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Sets the value of `X-Vault-AWS-IAM-Server-ID`, which binds the signed request to one Vault.
    /// Without it, another server that receives this login can use it here.
    #[must_use]
    pub fn with_server_id(self, id: impl Into<String>) -> Self {
        Self { server_id: Some(id.into()), ..self }
    }

    /// Takes the credentials of a profile, whatever the environment holds.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<String>) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// Takes an access key. Default: the credentials that the SDK finds.
    #[must_use]
    pub fn with_credentials(self, access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "s1crets");
        Self { credentials: Some(credentials), ..self }
    }

    /// Sets the URL of the STS endpoint. Default: that of the region, or the global one.
    #[must_use]
    pub fn with_sts_endpoint_url(self, url: impl Into<String>) -> Self {
        Self { sts_endpoint_url: Some(url.into()), ..self }
    }

    fn url(&self) -> String {
        match (&self.sts_endpoint_url, &self.region) {
            (Some(url), _) => format!("{}/", url.trim_end_matches('/')),
            (None, Some(region)) if region.starts_with("cn-") => format!("https://sts.{region}.amazonaws.com.cn/"),
            (None, Some(region)) => format!("https://sts.{region}.amazonaws.com/"),
            (None, None) => "https://sts.amazonaws.com/".to_owned(),
        }
    }

    /// As the AWS providers find them, with the same errors. Each source has its time limit there.
    async fn credentials(&self, policy: RetryPolicy) -> Result<Credentials> {
        if let Some(credentials) = &self.credentials {
            return Ok(credentials.clone());
        }
        let settings = AwsConfig { profile: self.profile.clone(), retry_policy: policy, ..AwsConfig::default() };
        let region = self.region.as_deref().unwrap_or(GLOBAL_REGION);
        session::credentials(&settings, region).await
    }

    /// The headers of the signed request, as a JSON object of lists.
    fn signed(&self, url: &str, credentials: Credentials, now: SystemTime) -> Result<Zeroizing<String>> {
        let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let length = BODY.len().to_string();
        let mut headers = vec![
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("Content-Length", length.as_str()),
            ("Host", host),
        ];
        if let Some(id) = &self.server_id {
            headers.push(("X-Vault-AWS-IAM-Server-ID", id));
        }
        let added = signature(url, &headers, credentials, self.region.as_deref().unwrap_or(GLOBAL_REGION), now)?;
        let added = added.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields = headers.iter().copied().chain(added).fold(Fields::default(), |fields, (name, value)| {
            let list = Zeroizing::new(format!("[{}]", *crate::secret::json::quote(value)));
            fields.json(name, &list)
        });
        Ok(fields.finish())
    }
}

impl Default for AwsIam {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Login for AwsIam {
    fn method(&self) -> &'static str {
        "aws_iam"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        let credentials = self.credentials(client.policy()).await?;
        let url = self.url();
        let headers = self.signed(&url, credentials, SystemTime::now())?;
        let fields = Fields::default()
            .optional("role", self.role.as_deref())
            .text("iam_http_request_method", "POST")
            .text("iam_request_url", &STANDARD.encode(&url))
            .text("iam_request_body", &STANDARD.encode(BODY))
            .text("iam_request_headers", &Zeroizing::new(STANDARD.encode(headers.as_bytes())));
        client.login_at(&self.mount, "login", fields.finish()).await
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl AwsIam {
    pub(super) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { mount, role, region, server_id, profile, sts_endpoint_url, credentials } = self;
        binding.value("auth.mount", Some(mount));
        binding.value("auth.role", role.as_ref());
        binding.value("auth.region", region.as_ref());
        binding.value("auth.server_id", server_id.as_ref());
        binding.value("auth.profile", profile.as_ref());
        binding.value("STS endpoint given to a login", sts_endpoint_url.as_ref());
        binding.value("access key given to a login", credentials.as_ref().map(|key| key.access_key_id()));
        crate::cache_scope::aws::environment(binding, profile.as_deref());
    }
}

/// What signing adds: the date, the session's token and the signature itself.
fn signature(
    url: &str,
    headers: &[(&str, &str)],
    credentials: Credentials,
    region: &str,
    now: SystemTime,
) -> Result<Vec<(String, Zeroizing<String>)>> {
    let failed = |_| Error::new(ErrorKind::Unexpected, "the request to AWS can't be signed");
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed(()))?
        .into();
    let body = SignableBody::Bytes(BODY.as_bytes());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), body).map_err(|_| failed(()))?;
    let (instructions, _) = sign(request, &params).map_err(|_| failed(()))?.into_parts();
    let added = instructions.headers();
    Ok(added.map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned()))).collect())
}
