//! `aws.ps`: AWS Systems Manager Parameter Store.
//!
//! # Authentication order
//! See [`AwsConfig`].
//!
//! # Reference grammar
//! `aws.ps://NAME[#KEY]`, with a full name (`/prod/db/password`) or the ARN of a shared parameter.
//! `NAME:3` and `NAME:LABEL` select a version, as [`Version::Number`] and [`Version::Label`] do. An
//! ARN of another region is asked in that region.
//!
//! `/aws/reference/secretsmanager/NAME` reads Secrets Manager. The longest existing name that the
//! path begins with is read, and the rest of the path is a keypath into its JSON.
//!
//! # Calls
//! | request | AWS calls |
//! | --- | --- |
//! | `get` | GetParameter |
//! | `get_many` | GetParameters for every 10 names |
//! | `get_by_path` | GetParametersByPath for every 10 parameters |
//! | `path_exists` | one or two DescribeParameters; for an ARN or a version, one GetParameter |
//! | `update` | DescribeParameters and PutParameter; for one key a GetParameter first |
//!
//! Where GetParameters is refused because of one name, the names are read one by one.
//!
//! # Updates
//! An update keeps Type, KeyId, Description, Tier, DataType and AllowedPattern. Parameter Store has no
//! conditional write. An update of one key, or on condition of a version, compares the version before
//! it writes. Afterwards it checks that it made the very next version. If somebody else wrote in
//! between, the update is a [`Conflict`](crate::ErrorKind::Conflict), and their value is in the
//! parameter's history.
//!
//! # Limits
//! Values have up to 4 KiB (Standard) or 8 KiB (Advanced;
//! [quotas](https://docs.aws.amazon.com/general/latest/gr/ssm.html)). A StringList is one text with
//! commas. A keypath that begins with a number leads to that item, from 0: `#0`.
//!
//! # Error mapping
//! Kinds follow AWS's error code, or else the HTTP status.

mod batch_read;
mod update;

use async_trait::async_trait;
use aws_sdk_ssm::{
    operation::describe_parameters::builders::DescribeParametersFluentBuilder,
    types::{Parameter, ParameterMetadata, ParameterStringFilter, ParameterType},
};

use super::batch::in_batches;
use crate::{
    aws_session::{
        arn::SSM,
        config::AwsConfig,
        session::{NO_ID, Session, service},
    },
    capabilities::Capabilities,
    config::{Connection, Section},
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Identity, Listing, Provider, Updated, is_listed},
    retry::RetryPolicy,
    secret::{Metadata, Secret, SecretValue},
};

service!(Ssm, aws_sdk_ssm, "SSM", "AWS_ENDPOINT_URL_SSM", SSM);

/// Names that one GetParameters takes, and parameters that one page of GetParametersByPath holds.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const BATCH: usize = 10;

/// Calls of one `get_many` that are in flight at once. AWS throttles GetParameters per account.
const CONCURRENCY: usize = 4;

/// Names under this prefix are read from Secrets Manager.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
const REFERENCE: &str = "/aws/reference/secretsmanager/";

/// AWS Systems Manager Parameter Store.
#[derive(Debug)]
pub struct ParameterStore {
    session: Session<Ssm>,
}

impl ParameterStore {
    /// Finds region and credentials. No call is made to Parameter Store.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if no region can be found, if there is no profile of the
    /// name that is set, or if a setting, a variable or the profile is malformed.
    pub async fn open(config: AwsConfig) -> Result<Self> {
        Ok(Self { session: Session::open(config).await? })
    }

    pub(crate) async fn explain(config: &AwsConfig, section: &Section) -> Result<Connection> {
        Session::<Ssm>::explain(config, section).await
    }

    async fn parameter(&self, name: &str, decrypt: bool, policy: RetryPolicy) -> Result<Secret> {
        self.parameter_beside(name, name, decrypt, policy).await
    }

    /// A parameter in the region of `id`.
    async fn parameter_beside(&self, id: &str, name: &str, decrypt: bool, policy: RetryPolicy) -> Result<Secret> {
        secret(self.answer(id, name, decrypt, policy).await?)
    }

    /// The answer of GetParameter in the region of `id`.
    async fn answer(&self, id: &str, name: &str, decrypt: bool, policy: RetryPolicy) -> Result<Parameter> {
        let output = self.session.call(id, policy, |client, overrides| {
            let call = client.get_parameter().name(name).with_decryption(decrypt);
            call.customize().config_override(overrides).send()
        });
        output.await?.parameter.ok_or_else(|| Error::corrupt("AWS answered without a parameter"))
    }

    /// Reads the longest existing name that `path` begins with. The rest of `path` is a keypath.
    async fn reference(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let mut name = path;
        loop {
            match self.parameter(&selected(name, &options.version), options.decrypt, options.retry_policy).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => {
                    let steps = path[name.len()..].split('/').filter(|step| !step.is_empty());
                    return other?.keypath(steps);
                }
            }
            name = match name.rsplit_once('/') {
                Some((shorter, _)) if shorter.len() >= REFERENCE.len() => shorter,
                _ => return Err(Error::not_found("no secret of this name, nor of a shorter one")),
            };
        }
    }

    /// The first parameter in the region of `id` that matches a filter, if any. An empty page need not be the last one.
    async fn describe(
        &self,
        id: &str,
        filter: Option<ParameterStringFilter>,
        policy: RetryPolicy,
    ) -> Result<Option<ParameterMetadata>> {
        let filters = filter.map(|filter| vec![filter]);
        let mut token = None;
        loop {
            let output = self.session.call(id, policy, |client, overrides| {
                let call: DescribeParametersFluentBuilder = client.describe_parameters();
                let call = call.set_parameter_filters(filters.clone()).max_results(50).set_next_token(token.clone());
                call.customize().config_override(overrides).send()
            });
            let output = output.await?;
            if let Some(found) = output.parameters.unwrap_or_default().into_iter().next() {
                return Ok(Some(found));
            }
            token = output.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether a path exists, by DescribeParameters.
    async fn described(&self, path: &str) -> Result<bool> {
        let policy = RetryPolicy::default();
        if is_name(path) && self.describe(path, Some(filter("Name", "Equals", path)?), policy).await?.is_some() {
            return Ok(true);
        }
        let level = match path.trim_end_matches('/') {
            // The root holds whatever there is.
            "" => None,
            level if level.starts_with('/') => Some(filter("Path", "Recursive", level)?),
            // Names without a leading slash have no hierarchy.
            _ => return Ok(false),
        };
        Ok(self.describe(NO_ID, level, policy).await?.is_some())
    }

    /// Whether a path exists, for an identity that may read but not describe. Decrypts nothing.
    async fn readable(&self, path: &str) -> Result<bool> {
        if is_name(path) && self.is_readable(path).await? {
            return Ok(true);
        }
        if !path.starts_with('/') {
            return Ok(false);
        }
        let options = ListOptions { decrypt: false, ..ListOptions::default() };
        let (first, _) = self.page(level(path)?, &options, 1, None).await?;
        Ok(!first.is_empty())
    }

    /// Whether GetParameter finds this name, ARN or version. Decrypts nothing.
    async fn is_readable(&self, name: &str) -> Result<bool> {
        match self.parameter(name, false, RetryPolicy::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn page(
        &self,
        path: &str,
        options: &ListOptions,
        size: i32,
        token: Option<String>,
    ) -> Result<(Vec<Parameter>, Option<String>)> {
        let output = self.session.call(NO_ID, options.retry_policy, |client, overrides| {
            let call = client.get_parameters_by_path().path(path).recursive(options.recursive);
            let call = call.with_decryption(options.decrypt).max_results(size).set_next_token(token.clone());
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        Ok((output.parameters.unwrap_or_default(), output.next_token.filter(|token| !token.is_empty())))
    }
}

#[async_trait]
impl Provider for ParameterStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            update: true,
            update_if_version: true,
            version_numbers: true,
            version_labels: true,
            decrypt: true,
            batch: BATCH,
            ..Capabilities::default()
        }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        if path.strip_prefix(REFERENCE).is_some_and(|name| !name.is_empty()) {
            return self.reference(path, options).await;
        }
        let answer = self.parameter(&selected(path, &options.version), options.decrypt, options.retry_policy).await;
        answer.map_err(|error| with_spelling(path, error))
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let home = self.session.home_region();
        in_batches(paths, &SSM, &home, BATCH, CONCURRENCY, |names| self.batch_or_single(names, options)).await
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let level = level(path)?;
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.page(level, options, BATCH as i32, token).await?;
            found.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        let named = found.into_iter().map(|parameter| (parameter.name.clone().unwrap_or_default(), secret(parameter)));
        let below = named.filter(|(name, _)| is_listed(name, level, options.recursive));
        Listing::collect(below, options.fail_on_error)
    }

    async fn identity(&self) -> Result<Option<Identity>> {
        self.session.identity().await.map(Some)
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        if path.starts_with(REFERENCE) {
            return match self.get(path, &GetOptions::default()).await {
                Ok(_) => Ok(true),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(error),
            };
        }
        if has_colon(path) {
            return self.is_readable(path).await;
        }
        match self.described(path).await {
            Err(error) if error.kind() == ErrorKind::AccessDenied => self.readable(path).await,
            other => other,
        }
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        self.update_value(path, value, options).await.map_err(|error| with_spelling(path, error))
    }
}

fn secret(parameter: Parameter) -> Result<Secret> {
    let mut metadata = Metadata::default().with_version(parameter.version.to_string());
    metadata.name = parameter.name;
    metadata.created = parameter.last_modified_date.and_then(|date| date.try_into().ok());
    let value = parameter.value.ok_or_else(|| Error::corrupt("AWS answered without a value"))?;
    Ok(match parameter.r#type {
        Some(ParameterType::StringList) => Secret::list(value, metadata),
        _ => Secret::text(value, metadata),
    })
}

/// Adds the right spelling to "not found" of a name without a slash at its beginning: names with
/// levels have one. AWS calls some such names invalid.
fn with_spelling(path: &str, error: Error) -> Error {
    let is_name = !path.starts_with('/') && !path.starts_with("arn:");
    match is_name && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) {
        true => error.with_hint(format!("is its name /{path}? Then write three slashes: aws.ps:///{path}")),
        false => error,
    }
}

/// A name with the selector of a version.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html>
fn selected(name: &str, version: &Version) -> String {
    match version {
        Version::Number(number) => format!("{name}:{number}"),
        Version::Label(label) => format!("{name}:{label}"),
        _ => name.to_owned(),
    }
}

fn filter(key: &str, option: &str, value: &str) -> Result<ParameterStringFilter> {
    let filter = ParameterStringFilter::builder().key(key).option(option).values(value).build();
    filter.map_err(|error| Error::new(ErrorKind::Unexpected, "a filter can't be made").with_source(error))
}

/// Whether this is an ARN, or selects a version by `:NUMBER` or `:LABEL`: DescribeParameters finds
/// neither. Names and paths have no colon.
fn has_colon(path: &str) -> bool {
    path.contains(':')
}

/// Whether this can be the name of a parameter. AWS refuses to look for one that ends with a slash.
fn is_name(path: &str) -> bool {
    !path.ends_with('/')
}

/// A path in the form that GetParametersByPath takes.
fn level(path: &str) -> Result<&str> {
    match path.trim_end_matches('/') {
        "" => Ok("/"),
        level if level.starts_with('/') => Ok(level),
        _ => Err(Error::invalid_input("a path of Parameter Store begins with '/'")),
    }
}
