//! The look-ups of a template: answers known so far, and requests for the next read.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use minijinja::value::{Enumerator, Object, Value};
use s1crets::{Client, Error, Listing, Reference, Secret};

use super::engine::nothing_below;
use crate::{args::Global, path_arg, whole_map::as_one_value};

/// All look-ups of a template.
///
/// # Invariants
///
/// - Within a run, answers don't change. Between runs they are only added.
/// - A reference that may contain a value never reaches an error.
#[derive(Default)]
pub(super) struct Lookups {
    /// The text of the template. A reference that occurs in it may be shown.
    source: String,
    answers: Answers,
    requests: Requests,
    /// Errors of the secrets that this run needs and that can't be read, each once.
    missing: Vec<Error>,
}

/// References to read, as the template gives them.
#[derive(Debug, Default)]
pub(super) struct Requests {
    secrets: BTreeSet<String>,
    listings: BTreeSet<String>,
}

/// The results of reading, by reference as the template gives it.
#[derive(Default)]
pub(super) struct Answers {
    secrets: BTreeMap<String, Result<Secret, Error>>,
    listings: BTreeMap<String, Result<BTreeMap<String, Secret>, Vec<Error>>>,
}

impl Lookups {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// The value of a secret; an empty text until it is known.
    pub(super) fn secret(&mut self, reference: &str) -> Value {
        match self.answers.secrets.get(reference) {
            Some(Ok(secret)) => return value(secret),
            Some(Err(error)) => self.report_missing(reference, [error.clone()]),
            None => drop(self.requests.secrets.insert(reference.to_owned())),
        }
        Value::from("")
    }

    /// The values below a path, by their names relative to it; an [`Unread`] listing until known.
    pub(super) fn listing(&mut self, prefix: &str) -> Value {
        match self.answers.listings.get(prefix) {
            Some(Ok(found)) => {
                return Value::from_pairs(found.iter().map(|(name, secret)| (name.clone(), value(secret))));
            }
            Some(Err(errors)) => self.report_missing(prefix, errors.clone()),
            None => drop(self.requests.listings.insert(prefix.to_owned())),
        }
        Value::from_object(Unread)
    }

    /// The requests and the errors of the run that has ended.
    pub(super) fn take_outstanding(&mut self) -> (Requests, Vec<Error>) {
        (mem::take(&mut self.requests), mem::take(&mut self.missing))
    }

    /// The names below a path that was listed; none if it wasn't.
    pub(super) fn names_below(&self, prefix: &str) -> Vec<String> {
        let found = self.answers.listings.get(prefix).and_then(|answer| answer.as_ref().ok());
        found.into_iter().flat_map(|found| found.keys().cloned()).collect()
    }

    pub(super) fn record(&mut self, answers: Answers) {
        self.answers.secrets.extend(answers.secrets);
        self.answers.listings.extend(answers.listings);
    }

    pub(super) fn secrets(&self) -> Vec<(String, Secret)> {
        let single = self.answers.secrets.iter().filter_map(|(name, answer)| Some((name, answer.as_ref().ok()?)));
        let listed = self.answers.listings.values().filter_map(|answer| answer.as_ref().ok()).flatten();
        single.chain(listed).map(|(name, secret)| (name.clone(), secret.clone())).collect()
    }

    /// Records the errors of a look-up, each once.
    ///
    /// Once values are known, the template may have built the reference from one, in any encoding.
    /// So the reference is shown only if it occurs literally in the template.
    fn report_missing(&mut self, reference: &str, errors: impl IntoIterator<Item = Error>) {
        let may_be_shown = self.source.contains(reference) || self.secrets().is_empty();
        for error in errors {
            let error = match may_be_shown {
                true => error,
                false => Error::new(
                    error.kind(),
                    "a reference that the template builds can't be read; it isn't shown because it may contain a secret",
                ),
            };
            if !self.missing.iter().any(|known| known.to_string() == error.to_string()) {
                self.missing.push(error);
            }
        }
    }
}

/// A listing that isn't known yet: empty when iterated, and an empty text under any name. So the
/// run goes on and notes all further look-ups.
#[derive(Debug)]
struct Unread;

impl Object for Unread {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(""))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.listings.is_empty()
    }

    /// Reads everything requested: secrets in one batch, listings one by one.
    pub(super) async fn load(self, client: &Client, global: &Global) -> Answers {
        let references: Vec<_> = self.secrets.iter().map(|text| reference(client, global, text)).collect();
        let read = client.get_refs(&references).cached(!global.no_cache).await;
        let read = read.into_iter().map(|answer| answer.and_then(as_one_value));
        let mut answers = Answers { secrets: self.secrets.into_iter().zip(read).collect(), ..Answers::default() };
        for prefix in self.listings {
            let listed = list(client, global, &prefix).await;
            answers.listings.insert(prefix, listed);
        }
        answers
    }
}

async fn list(client: &Client, global: &Global, prefix: &str) -> Result<BTreeMap<String, Secret>, Vec<Error>> {
    let of: Reference = reference(client, global, prefix).parse().map_err(|error| vec![error])?;
    if !of.keypath().is_empty() {
        let error = Error::new(s1crets::ErrorKind::InvalidInput, format!("a listing takes no key: {prefix}"));
        return Err(vec![error]);
    }
    let call = client.get_by_path(of.provider(), of.path()).cached(!global.no_cache).fail_on_error(false);
    let listing = call.await.map_err(|error| vec![error])?;
    let failures: Vec<_> = listing.failures().map(|(_, error)| error.clone()).collect();
    match (failures.is_empty(), listing.is_empty()) {
        (false, _) => Err(failures),
        (true, true) => Err(vec![nothing_below(prefix)]),
        (true, false) => relative(&listing, of.path()).map_err(|error| vec![error]),
    }
}

/// The secrets of a listing by their names relative to its path. A whole map is its JSON text.
fn relative(listing: &Listing, path: &str) -> Result<BTreeMap<String, Secret>, Error> {
    let name =
        |full: &str| full.strip_prefix(path.trim_end_matches('/')).unwrap_or(full).trim_start_matches('/').to_owned();
    listing.iter().map(|(full, secret)| Ok((name(full), as_one_value(secret.clone())?))).collect()
}

/// Adds the provider of `--provider`, or the default one, to a reference without a provider.
fn reference(client: &Client, global: &Global, text: &str) -> String {
    match path_arg::is_reference(client, text) {
        true => text.to_owned(),
        false => format!("{}://{text}", path_arg::default_provider(client, global)),
    }
}

/// A secret that is one value.
fn value(secret: &Secret) -> Value {
    match secret.expose_str() {
        Ok(text) => Value::from(text),
        Err(_) => Value::from_bytes(secret.expose_bytes().unwrap_or_default().to_vec()),
    }
}
