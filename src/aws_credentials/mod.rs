//! AWS credentials: choosing their source, for the AWS providers and for Vault's login by AWS IAM.

mod access_key;
#[cfg(unix)]
mod credential_process;
pub(crate) mod failure;
pub(crate) mod metadata;
pub(crate) mod profile;
mod provider;
mod sdk_logs;
pub(crate) mod section_names;
pub(crate) mod shared_files;
pub(crate) mod source;
pub(crate) mod variables;

pub(crate) use provider::CallSettings;
pub(crate) use sdk_logs::without_sdk_logs;
