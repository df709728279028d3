//! AWS Secrets Manager (`aws.sm`) and AWS Parameter Store (`aws.ps`), on the AWS SDK.
//!
//! Both find region and credentials as [`AwsConfig`] says.

mod batch;
#[cfg(feature = "aws-ps")]
mod parameter_store;
#[cfg(feature = "aws-sm")]
mod secrets_manager;
mod settings;

pub use aws_credential_types::Credentials;

pub use crate::aws_session::config::{AwsConfig, Role};
#[cfg(feature = "aws-ps")]
pub use parameter_store::ParameterStore;
#[cfg(feature = "aws-sm")]
pub use secrets_manager::SecretsManager;

pub(crate) use settings::{FORM, VARIABLES};
