//! `aws.ps`: AWS Systems Manager Parameter Store.
//!
//! **Authentication**: as [`AwsConfig`] says.
//!
//! **Names**: full names (`/prod/db/password`), ARNs of shared parameters, and
//! `/aws/reference/secretsmanager/NAME`, which reads Secrets Manager: of the path behind it the longest existing
//! name wins, and what is left is a keypath into that secret's JSON. `name:3` and `name:label` select a version, as do
//! [`Version::Number`] and [`Version::Label`].
//!
//! **Calls**: `get` is one GetParameter; `get_many` a GetParameters for every 10 names; `get_by_path` a
//! GetParametersByPath for every 10 parameters; `path_exists` one or two DescribeParameters; `update` a
//! DescribeParameters and a PutParameter, with a GetParameter between them for one key.
//!
//! **Updates** keep Type, KeyId, Description, Tier, DataType and AllowedPattern. Parameter Store has no conditional
//! write. An update of one key, or on condition of a version, compares the version before it writes, and after it
//! whether it made the very next one: if somebody else wrote in between, that is a
//! [`Conflict`](crate::ErrorKind::Conflict), and their value stands in the parameter's history.
//!
//! **Limits** ([quotas](https://docs.aws.amazon.com/general/latest/gr/ssm.html)): values up to 4 KiB (Standard) or 8 KiB
//! (Advanced); a StringList is one text with commas.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_ssm::{
    operation::describe_parameters::builders::DescribeParametersFluentBuilder,
    types::{Parameter, ParameterMetadata, ParameterStringFilter},
};

use super::{
    batch::{in_batches, singly},
    config::AwsConfig,
    error::of_write,
    session::{Session, service},
};
use crate::{
    capabilities::Capabilities,
    config::{Connection, Section},
    error::{Error, ErrorKind, Result},
    options::{Effort, GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Identity, Listing, Provider, Updated, is_listed},
    secret::{Metadata, Secret, SecretValue},
};

service!(Ssm, aws_sdk_ssm, "SSM", "AWS_ENDPOINT_URL_SSM");

/// What one GetParameters takes, and one page of GetParametersByPath holds.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const BATCH: usize = 10;

/// How many calls of one `get_many` are under way at once. GetParameters is throttled by the account.
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
    /// [`Config`](crate::ErrorKind::Config) if no region can be found,
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if there is no profile of the name that is set.
    pub async fn open(config: AwsConfig) -> Result<Self> {
        Ok(Self { session: Session::open(config).await? })
    }

    pub(crate) async fn explain(config: &AwsConfig, section: &Section) -> Result<Connection> {
        Session::<Ssm>::explain(config, section).await
    }

    async fn parameter(&self, name: &str, decrypt: bool, effort: Effort) -> Result<Secret> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client.get_parameter().name(name).with_decryption(decrypt);
            call.customize().config_override(overrides).send()
        });
        let parameter = output.await?.parameter.ok_or_else(|| Error::corrupt("AWS answered without a parameter"))?;
        secret(parameter)
    }

    /// The longest existing name that `path` begins with; what is left of `path` is a keypath.
    async fn reference(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let mut name = path;
        loop {
            match self.parameter(&selected(name, &options.version), options.decrypt, options.effort).await {
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

    /// One GetParameters. Every name has an answer, but for those that need a call of their own.
    async fn batch(&self, names: &[String], options: &GetOptions) -> Result<HashMap<String, Result<Secret>>> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let selectors: Vec<_> = names.iter().map(|name| selected(name, &options.version)).collect();
        let output = self.session.call(options.effort, |client, overrides| {
            let names = Some(selectors.clone());
            let call = client.get_parameters().set_names(names).with_decryption(options.decrypt);
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let mut answers = HashMap::new();
        for invalid in output.invalid_parameters.unwrap_or_default() {
            answers.insert(invalid, Err(Error::not_found("no such parameter")));
        }
        for parameter in output.parameters.unwrap_or_default() {
            let selector = parameter.selector.clone().unwrap_or_default();
            let called = [&parameter.arn, &parameter.name].into_iter().flatten();
            let keys: Vec<_> = called.map(|name| format!("{name}{selector}")).collect();
            let secret = secret(parameter);
            answers.extend(keys.into_iter().map(|key| (key, secret.clone())));
        }
        Ok(answers)
    }

    /// The answers for up to [`BATCH`] names, singly where the batch gives none.
    async fn batch_or_single(&self, names: Vec<String>, options: &GetOptions) -> Vec<(String, Result<Secret>)> {
        let plain: Vec<_> = names.iter().filter(|name| !name.starts_with(REFERENCE)).cloned().collect();
        let found = match self.batch(&plain, options).await {
            Ok(found) => found,
            // One name without rights, or malformed, fails the whole batch.
            Err(error) if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::InvalidInput) => HashMap::new(),
            Err(error) => plain.iter().map(|name| (selected(name, &options.version), Err(error.clone()))).collect(),
        };
        let answer = |name: String| async {
            let answer = match found.get(&selected(&name, &options.version)) {
                Some(answer) => answer.clone(),
                None => self.get(&name, options).await,
            };
            (name, answer)
        };
        singly(names, CONCURRENCY, answer).await
    }

    /// The first parameter that a filter finds, or of all. A page may be empty and yet not be the last one.
    async fn describe(
        &self,
        filter: Option<ParameterStringFilter>,
        effort: Effort,
    ) -> Result<Option<ParameterMetadata>> {
        let filters = filter.map(|filter| vec![filter]);
        let mut token = None;
        loop {
            let output = self.session.call(effort, |client, overrides| {
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

    async fn described(&self, path: &str) -> Result<bool> {
        let effort = Effort::default();
        if is_name(path) && self.describe(Some(filter("Name", "Equals", path)?), effort).await?.is_some() {
            return Ok(true);
        }
        let level = match path.trim_end_matches('/') {
            // The root holds whatever there is.
            "" => None,
            level if level.starts_with('/') => Some(filter("Path", "Recursive", level)?),
            // Names without a leading slash have no hierarchy.
            _ => return Ok(false),
        };
        Ok(self.describe(level, effort).await?.is_some())
    }

    /// The same as [`described`](Self::described) for an identity that may read but not describe.
    async fn readable(&self, path: &str) -> Result<bool> {
        if is_name(path) {
            match self.parameter(path, false, Effort::default()).await {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if !path.starts_with('/') {
            return Ok(false);
        }
        let options = ListOptions { decrypt: false, ..ListOptions::default() };
        let (first, _) = self.page(level(path)?, &options, 1, None).await?;
        Ok(!first.is_empty())
    }

    async fn page(
        &self,
        path: &str,
        options: &ListOptions,
        size: i32,
        token: Option<String>,
    ) -> Result<(Vec<Parameter>, Option<String>)> {
        let output = self.session.call(options.effort, |client, overrides| {
            let call = client.get_parameters_by_path().path(path).recursive(options.recursive);
            let call = call.with_decryption(options.decrypt).max_results(size).set_next_token(token.clone());
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        Ok((output.parameters.unwrap_or_default(), output.next_token.filter(|token| !token.is_empty())))
    }

    /// The value to write and the version that it is made from, if that matters.
    async fn change(
        &self,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<(SecretValue, Option<i64>)> {
        let condition = options.if_version.as_deref().map(version_number).transpose()?;
        if options.keypath.is_empty() {
            return Ok((value.clone(), condition));
        }
        let current = self.parameter(path, true, options.effort).await?;
        let read = version_number(current.version().unwrap_or_default())?;
        Ok((current.with_replaced(&options.keypath, value)?, condition.or(Some(read))))
    }

    async fn put(&self, old: &ParameterMetadata, value: &str, effort: Effort) -> Result<i64> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client
                .put_parameter()
                .overwrite(true)
                .value(value)
                .set_name(old.name.clone())
                .set_type(old.r#type.clone())
                .set_key_id(old.key_id.clone())
                .set_description(old.description.clone())
                .set_tier(old.tier.clone())
                .set_data_type(old.data_type.clone())
                .set_allowed_pattern(old.allowed_pattern.clone());
            call.customize().config_override(overrides).send()
        });
        Ok(output.await?.version)
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
        self.parameter(&selected(path, &options.version), options.decrypt, options.effort).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        in_batches(paths, BATCH, CONCURRENCY, |names| self.batch_or_single(names, options)).await
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
        match self.described(path).await {
            Err(error) if error.kind() == ErrorKind::AccessDenied => self.readable(path).await,
            other => other,
        }
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        if path.starts_with(REFERENCE) {
            return Err(Error::unsupported("a Secrets Manager reference can't be written through Parameter Store")
                .with_hint("update it with the provider aws.sm"));
        }
        let (value, based_on) = self.change(path, value, options).await?;
        let Some(text) = value.expose_text() else {
            return Err(Error::invalid_input("Parameter Store keeps text, not bytes"));
        };
        let old = self.describe(Some(filter("Name", "Equals", path)?), options.effort).await?;
        let old = old.filter(|old| old.name.as_deref() == Some(path) || old.arn.as_deref() == Some(path));
        let old = old.ok_or_else(|| Error::not_found("no such parameter"))?;
        if based_on.is_some_and(|version| version != old.version) {
            return Err(conflict("the parameter was changed in the meantime; nothing was written"));
        }
        let made = self.put(&old, text, options.effort).await.map_err(of_write)?;
        if based_on.is_some_and(|version| version + 1 != made) {
            return Err(conflict("the parameter was changed in the meantime; that value is now in its history"));
        }
        Ok(Updated::new(old.name.unwrap_or_else(|| path.into()), Some(made.to_string())))
    }
}

fn secret(parameter: Parameter) -> Result<Secret> {
    let mut metadata = Metadata::default().with_version(parameter.version.to_string());
    metadata.name = parameter.name;
    metadata.created = parameter.last_modified_date.and_then(|date| date.try_into().ok());
    let value = parameter.value.ok_or_else(|| Error::corrupt("AWS answered without a value"))?;
    Ok(Secret::text(value, metadata))
}

/// A name with the version's selector behind it.
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

/// Whether this can be the name of a parameter: AWS refuses to look for one that ends with a slash.
fn is_name(path: &str) -> bool {
    !path.ends_with('/')
}

/// A path as GetParametersByPath takes it.
fn level(path: &str) -> Result<&str> {
    match path.trim_end_matches('/') {
        "" => Ok("/"),
        level if level.starts_with('/') => Ok(level),
        _ => Err(Error::invalid_input("a path of Parameter Store begins with '/'")),
    }
}

fn version_number(version: &str) -> Result<i64> {
    version
        .parse()
        .map_err(|_| Error::invalid_input(format!("{version:?} is no version of a parameter: those are numbers")))
}

fn conflict(message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).with_hint("read the parameter again and repeat the update")
}
