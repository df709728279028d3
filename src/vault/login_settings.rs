//! The `auth` table of a Vault connection: how to log in.

use std::path::PathBuf;

use serde::Deserialize;

use super::{
    auth::{AppRole, Auth, Cert, Jwt, Kubernetes, UserPass},
    path,
    source::SecretSource,
};
use crate::{
    config::{self, did_you_mean},
    error::{Error, Result},
};

/// The names of the login methods.
const METHODS: [&str; 9] = ["token", "approle", "userpass", "kubernetes", "jwt", "cert", "aws_iam", "aws_ec2", "none"];

/// What is shown of the login `none`.
pub(super) const NO_TOKEN: &str = "none: no token is sent, an agent or proxy adds its own";

/// The `auth` table. Which keys apply depends on the method. No key holds a secret: `file` and
/// `env` name the place of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AuthSettings {
    /// The login method.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = METHODS)))]
    pub(super) method: String,
    /// The path at which the method is mounted. Default: its usual name.
    pub(super) mount: Option<String>,
    /// Kubernetes, JWT, certificate, AWS: the role.
    pub(super) role: Option<String>,
    /// AppRole: the role's id.
    pub(super) role_id: Option<String>,
    /// AppRole: whether the secret id is a wrapping token.
    pub(super) wrapped: Option<bool>,
    /// AppRole, wrapped: the path that made the wrapping token. Default:
    /// `auth/MOUNT/role/*/secret-id`.
    pub(super) creation_path: Option<String>,
    /// userpass: the user's name.
    pub(super) username: Option<String>,
    /// The file that holds the token, secret id, password or JWT.
    #[serde(default, deserialize_with = "config::path")]
    pub(super) file: Option<PathBuf>,
    /// The environment variable that holds it.
    pub(super) env: Option<String>,
    /// AWS IAM: the region of STS.
    pub(super) region: Option<String>,
    /// AWS IAM: the value of `X-Vault-AWS-IAM-Server-ID`.
    pub(super) server_id: Option<String>,
    /// AWS IAM: the profile.
    pub(super) profile: Option<String>,
    /// AWS EC2: the file that keeps the nonce.
    #[serde(default, deserialize_with = "config::path")]
    pub(super) nonce_file: Option<PathBuf>,
}

impl AuthSettings {
    /// The credential that these settings name, never its value.
    pub(super) fn description(&self) -> String {
        let file = self.file.as_ref().map(|file| format!("file {}", file.display()));
        let secret = file.or_else(|| self.env.clone());
        let from = |what: &str| secret.as_ref().map(|place| format!("{what} from {place}"));
        let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
        let (who, proof) = match self.method.as_str() {
            "token" => return from("token").unwrap_or_default(),
            "none" => return NO_TOKEN.to_owned(),
            "approle" => (named("role", &self.role_id), from("with secret id")),
            "userpass" => (named("user", &self.username), from("with password")),
            "jwt" | "kubernetes" => (named("role", &self.role), from("with JWT")),
            _ => (named("role", &self.role), named("with AWS profile", &self.profile)),
        };
        let parts = [Some(self.method.clone()), who, proof];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Takes the settings of a method one by one. Those that are left over are refused.
struct Reader {
    left: AuthSettings,
}

impl Auth {
    pub(super) fn from_settings(settings: AuthSettings) -> Result<Self> {
        let method = settings.method.clone();
        for (key, value) in [("mount", &settings.mount), ("username", &settings.username)] {
            check_segments(key, value.as_deref())?;
        }
        let mut reader = Reader { left: settings };
        let auth = reader.read(&method)?;
        reader.finish(&method)?;
        Ok(auth)
    }
}

impl Reader {
    fn read(&mut self, method: &str) -> Result<Auth> {
        Ok(match method {
            "token" => Auth::Token(self.source(method)?),
            "approle" => Auth::AppRole(self.approle()?),
            "userpass" => {
                let login = UserPass::new(required(self.left.username.take(), "username")?, self.source(method)?);
                Auth::UserPass(with(login, self.left.mount.take(), UserPass::with_mount))
            }
            "kubernetes" => {
                let login = Kubernetes::new(required(self.left.role.take(), "role")?);
                let login = with(login, self.optional_source()?, Kubernetes::with_jwt);
                Auth::Kubernetes(with(login, self.left.mount.take(), Kubernetes::with_mount))
            }
            "jwt" => {
                let login = with(Jwt::new(self.source(method)?), self.left.role.take(), Jwt::with_role);
                Auth::Jwt(with(login, self.left.mount.take(), Jwt::with_mount))
            }
            "cert" => {
                let login = with(Cert::new(), self.left.role.take(), Cert::with_role);
                Auth::Cert(with(login, self.left.mount.take(), Cert::with_mount))
            }
            "aws_iam" | "aws_ec2" => self.aws(method)?,
            "none" => Auth::None,
            other => {
                let error = Error::config(format!("there is no login method {other:?} for Vault"));
                let hint = did_you_mean(other, &METHODS).unwrap_or_else(|| format!("there are {}", METHODS.join(", ")));
                return Err(error.with_hint(hint));
            }
        })
    }

    fn approle(&mut self) -> Result<AppRole> {
        let role_id = required(self.left.role_id.take(), "role_id")?;
        let wrapped = self.left.wrapped.take().unwrap_or(false);
        let login = match (self.optional_source()?, wrapped) {
            (Some(source), true) => AppRole::wrapped(role_id, source),
            (Some(source), false) => AppRole::new(role_id, source),
            (None, false) => AppRole::without_secret_id(role_id),
            (None, true) => return Err(Error::config("a wrapped secret id needs `file` or `env`")),
        };
        // Without `wrapped` it is left over, and so refused.
        let creation_path = if wrapped { self.left.creation_path.take() } else { None };
        let login = with(login, creation_path, AppRole::with_creation_path);
        Ok(with(login, self.left.mount.take(), AppRole::with_mount))
    }

    #[cfg(feature = "__aws")]
    fn aws(&mut self, method: &str) -> Result<Auth> {
        use super::auth::{AwsEc2, AwsIam};

        if method == "aws_ec2" {
            let login = AwsEc2::new(required(self.left.nonce_file.take(), "nonce_file")?);
            let login = with(login, self.left.role.take(), AwsEc2::with_role);
            return Ok(Auth::AwsEc2(with(login, self.left.mount.take(), AwsEc2::with_mount)));
        }
        let login = with(AwsIam::new(), self.left.role.take(), AwsIam::with_role);
        let login = with(login, self.left.region.take(), AwsIam::with_region);
        let login = with(login, self.left.server_id.take(), AwsIam::with_server_id);
        let login = with(login, self.left.profile.take(), AwsIam::with_profile);
        Ok(Auth::AwsIam(with(login, self.left.mount.take(), AwsIam::with_mount)))
    }

    #[cfg(not(feature = "__aws"))]
    fn aws(&mut self, method: &str) -> Result<Auth> {
        Err(Error::unsupported(format!("this build has no login {method} to Vault"))
            .with_hint("build s1crets with the feature `aws`"))
    }

    fn source(&mut self, method: &str) -> Result<SecretSource> {
        self.optional_source()?.ok_or_else(|| {
            Error::config(format!("the login method {method} needs `file` or `env`, which name where its secret is"))
        })
    }

    fn optional_source(&mut self) -> Result<Option<SecretSource>> {
        match (self.left.file.take(), self.left.env.take()) {
            (Some(file), None) => Ok(Some(SecretSource::file(file))),
            (None, Some(env)) => Ok(Some(SecretSource::env(env))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Error::config("`file` and `env` of a login exclude each other")),
        }
    }

    fn finish(self, method: &str) -> Result<()> {
        let nothing = AuthSettings { method: self.left.method.clone(), ..AuthSettings::default() };
        if self.left == nothing {
            return Ok(());
        }
        Err(Error::config(format!("the login method {method} was given a setting that it doesn't have")))
    }
}

/// Checks a setting that becomes a part of the login's path. Later, its error would seem to be about
/// the path of a secret.
fn check_segments(key: &str, value: Option<&str>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let malformed = |why: &str| Error::config(format!("`{key}` of the login is malformed: {why}"));
    path::check(value).map_err(|error| malformed(error.message()))?;
    match key == "username" && value.contains('/') {
        true => Err(malformed("a user's name has no '/'")),
        false => Ok(()),
    }
}

fn with<T, V>(value: T, setting: Option<V>, apply: impl FnOnce(T, V) -> T) -> T {
    match setting {
        Some(setting) => apply(value, setting),
        None => value,
    }
}

fn required<T>(setting: Option<T>, name: &str) -> Result<T> {
    setting.ok_or_else(|| Error::config(format!("the login needs the setting `{name}`")))
}
