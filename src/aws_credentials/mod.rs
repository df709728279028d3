//! AWS credentials: choosing their source, for the AWS providers and for Vault's login by AWS IAM.

#[cfg(unix)]
mod credential_process;
pub(crate) mod metadata;
mod sdk_logs;
pub(crate) mod shared_files;
pub(crate) mod source;
pub(crate) mod variables;

pub(crate) use sdk_logs::without_sdk_logs;
