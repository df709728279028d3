//! `aws.sm`: AWS Secrets Manager.
//!
//! # Authentication order
//! See [`AwsConfig`].
//!
//! # Reference grammar
//! `aws.sm://NAME[#KEY]`, with a secret's name (`prod/db`), its ARN, or its ARN without the six random
//! characters. An ARN of another region is asked in that region. [`Version::Id`] and [`Version::Stage`] select a version; the default is `AWSCURRENT`.
//!
//! # Calls
//! | request | AWS calls |
//! | --- | --- |
//! | `get` | GetSecretValue |
//! | `get_many` | BatchGetSecretValue for every 20 names |
//! | `get_by_path` | BatchGetSecretValue for every 20 secrets, filtered by the name's prefix |
//! | `path_exists` | DescribeSecret, then ListSecrets unless a secret has exactly that name |
//! | `update` | GetSecretValue and PutSecretValue; for one key or on condition, two UpdateSecretVersionStage |
//!
//! Where the batch call is denied, `get_many` reads one by one, and `get_by_path` takes the names from
//! ListSecrets. `path_exists` never reads a value. Without the right to DescribeSecret it looks in
//! ListSecrets; without the right to ListSecrets it finds exact names only.
//!
//! # Listings
//! A listing holds what lies below the path, with `/` between the levels, and the secret of exactly
//! that name. A path that ends with a slash means only what lies below it.
//!
//! # Updates
//! An update first reads the secret, to learn whether it is text or binary. An update of one key, or
//! on condition of a version, is a compare-and-swap: see `update.rs`. It needs the right
//! `secretsmanager:UpdateSecretVersionStage`. Without it, the version is compared right before the
//! write, which leaves a gap of one round trip.
//!
//! # Limits
//! Values have up to 64 KiB
//! ([quotas](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html)). More
//! than one update in ten minutes over a long time runs into the quota of versions.
//!
//! # Error mapping
//! A secret that is scheduled for deletion is [`NotFound`](crate::ErrorKind::NotFound), with AWS's
//! reason. A lost compare-and-swap is a [`Conflict`](crate::ErrorKind::Conflict). The other kinds
//! follow AWS's error code, or else the HTTP status.

mod batch_read;
mod update;

use async_trait::async_trait;
use aws_sdk_secretsmanager::{
    operation::get_secret_value::GetSecretValueOutput,
    primitives::{Blob, DateTime},
};

use self::batch_read::{Wanted, is_listing_of, is_refusal, prefix};
use super::batch::in_batches;
use crate::{
    aws_session::{
        arn::SECRETS_MANAGER,
        config::AwsConfig,
        error::code,
        session::{Session, service},
    },
    capabilities::Capabilities,
    config::{Connection, Section},
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Identity, Listing, Provider, Updated, is_listed},
    retry::RetryPolicy,
    secret::{Metadata, Secret, SecretValue},
};

service!(Sm, aws_sdk_secretsmanager, "Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER", SECRETS_MANAGER);

/// Names that one BatchGetSecretValue takes, and secrets that one of its pages holds.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
const BATCH: usize = 20;

/// Calls of one `get_many` or `get_by_path` that are in flight at once.
const CONCURRENCY: usize = 8;

/// The stage of the current version.
const CURRENT: &str = "AWSCURRENT";

/// AWS's code for a secret that is in the wrong state for the call.
const WRONG_STATE: &str = "InvalidRequestException";

/// AWS Secrets Manager.
#[derive(Debug)]
pub struct SecretsManager {
    session: Session<Sm>,
}

impl SecretsManager {
    /// Finds region and credentials. No call is made to Secrets Manager.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if no region can be found, if there is no profile of the
    /// name that is set, or if a setting, a variable or the profile is malformed.
    pub async fn open(config: AwsConfig) -> Result<Self> {
        Ok(Self { session: Session::open(config).await? })
    }

    pub(crate) async fn explain(config: &AwsConfig, section: &Section) -> Result<Connection> {
        Session::<Sm>::explain(config, section).await
    }

    /// Adds the right spelling to "not found" of a name with a slash too much at its beginning, as
    /// names of Parameter Store have it. One DescribeSecret.
    async fn with_spelling<T>(&self, id: &str, answer: Result<T>, policy: RetryPolicy) -> Result<T> {
        let (Err(error), Some(name)) = (&answer, id.strip_prefix('/')) else { return answer };
        if error.kind() != ErrorKind::NotFound || name.is_empty() {
            return answer;
        }
        let options = GetOptions { retry_policy: policy, ..GetOptions::default() };
        match self.version(name, &options).await {
            Ok(_) => answer.map_err(|error| {
                error.with_hint(format!("there is a secret {name}, without the slash: aws.sm://{name}"))
            }),
            Err(_) => answer,
        }
    }

    /// One version of a secret, by one GetSecretValue.
    async fn value(&self, id: &str, version: &Version, policy: RetryPolicy) -> Result<Secret> {
        let output = self.session.call(id, policy, |client, overrides| {
            let call = client.get_secret_value().secret_id(id);
            let call = match version {
                Version::Id(id) => call.version_id(id),
                Version::Stage(stage) => call.version_stage(stage),
                // AWS's default, named because moto has another one after a stage has moved.
                _ => call.version_stage(CURRENT),
            };
            call.customize().config_override(overrides).send()
        });
        secret(output.await.map_err(deleted)?)
    }
}

#[async_trait]
impl Provider for SecretsManager {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            update: true,
            update_if_version: true,
            binary: true,
            version_ids: true,
            version_stages: true,
            version_probe: true,
            batch: BATCH,
            ..Capabilities::default()
        }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let answer = self.value(path, &options.version, options.retry_policy).await;
        self.with_spelling(path, answer, options.retry_policy).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let home = self.session.home_region();
        in_batches(paths, &SECRETS_MANAGER, &home, BATCH, CONCURRENCY, |names| self.batch_or_single(names, options))
            .await
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        if path.starts_with('!') {
            // The filter would take it for "not".
            return Err(Error::invalid_input("a path of Secrets Manager can't begin with '!'"));
        }
        let found = match self.batch(&Wanted::Prefix(prefix(path)), options.retry_policy).await {
            Ok(mut batch) => {
                let unread = std::mem::take(&mut batch.not_current);
                let mut found = batch.by_name();
                found.extend(self.each(unread, &Version::Current, options.retry_policy).await);
                found
            }
            Err(error) if is_refusal(&error) => self.list_and_get(path, options).await?,
            Err(error) => return Err(error),
        };
        let listed = found.into_iter().filter(|(name, _)| is_listing_of(path, name, options));
        // Deleted since it was listed, or never given a value.
        let there = listed.filter(|(_, answer)| !matches!(answer, Err(error) if error.kind() == ErrorKind::NotFound));
        Listing::collect(there, options.fail_on_error)
    }

    /// One DescribeSecret. It needs the right `secretsmanager:DescribeSecret`, and decrypts nothing.
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        let output = self.session.call(path, options.retry_policy, |client, overrides| {
            client.describe_secret().secret_id(path).customize().config_override(overrides).send()
        });
        let described = output.await?;
        if described.deleted_date.is_some() {
            return Err(Error::not_found("the secret is scheduled for deletion"));
        }
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let wanted = |(id, stages): &(String, Vec<String>)| match &options.version {
            Version::Id(wanted) => id == wanted,
            Version::Stage(wanted) => stages.contains(wanted),
            _ => stages.iter().any(|stage| stage == CURRENT),
        };
        match versions.into_iter().find(wanted) {
            Some((id, _)) => Ok(Some(id)),
            None => Err(Error::not_found("the secret has no such version")),
        }
    }

    async fn identity(&self) -> Result<Option<Identity>> {
        self.session.identity().await.map(Some)
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        let below = format!("{}/", path.trim_end_matches('/'));
        let is_denied = |error: &Error| error.kind() == ErrorKind::AccessDenied;
        match self.version(path, &GetOptions::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let found = self.any_name(&below, |name| is_listed(name, path, true)).await;
                // An identity that may not list sees exact names only.
                found.or_else(|error| if is_denied(&error) { Ok(false) } else { Err(error) })
            }
            Err(denied) if is_denied(&denied) => {
                let found = self.any_name(path, |name| name == path || is_listed(name, path, true)).await;
                // DescribeSecret is the right to ask for: it shows one secret only.
                found.map_err(|error| if is_denied(&error) { denied } else { error })
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let answer = self.update_value(path, value, options).await;
        self.with_spelling(path, answer, options.retry_policy).await
    }
}

fn secret(output: GetSecretValueOutput) -> Result<Secret> {
    let GetSecretValueOutput { name, version_id, secret_binary, secret_string, created_date, .. } = output;
    value_of(secret_binary, secret_string, metadata(name, version_id, created_date))
}

fn metadata(name: Option<String>, version: Option<String>, created: Option<DateTime>) -> Metadata {
    Metadata { name, version, created: created.and_then(|date| date.try_into().ok()), ..Metadata::default() }
}

/// The value of an answer. If AWS sends both forms, bytes win, as in the Python s1crets.
fn value_of(binary: Option<Blob>, text: Option<String>, metadata: Metadata) -> Result<Secret> {
    match (binary, text) {
        (Some(bytes), _) => Ok(Secret::binary(bytes.into_inner(), metadata)),
        (None, Some(text)) => Ok(Secret::text(text, metadata)),
        (None, None) => Err(Error::corrupt("AWS answered with neither text nor bytes")),
    }
}

/// Makes "not found" of a read in the wrong state: scheduled for deletion. No other state refuses
/// reads.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors>
fn deleted(error: Error) -> Error {
    match code(&error) {
        Some(WRONG_STATE) => Error::not_found(error.message().to_owned()).with_source(error),
        _ => error,
    }
}
