//! Sources of credentials that a profile can name, and the roles that it can assume with them.

use std::{fmt, path::PathBuf, time::Duration};

use aws_credential_types::Credentials;

/// Where the credentials at the end of a chain come from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ProfileSource {
    Key(Credentials),
    Program(Program),
    Sso(Sso),
    WebIdentity(WebIdentity),
    /// `credential_source = Environment`.
    Environment,
    /// `credential_source = EcsContainer`.
    Container,
    /// `credential_source = Ec2InstanceMetadata`.
    InstanceMetadata,
}

/// The `credential_process` of a profile.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) profile: String,
    /// A line for the shell. It may hold a secret.
    pub(crate) command: String,
    pub(crate) account_id: Option<String>,
}

/// A role of IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sso {
    pub(crate) profile: String,
    pub(crate) session: Option<String>,
    pub(crate) region: String,
    pub(crate) start_url: String,
    pub(crate) account_id: String,
    pub(crate) role_name: String,
}

/// A role that is assumed with the token in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebIdentity {
    pub(crate) token_file: PathBuf,
    /// What names the file.
    pub(crate) named_by: String,
    pub(crate) role_arn: String,
    pub(crate) session_name: Option<String>,
}

/// A role that a profile assumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileRole {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: Option<String>,
    pub(crate) duration: Option<Duration>,
}

impl fmt::Debug for ProfileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Program(_) => "Program",
            Self::Sso(_) => "Sso",
            Self::WebIdentity(_) => "WebIdentity",
            Self::Environment => "Environment",
            Self::Container => "Container",
            Self::InstanceMetadata => "InstanceMetadata",
        })
    }
}
