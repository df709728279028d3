//! AWS Secrets Manager (`aws.sm`) and AWS Parameter Store (`aws.ps`), on the AWS SDK.
//!
//! Both find region and credentials as [`AwsConfig`] says.

mod arn;
mod batch;
mod clients;
mod clock_skew;
mod config;
mod credentials_cache;
mod credentials_error;
mod error;
mod failed_call;
mod http;
mod identity;
#[cfg(feature = "aws-ps")]
mod parameter_store;
mod resolve;
mod retries;
#[cfg(feature = "aws-sm")]
mod secrets_manager;
mod session;
mod settings;
mod shared_profile;
mod source;
mod trust;

pub use aws_credential_types::Credentials;
pub use config::{AwsConfig, Role};
#[cfg(feature = "aws-ps")]
pub use parameter_store::ParameterStore;
#[cfg(feature = "aws-sm")]
pub use secrets_manager::SecretsManager;

pub(crate) use settings::{FORM, VARIABLES};
