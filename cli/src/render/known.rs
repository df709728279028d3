//! What a template asked for, and what was answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::value::{Enumerator, Object, Value};
use s1crets::{Client, Error, Listing, Reference, Secret};

use super::engine::nothing_below;
use crate::{args::Global, path_arg};

/// The answers so far, and what is to be asked next.
#[derive(Default)]
pub(super) struct Known {
    /// The template: what stands in it may be told.
    source: String,
    answers: Answers,
    pub(super) asked: Asked,
    /// What this run would have needed and there is not.
    pub(super) missing: Vec<Error>,
}

/// References as they stand in the template.
#[derive(Debug, Default)]
pub(super) struct Asked {
    secrets: BTreeSet<String>,
    listings: BTreeSet<String>,
}

/// The same with what was answered.
#[derive(Default)]
pub(super) struct Answers {
    secrets: BTreeMap<String, Result<Secret, Error>>,
    listings: BTreeMap<String, Result<BTreeMap<String, Secret>, Vec<Error>>>,
}

impl Known {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// A secret's value; an empty text as long as it is not known.
    pub(super) fn secret(&mut self, reference: &str) -> Value {
        match self.answers.secrets.get(reference) {
            Some(Ok(secret)) => return value(secret),
            Some(Err(error)) => self.miss(reference, [error.clone()]),
            None => drop(self.asked.secrets.insert(reference.to_owned())),
        }
        Value::from("")
    }

    /// The values below a path, by their names from there on.
    pub(super) fn listing(&mut self, prefix: &str) -> Value {
        match self.answers.listings.get(prefix) {
            Some(Ok(found)) => {
                return Value::from_pairs(found.iter().map(|(name, secret)| (name.clone(), value(secret))));
            }
            Some(Err(errors)) => self.miss(prefix, errors.clone()),
            None => drop(self.asked.listings.insert(prefix.to_owned())),
        }
        Value::from_object(Unread)
    }

    pub(super) fn learn(&mut self, answers: Answers) {
        self.answers.secrets.extend(answers.secrets);
        self.answers.listings.extend(answers.listings);
    }

    pub(super) fn secrets(&self) -> Vec<(String, Secret)> {
        let single = self.answers.secrets.iter().filter_map(|(name, answer)| Some((name, answer.as_ref().ok()?)));
        let listed = self.answers.listings.values().filter_map(|answer| answer.as_ref().ok()).flatten();
        single.chain(listed).map(|(name, secret)| (name.clone(), secret.clone())).collect()
    }

    /// Each once, however often the template asks. A reference that the template put together may hold a value, in whatever
    /// form, once there are values: then it is not told.
    fn miss(&mut self, reference: &str, errors: impl IntoIterator<Item = Error>) {
        let may_be_told = self.source.contains(reference) || self.secrets().is_empty();
        for error in errors {
            let error = match may_be_told {
                true => error,
                false => Error::new(
                    error.kind(),
                    "a reference that the template puts together leads nowhere; it is not told, for it may hold a secret",
                ),
            };
            if !self.missing.iter().any(|known| known.to_string() == error.to_string()) {
                self.missing.push(error);
            }
        }
    }
}

/// What a listing is as long as it is not known: it holds nothing, and under any name an empty text. So a run goes on to all
/// that the template asks for.
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

impl Asked {
    pub(super) fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.listings.is_empty()
    }

    /// Reads all of it: single secrets together, listings one after the other.
    pub(super) async fn load(self, client: &Client, global: &Global) -> Answers {
        let references: Vec<_> = self.secrets.iter().map(|text| reference(client, global, text)).collect();
        let read = client.get_refs(&references).cached(!global.no_cache).await;
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
        let error = Error::new(s1crets::ErrorKind::InvalidInput, format!("a listing has no keys: {prefix}"));
        return Err(vec![error]);
    }
    let call = client.get_by_path(of.provider(), of.path()).cached(!global.no_cache).fail_on_error(false);
    let listing = call.await.map_err(|error| vec![error])?;
    let failures: Vec<_> = listing.failures().map(|(_, error)| error.clone()).collect();
    match (failures.is_empty(), listing.is_empty()) {
        (false, _) => Err(failures),
        (true, true) => Err(vec![nothing_below(prefix)]),
        (true, false) => Ok(relative(&listing, of.path())),
    }
}

/// By the names from the path on.
fn relative(listing: &Listing, path: &str) -> BTreeMap<String, Secret> {
    let name =
        |full: &str| full.strip_prefix(path.trim_end_matches('/')).unwrap_or(full).trim_start_matches('/').to_owned();
    listing.iter().map(|(full, secret)| (name(full), secret.clone())).collect()
}

/// What has no provider in front is of the one that was named, or of the default.
fn reference(client: &Client, global: &Global, text: &str) -> String {
    match Reference::looks_like(text) {
        true => text.to_owned(),
        false => format!("{}://{text}", path_arg::default_provider(client, global)),
    }
}

fn value(secret: &Secret) -> Value {
    match secret.expose_str() {
        Ok(text) => Value::from(text),
        Err(_) => Value::from_bytes(secret.expose_bytes().to_vec()),
    }
}
