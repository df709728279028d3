//! How to log in to Vault.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The ways to log in.
#[cfg(any(feature = "vault", feature = "schema"))]
pub(crate) const METHODS: [&str; 8] =
    ["token", "approle", "userpass", "kubernetes", "jwt", "cert", "aws_iam", "aws_ec2"];

/// The `auth` table of a Vault provider. Which keys apply depends on the method. No key holds a secret: they name the
/// file or the variable that does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VaultAuthSettings {
    /// `token`, `approle`, `userpass`, `kubernetes`, `jwt`, `cert`, `aws_iam` or `aws_ec2`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = crate::config::METHODS)))]
    pub method: String,
    /// Where the method is mounted, if not under its usual name.
    pub mount: Option<String>,
    /// Kubernetes, JWT, certificate, AWS: the role.
    pub role: Option<String>,
    /// AppRole: the role's id.
    pub role_id: Option<String>,
    /// AppRole: whether the secret id is a wrapping token.
    pub wrapped: Option<bool>,
    /// AppRole, wrapped: the path that made the wrapping token. Default: `auth/MOUNT/role/*/secret-id`.
    pub creation_path: Option<String>,
    /// userpass: the user's name.
    pub username: Option<String>,
    /// The file that holds the token, secret id, password or JWT.
    pub file: Option<PathBuf>,
    /// The variable that holds it.
    pub env: Option<String>,
    /// AWS IAM: the region of STS.
    pub region: Option<String>,
    /// AWS IAM: the value of `X-Vault-AWS-IAM-Server-ID`.
    pub server_id: Option<String>,
    /// AWS IAM: the profile.
    pub profile: Option<String>,
    /// AWS EC2: the file that keeps the nonce.
    pub nonce_file: Option<PathBuf>,
}
