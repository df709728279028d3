//! Reading many secrets of Secrets Manager: by BatchGetSecretValue, or one by one where it is denied.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::types::{ApiErrorType, Filter, FilterNameStringType, SecretValueEntry};

use super::{BATCH, CONCURRENCY, CURRENT, SecretsManager, deleted, metadata, value_of};
use crate::{
    aws_session::{error::from_batch_entry, session::NO_ID},
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions, Version},
    provider::is_listed,
    providers::aws::batch::singly,
    retry::RetryPolicy,
    secret::Secret,
};

/// The answers of a batch call, from one page or all of them.
#[derive(Default)]
pub(super) struct Batch {
    /// Name, ARN and value.
    read: Vec<(String, String, Result<Secret>)>,
    refused: Vec<(String, Error)>,
    /// Names whose answer is not the current version: they are read one by one.
    pub(super) not_current: Vec<String>,
    next: Option<String>,
}

/// Which secrets a batch call is for. Names are of one region.
pub(super) enum Wanted<'a> {
    Names(&'a [String]),
    Prefix(&'a str),
}

impl Wanted<'_> {
    /// An id in the region of all.
    fn region_id(&self) -> &str {
        match self {
            Self::Names(names) => names.first().map_or(NO_ID, String::as_str),
            Self::Prefix(_) => NO_ID,
        }
    }
}

impl SecretsManager {
    /// All pages of a batch call.
    pub(super) async fn batch(&self, wanted: &Wanted<'_>, policy: RetryPolicy) -> Result<Batch> {
        let mut all = Batch::default();
        loop {
            let page = self.batch_page(wanted, all.next.take(), policy).await?;
            all.read.extend(page.read);
            all.refused.extend(page.refused);
            all.not_current.extend(page.not_current);
            all.next = page.next;
            if all.next.is_none() {
                return Ok(all);
            }
        }
    }

    async fn batch_page(&self, wanted: &Wanted<'_>, token: Option<String>, policy: RetryPolicy) -> Result<Batch> {
        let output = self.session.call(wanted.region_id(), policy, |client, overrides| {
            let call = client.batch_get_secret_value().set_next_token(token.clone());
            let call = match wanted {
                Wanted::Names(names) => call.set_secret_id_list(Some(names.to_vec())),
                // AWS takes MaxResults only with filters.
                Wanted::Prefix(prefix) => call.set_filters(Some(by_name(prefix))).max_results(BATCH as i32),
            };
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let (current, other): (Vec<_>, Vec<_>) =
            output.secret_values.unwrap_or_default().into_iter().partition(is_current);
        Ok(Batch {
            read: current.into_iter().map(entry).collect(),
            not_current: other.into_iter().filter_map(|entry| entry.name).collect(),
            refused: output.errors.unwrap_or_default().into_iter().map(|error| self.refusal(error)).collect(),
            next: output.next_token.filter(|token| !token.is_empty()),
        })
    }

    fn refusal(&self, error: ApiErrorType) -> (String, Error) {
        let (code, message) = (error.error_code.unwrap_or_default(), error.message.unwrap_or_default());
        let id = error.secret_id.unwrap_or_default();
        let error = self.session.with_place(&id, from_batch_entry(&code, &message));
        (id, deleted(error))
    }

    /// Reads up to [`BATCH`] names by a batch call, and those that it leaves open one by one.
    pub(super) async fn batch_or_single(
        &self,
        names: Vec<String>,
        options: &GetOptions,
    ) -> Vec<(String, Result<Secret>)> {
        let batch = match options.version {
            Version::Current => self.batch(&Wanted::Names(&names), options.retry_policy).await,
            // The batch call reads current versions only.
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
                None => self.value(&name, &options.version, options.retry_policy).await,
            };
            let answer = self.with_spelling(&name, answer, options.retry_policy).await;
            (name, answer)
        };
        singly(names, CONCURRENCY, answer).await
    }

    /// Reads what lies below a path by a call for each secret, without the batch call.
    pub(super) async fn list_and_get(
        &self,
        path: &str,
        options: &ListOptions,
    ) -> Result<Vec<(String, Result<Secret>)>> {
        let policy = options.retry_policy;
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.list_page(prefix(path), 100, token, policy).await?;
            names.extend(page.into_iter().filter(|name| is_listing_of(path, name, options)));
            token = next;
            if token.is_none() {
                break;
            }
        }
        Ok(self.each(names, &Version::Current, policy).await)
    }

    /// One GetSecretValue for each name.
    pub(super) async fn each(
        &self,
        names: Vec<String>,
        version: &Version,
        policy: RetryPolicy,
    ) -> Vec<(String, Result<Secret>)> {
        let answer = |name: String| async {
            let answer = self.value(&name, version, policy).await;
            (name, answer)
        };
        singly(names, CONCURRENCY, answer).await
    }

    async fn list_page(
        &self,
        prefix: &str,
        size: i32,
        token: Option<String>,
        policy: RetryPolicy,
    ) -> Result<(Vec<String>, Option<String>)> {
        let output = self.session.call(NO_ID, policy, |client, overrides| {
            let call = client.list_secrets().set_filters(Some(by_name(prefix)));
            let call = call.max_results(size).set_next_token(token.clone());
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let names = output.secret_list.unwrap_or_default().into_iter().filter_map(|entry| entry.name).collect();
        Ok((names, output.next_token.filter(|token| !token.is_empty())))
    }

    /// Whether any secret whose name begins with `filter` is a `wanted` one.
    pub(super) async fn any_name(&self, filter: &str, wanted: impl Fn(&str) -> bool) -> Result<bool> {
        let mut token = None;
        loop {
            let (names, next) = self.list_page(prefix(filter), 100, token, RetryPolicy::default()).await?;
            if names.iter().any(|name| wanted(name)) {
                return Ok(true);
            }
            token = next;
            if token.is_none() {
                return Ok(false);
            }
        }
    }
}

impl Batch {
    /// The answers by the id they were asked by: a name, an ARN or an ARN without its random end.
    /// A refused id is left out, so that it is read alone, unless there is no such secret.
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

    /// The answers by name.
    pub(super) fn by_name(self) -> Vec<(String, Result<Secret>)> {
        let read = self.read.into_iter().map(|(name, _, answer)| (name, answer));
        let refused = self.refused.into_iter().map(|(id, error)| (name_of(&id), Err(error)));
        // A secret can move from one page to the next while they are read.
        read.chain(refused).collect::<BTreeMap<_, _>>().into_iter().collect()
    }
}

/// Whether a batch answer is the current version. On AWS it always is. moto answers with an older one
/// once a stage has moved, and a batch call can't name the stage.
fn is_current(entry: &SecretValueEntry) -> bool {
    let stages = entry.version_stages.as_deref();
    stages.is_none_or(|stages| stages.iter().any(|stage| stage == CURRENT))
}

fn entry(entry: SecretValueEntry) -> (String, String, Result<Secret>) {
    let SecretValueEntry { arn, name, version_id, secret_binary, secret_string, created_date, .. } = entry;
    let secret = value_of(secret_binary, secret_string, metadata(name.clone(), version_id, created_date));
    (name.unwrap_or_default(), arn.unwrap_or_default(), secret)
}

/// What the names below a path begin with: anything below the root, as names need no leading slash.
pub(super) fn prefix(path: &str) -> &str {
    if path.trim_end_matches('/').is_empty() { "" } else { path }
}

/// Whether a listing of `path` holds the secret of this name.
pub(super) fn is_listing_of(path: &str, name: &str, options: &ListOptions) -> bool {
    name == path || is_listed(name, path, options.recursive)
}

fn by_name(prefix: &str) -> Vec<Filter> {
    let key = FilterNameStringType::Name;
    (!prefix.is_empty()).then(|| Filter::builder().key(key).values(prefix).build()).into_iter().collect()
}

/// The name in an ARN, `arn:…:secret:NAME-AbCdEf`; any other id as it is.
fn name_of(id: &str) -> String {
    let named = id.split_once(":secret:").and_then(|(_, name)| name.rsplit_once('-'));
    named.map_or(id, |(name, _)| name).to_owned()
}

/// Whether single reads may succeed where this batch call failed: one bad name fails a whole batch.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::InvalidInput | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_an_arn_ends_before_the_random_characters() {
        assert_eq!(name_of("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-x-AbCdEf"), "prod/db-x");
        assert_eq!(name_of("prod/db-x"), "prod/db-x");
    }
}
