//! `aws.sm`: AWS Secrets Manager.
//!
//! **Authentication**: as [`AwsConfig`] says.
//!
//! **Names**: a secret's name (`prod/db`), its ARN, or its ARN without the six random characters.
//! [`Version::Id`] and [`Version::Stage`] select a version; otherwise it is `AWSCURRENT`.
//!
//! **Calls**: `get` is one GetSecretValue; `get_many` a BatchGetSecretValue for every 20 names, and `get_by_path` one
//! for every 20 secrets, by a filter for the name's prefix. Where the batch call is denied, single calls are made
//! (and, for a path, ListSecrets). `path_exists` is a GetSecretValue, and a ListSecrets if there is no secret of that very
//! name; an identity that may not list sees exact names only.
//!
//! **Listings**: what lies below the path by `/`, and the secret of that very name too, if there is one. A path with a
//! slash at its end means only what lies below.
//!
//! **Updates** are a GetSecretValue, to learn whether the secret is text or binary, and a PutSecretValue; the secret's key
//! stays. An update of one key, or on condition of a version, is a true compare-and-swap: the new version is put
//! under a label of its own, and `AWSCURRENT` is moved to it from the version that was read, which AWS refuses if it is
//! elsewhere by then. That takes the right `secretsmanager:UpdateSecretVersionStage`; without it the version is compared
//! right before the write, which leaves a gap of one round trip.
//!
//! **Deleted** secrets, those that wait for their deletion too, are [`NotFound`](crate::ErrorKind::NotFound), with
//! AWS's reason. **Limits** ([quotas](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html)):
//! values up to 64 KiB; more than one update in ten minutes over long times runs into the quota of versions.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_secretsmanager::{
    operation::get_secret_value::GetSecretValueOutput,
    primitives::{Blob, DateTime},
    types::{ApiErrorType, Filter, FilterNameStringType, SecretValueEntry},
};

use super::{
    batch::{in_batches, singly},
    config::AwsConfig,
    error::{code, from_batch_entry, of_write},
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

service!(Sm, aws_sdk_secretsmanager, "Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER");

/// What one BatchGetSecretValue takes, and one of its pages holds.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
const BATCH: usize = 20;

/// How many calls of one `get_many` or `get_by_path` are under way at once.
const CONCURRENCY: usize = 8;

const CURRENT: &str = "AWSCURRENT";

/// The code for a secret that is not there, or has no value yet.
const NO_VALUE: &str = "ResourceNotFoundException";

/// The code for a secret that is in the wrong state for the call.
const WRONG_STATE: &str = "InvalidRequestException";

/// AWS Secrets Manager.
#[derive(Debug)]
pub struct SecretsManager {
    session: Session<Sm>,
}

/// One page of a batch answer: what was read, and what was refused with its code and AWS's words.
#[derive(Default)]
struct Batch {
    read: Vec<(String, String, Result<Secret>)>,
    refused: Vec<(String, Error)>,
    next: Option<String>,
}

/// Which secrets a batch call is for.
enum Wanted<'a> {
    Names(&'a [String]),
    Prefix(&'a str),
}

impl SecretsManager {
    /// Finds region and credentials. No call is made to Secrets Manager.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if no region can be found,
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if there is no profile of the name that is set.
    pub async fn open(config: AwsConfig) -> Result<Self> {
        Ok(Self { session: Session::open(config).await? })
    }

    pub(crate) async fn explain(config: &AwsConfig, section: &Section) -> Result<Connection> {
        Session::<Sm>::explain(config, section).await
    }

    async fn value(&self, id: &str, version: &Version, effort: Effort) -> Result<Secret> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client.get_secret_value().secret_id(id);
            let call = match version {
                Version::Id(id) => call.version_id(id),
                Version::Stage(stage) => call.version_stage(stage),
                _ => call,
            };
            call.customize().config_override(overrides).send()
        });
        secret(output.await.map_err(deleted)?)
    }

    /// All pages of a batch call.
    async fn batch(&self, wanted: &Wanted<'_>, effort: Effort) -> Result<Batch> {
        let mut all = Batch::default();
        loop {
            let page = self.batch_page(wanted, all.next.take(), effort).await?;
            all.read.extend(page.read);
            all.refused.extend(page.refused);
            all.next = page.next;
            if all.next.is_none() {
                return Ok(all);
            }
        }
    }

    async fn batch_page(&self, wanted: &Wanted<'_>, token: Option<String>, effort: Effort) -> Result<Batch> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client.batch_get_secret_value().set_next_token(token.clone());
            let call = match wanted {
                Wanted::Names(names) => call.set_secret_id_list(Some(names.to_vec())),
                // AWS takes MaxResults only with filters.
                Wanted::Prefix(prefix) => call.set_filters(Some(by_name(prefix))).max_results(BATCH as i32),
            };
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        Ok(Batch {
            read: output.secret_values.unwrap_or_default().into_iter().map(entry).collect(),
            refused: output.errors.unwrap_or_default().into_iter().map(refusal).collect(),
            next: output.next_token.filter(|token| !token.is_empty()),
        })
    }

    /// The answers for up to [`BATCH`] names, singly where the batch gives none.
    async fn batch_or_single(&self, names: Vec<String>, options: &GetOptions) -> Vec<(String, Result<Secret>)> {
        let batch = match options.version {
            Version::Current => self.batch(&Wanted::Names(&names), options.effort).await,
            // The batch call knows the current version only.
            _ => Ok(Batch::default()),
        };
        let found = match batch {
            Ok(batch) => batch.by_id(&names),
            Err(error) if is_refusal(&error) => HashMap::new(),
            Err(error) => names.iter().map(|name| (name.clone(), Err(error.clone()))).collect(),
        };
        let answer = |name: String| async {
            let answer = match found.get(&name) {
                Some(answer) => answer.clone(),
                None => self.value(&name, &options.version, options.effort).await,
            };
            (name, answer)
        };
        singly(names, CONCURRENCY, answer).await
    }

    /// What a path holds, by a call for each secret: for an identity without the right to the batch call.
    async fn list_and_get(&self, path: &str, options: &ListOptions) -> Result<Vec<(String, Result<Secret>)>> {
        let effort = options.effort;
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.list_page(prefix(path), 100, token, effort).await?;
            names.extend(page.into_iter().filter(|name| is_of(path, name, options)));
            token = next;
            if token.is_none() {
                break;
            }
        }
        let answer = |name: String| async {
            let answer = self.value(&name, &Version::Current, effort).await;
            (name, answer)
        };
        Ok(singly(names, CONCURRENCY, answer).await)
    }

    async fn list_page(
        &self,
        prefix: &str,
        size: i32,
        token: Option<String>,
        effort: Effort,
    ) -> Result<(Vec<String>, Option<String>)> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client.list_secrets().set_filters(Some(by_name(prefix)));
            let call = call.max_results(size).set_next_token(token.clone());
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let names = output.secret_list.unwrap_or_default().into_iter().filter_map(|entry| entry.name).collect();
        Ok((names, output.next_token.filter(|token| !token.is_empty())))
    }

    /// Whether any secret lies below `path`; an identity that may not list is told no.
    async fn has_below(&self, path: &str) -> Result<bool> {
        let below = format!("{}/", path.trim_end_matches('/'));
        let mut token = None;
        loop {
            let (names, next) = match self.list_page(prefix(&below), 1, token, Effort::default()).await {
                Err(error) if error.kind() == ErrorKind::AccessDenied => return Ok(false),
                other => other?,
            };
            if names.iter().any(|name| is_listed(name, path, true)) {
                return Ok(true);
            }
            token = next;
            if token.is_none() {
                return Ok(false);
            }
        }
    }

    /// Puts a new version under the given stages and gives its id.
    async fn put(&self, id: &str, value: &SecretValue, stages: Option<Vec<String>>, effort: Effort) -> Result<String> {
        let output = self.session.call(effort, |client, overrides| {
            // The SDK fills in a UUID as the token, the same for all attempts.
            let call = client.put_secret_value().secret_id(id).set_version_stages(stages.clone());
            let call = match value.expose_text() {
                Some(text) => call.secret_string(text),
                None => call.secret_binary(Blob::new(value.expose_bytes())),
            };
            call.customize().config_override(overrides).send()
        });
        let output = output.await.map_err(of_write)?;
        output.version_id.ok_or_else(|| Error::corrupt("AWS answered without a version id"))
    }

    /// Makes `value` the current version if `based_on` still is.
    async fn put_if_current(&self, id: &str, value: &SecretValue, based_on: &str, effort: Effort) -> Result<String> {
        let label = format!("s1crets-{}", uuid::Uuid::new_v4());
        let made = self.put(id, value, Some(vec![label.clone()]), effort).await?;
        let moved = self.move_stage(id, CURRENT, Some(&made), based_on, effort).await;
        // A version without labels is one that Secrets Manager may drop; left on, the label would keep it.
        if let Err(error) = self.move_stage(id, &label, None, &made, effort).await {
            tracing::debug!(kind = %error.kind(), "the update's own label stays on the version");
        }
        match moved {
            Ok(()) => Ok(made),
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(conflict()),
            Err(error) if error.kind() == ErrorKind::AccessDenied => {
                self.compare_and_put(id, value, based_on, effort).await
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a stage off one version and, if told so, puts it on another; refused if it isn't where it is taken from.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>
    async fn move_stage(&self, id: &str, stage: &str, to: Option<&str>, from: &str, effort: Effort) -> Result<()> {
        let output = self.session.call(effort, |client, overrides| {
            let call = client.update_secret_version_stage().secret_id(id).version_stage(stage);
            let call = call.remove_from_version_id(from).set_move_to_version_id(to.map(Into::into));
            call.customize().config_override(overrides).send()
        });
        output.await.map(drop)
    }

    /// The next best thing to [`put_if_current`](Self::put_if_current) for an identity that may not move stages.
    async fn compare_and_put(&self, id: &str, value: &SecretValue, based_on: &str, effort: Effort) -> Result<String> {
        let current = self.value(id, &Version::Current, effort).await?;
        if current.version() != Some(based_on) {
            return Err(conflict());
        }
        self.put(id, value, None, effort).await
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
        self.value(path, &options.version, options.effort).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        in_batches(paths, BATCH, CONCURRENCY, |names| self.batch_or_single(names, options)).await
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        if path.starts_with('!') {
            // The filter would take it for "not".
            return Err(Error::invalid_input("a path of Secrets Manager can't begin with '!'"));
        }
        let found = match self.batch(&Wanted::Prefix(prefix(path)), options.effort).await {
            Ok(batch) => batch.by_name(),
            Err(error) if is_refusal(&error) => self.list_and_get(path, options).await?,
            Err(error) => return Err(error),
        };
        let listed = found.into_iter().filter(|(name, _)| is_of(path, name, options));
        // Deleted since it was listed, or never given a value: not there, rather than unreadable.
        let there = listed.filter(|(_, answer)| !matches!(answer, Err(error) if error.kind() == ErrorKind::NotFound));
        Listing::collect(there, options.fail_on_error)
    }

    /// One DescribeSecret, which takes the right `secretsmanager:DescribeSecret` and decrypts nothing.
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        let output = self.session.call(options.effort, |client, overrides| {
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
        match self.value(path, &Version::Current, Effort::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => self.has_below(path).await,
            Err(error) => Err(error),
        }
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let current = match self.value(path, &Version::Current, options.effort).await {
            Ok(current) => current,
            // A secret without a value yet looks the same as none; PutSecretValue knows better.
            Err(error) if code(&error) == Some(NO_VALUE) && options.keypath.is_empty() => {
                let made = self.put(path, value, None, options.effort).await?;
                return Ok(Updated::new(path, Some(made)));
            }
            Err(error) => return Err(error),
        };
        let value = match options.keypath.is_empty() {
            true => in_form_of(&current, value)?,
            false => current.with_replaced(&options.keypath, value)?,
        };
        let read = (!options.keypath.is_empty()).then(|| current.version()).flatten();
        let made = match options.if_version.as_deref().or(read) {
            Some(based_on) => self.put_if_current(path, &value, based_on, options.effort).await?,
            None => self.put(path, &value, None, options.effort).await?,
        };
        Ok(Updated::new(current.name().unwrap_or(path), Some(made)))
    }
}

impl Batch {
    /// The answers by the id they were asked by: a name, an ARN or an ARN without its random end. What was refused
    /// is left out unless it is simply not there, so that it is asked for singly.
    fn by_id(self, ids: &[String]) -> HashMap<String, Result<Secret>> {
        let mut answers = HashMap::new();
        for (name, arn, answer) in self.read {
            let partial = arn.rsplit_once('-').map_or("", |(partial, _)| partial);
            let asked = ids.iter().filter(|id| [&*name, &*arn, partial].contains(&id.as_str()));
            answers.extend(asked.map(|id| (id.clone(), answer.clone())));
        }
        let missing = self.refused.into_iter().filter(|(_, error)| error.kind() == ErrorKind::NotFound);
        answers.extend(missing.map(|(id, error)| (id, Err(error))));
        answers
    }

    fn by_name(self) -> Vec<(String, Result<Secret>)> {
        let read = self.read.into_iter().map(|(name, _, answer)| (name, answer));
        let refused = self.refused.into_iter().map(|(id, error)| (name_of(&id), Err(error)));
        // A secret that moved between pages while they were read is listed once.
        read.chain(refused).collect::<BTreeMap<_, _>>().into_iter().collect()
    }
}

fn secret(output: GetSecretValueOutput) -> Result<Secret> {
    let GetSecretValueOutput { name, version_id, secret_binary, secret_string, created_date, .. } = output;
    value_of(secret_binary, secret_string, metadata(name, version_id, created_date))
}

fn entry(entry: SecretValueEntry) -> (String, String, Result<Secret>) {
    let SecretValueEntry { arn, name, version_id, secret_binary, secret_string, created_date, .. } = entry;
    let secret = value_of(secret_binary, secret_string, metadata(name.clone(), version_id, created_date));
    (name.unwrap_or_default(), arn.unwrap_or_default(), secret)
}

fn refusal(error: ApiErrorType) -> (String, Error) {
    let (code, message) = (error.error_code.unwrap_or_default(), error.message.unwrap_or_default());
    (error.secret_id.unwrap_or_default(), deleted(from_batch_entry(&code, &message)))
}

fn metadata(name: Option<String>, version: Option<String>, created: Option<DateTime>) -> Metadata {
    Metadata { name, version, created: created.and_then(|date| date.try_into().ok()), ..Metadata::default() }
}

/// Bytes come before text, as in the Python s1crets.
fn value_of(binary: Option<Blob>, text: Option<String>, metadata: Metadata) -> Result<Secret> {
    match (binary, text) {
        (Some(bytes), _) => Ok(Secret::binary(bytes.into_inner(), metadata)),
        (None, Some(text)) => Ok(Secret::text(text, metadata)),
        (None, None) => Err(Error::corrupt("AWS answered with neither text nor bytes")),
    }
}

/// A read of a secret in the wrong state: it waits for its deletion. No other state refuses reads.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors>
fn deleted(error: Error) -> Error {
    match code(&error) {
        Some(WRONG_STATE) => Error::not_found(error.message().to_owned()).with_source(error),
        _ => error,
    }
}

/// The new value as text or as bytes, whichever the secret is.
fn in_form_of(current: &Secret, value: &SecretValue) -> Result<SecretValue> {
    match (current.is_binary(), value.is_binary()) {
        (true, false) => Ok(SecretValue::binary(value.expose_bytes())),
        (false, true) => match std::str::from_utf8(value.expose_bytes()) {
            Ok(text) => Ok(SecretValue::text(text)),
            Err(_) => Err(Error::invalid_input("this secret is text, and the new value is not UTF-8")),
        },
        _ => Ok(value.clone()),
    }
}

/// What the names below a path begin with. Names may begin with a slash themselves, or not.
fn prefix(path: &str) -> &str {
    if path.trim_end_matches('/').is_empty() { "" } else { path }
}

/// Whether a listing of `path` holds the secret of this name.
fn is_of(path: &str, name: &str, options: &ListOptions) -> bool {
    name == path || is_listed(name, path, options.recursive)
}

fn by_name(prefix: &str) -> Vec<Filter> {
    let key = FilterNameStringType::Name;
    (!prefix.is_empty()).then(|| Filter::builder().key(key).values(prefix).build()).into_iter().collect()
}

/// The name in an ARN, `arn:…:secret:NAME-AbCdEf`; anything else as it is.
fn name_of(id: &str) -> String {
    let named = id.split_once(":secret:").and_then(|(_, name)| name.rsplit_once('-'));
    named.map_or(id, |(name, _)| name).to_owned()
}

/// Whether single calls may fare better than this batch call did.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::InvalidInput | ErrorKind::NotFound)
}

fn conflict() -> Error {
    Error::new(ErrorKind::Conflict, "the secret was changed in the meantime; nothing was overwritten")
        .with_hint("read the secret again and repeat the update")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_arns() {
        assert_eq!(name_of("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-x-AbCdEf"), "prod/db-x");
        assert_eq!(name_of("prod/db-x"), "prod/db-x");
    }

    #[test]
    fn text_stays_text_and_bytes_stay_bytes() {
        let text = Secret::text("t", Metadata::default());
        let bytes = Secret::binary([0xff], Metadata::default());
        assert!(in_form_of(&bytes, &"x".into()).expect("bytes").is_binary());
        assert!(!in_form_of(&text, &vec![b'x'].into()).expect("text").is_binary());
        assert_eq!(in_form_of(&text, &vec![0xff].into()).expect_err("not UTF-8").kind(), ErrorKind::InvalidInput);
    }
}
