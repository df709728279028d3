//! `Secret`: a value that a provider returned, shared by its clones, redacted and wiped.

mod replace;

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    secret::{
        Freshness, Json, KeyPath, Metadata, SecretValue,
        document::{Content, Document, NamedValues, SingleValue},
        freshness::Provenance,
        json::{NodeId, NotJson, ROOT, Tree},
        keypath::{self, Found},
    },
};

/// A secret exactly as the provider returned it, or a part of one.
///
/// A secret is text or bytes, or a map of named values that are text or bytes each, such as a
/// Kubernetes Secret. A part is what a key or a [`KeyPath`] picks: of a map one named value, and of
/// text that is JSON a value in it.
///
/// Clones and parts share the buffers, which are wiped when the last of them is dropped. `Debug` is
/// redacted, and there is no `Display` and no `Serialize`. So a value leaves only through
/// [`expose_str`](Self::expose_str), [`expose_bytes`](Self::expose_bytes), [`parse`](Self::parse)
/// or [`Json`].
///
/// Two secrets are equal if their bytes are, or their names and bytes for maps. Values of equal
/// length are compared in constant time.
#[derive(Clone)]
pub struct Secret {
    shared: Arc<Shared>,
    /// The value in the JSON of the origin that this is. `None`: all of it, JSON or not.
    node: Option<NodeId>,
}

/// What the clones of a secret share. A secret is small, as a cache hit moves it several times.
struct Shared {
    /// Copies of a secret share it with a reference count of their own each: see
    /// [`Secret::with_own_count`].
    document: Arc<Document>,
    origin: Origin,
    /// What the cache that returned this recorded about it.
    provenance: Option<Provenance>,
}

/// Where in the document a secret has its value.
#[derive(Clone)]
enum Origin {
    Whole,
    /// The named value of a map at this index.
    Entry(usize),
    /// A copy: an array that a keypath collected from several places, or an item of a list. The
    /// document stays with it, to tell its version from others.
    Copied(Arc<SingleValue>),
}

impl Secret {
    /// A secret with this value: text, bytes, JSON or a map.
    pub fn new(value: impl Into<SecretValue>, metadata: Metadata) -> Self {
        let content = match value.into().into_content() {
            Ok(value) => Content::Single(value),
            Err(entries) => {
                // `SecretValue` has no maps in maps.
                let single = |(name, value): (_, SecretValue)| Some((name, value.into_content().ok()?));
                Content::Map(NamedValues::new(entries.into_iter().filter_map(single).collect()))
            }
        };
        let document = Arc::new(Document { content, metadata });
        Self { shared: Arc::new(Shared { document, origin: Origin::Whole, provenance: None }), node: None }
    }

    /// A secret that is text. The buffer is taken over, not copied.
    pub fn text(text: impl Into<String>, metadata: Metadata) -> Self {
        Self::new(SecretValue::text(text), metadata)
    }

    /// A secret that is a list: text whose items are separated by commas, without a way to escape
    /// one. A keypath that begins with a number leads to that item. The buffer is taken over, not
    /// copied.
    #[cfg(any(feature = "aws-ps", all(feature = "disk-cache", unix)))]
    pub(crate) fn list(text: impl Into<String>, metadata: Metadata) -> Self {
        let content = Content::Single(SingleValue::list(Zeroizing::new(text.into())));
        let document = Arc::new(Document { content, metadata });
        Self { shared: Arc::new(Shared { document, origin: Origin::Whole, provenance: None }), node: None }
    }

    /// A secret that is bytes. The buffer is taken over, not copied.
    pub fn binary(bytes: impl Into<Vec<u8>>, metadata: Metadata) -> Self {
        Self::new(SecretValue::binary(bytes), metadata)
    }

    /// A secret that is a map of named values, each text or bytes. If a name is given twice, the
    /// last value counts.
    ///
    /// ```
    /// use s1crets::{Metadata, Secret};
    ///
    /// let entries = [("tls.crt", "PEM"), ("config", r#"{"port":5432}"#)];
    /// let secret = Secret::map(entries, Metadata::default())?;
    /// assert_eq!(secret.key("tls.crt")?.expose_str()?, "PEM");
    /// assert_eq!(secret.keypath(["config", "port"])?.expose_str()?, "5432");
    /// # Ok::<(), s1crets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if a named value is a map itself.
    pub fn map<K, V>(entries: impl IntoIterator<Item = (K, V)>, metadata: Metadata) -> Result<Self>
    where
        K: Into<String>,
        V: Into<SecretValue>,
    {
        Ok(Self::new(SecretValue::map(entries)?, metadata))
    }

    /// The text. A part of a JSON secret that is a string is decoded; any other part is its JSON
    /// text.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for bytes that are not UTF-8, [`ErrorKind::InvalidInput`] for a whole
    /// map.
    pub fn expose_str(&self) -> Result<&str> {
        if let Some(json) = self.part() {
            return Ok(json.as_str().unwrap_or(json.raw()));
        }
        let text = self.value().map_err(NamedValues::not_one_value)?.as_text();
        text.ok_or_else(|| Error::corrupt("the secret is binary, not text"))
    }

    /// The bytes: of text, the UTF-8 of [`expose_str`](Self::expose_str).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a whole map.
    pub fn expose_bytes(&self) -> Result<&[u8]> {
        self.bytes().map_err(NamedValues::not_one_value)
    }

    /// Whether the backend stores this value as bytes rather than as text. A whole map and a part
    /// of a JSON secret are not binary.
    pub fn is_binary(&self) -> bool {
        self.node.is_none() && self.value().is_ok_and(SingleValue::is_binary)
    }

    /// Whether this is a whole map of named values.
    pub fn is_map(&self) -> bool {
        self.value().is_err()
    }

    /// The names of a map, sorted; empty for any other secret.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let map = self.value().err();
        (0..map.map_or(0, NamedValues::len)).map(move |index| map.map_or("", |map| map.at(index).0))
    }

    /// The names and values of a map, sorted by name; empty for any other secret.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, Self)> {
        let entry = move |(index, name)| (name, self.of_origin(Origin::Entry(index), None));
        self.names().enumerate().map(entry)
    }

    /// The value as JSON, parsed at the first call and shared by all clones. A whole map is an
    /// object of strings.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is not JSON, [`ErrorKind::InvalidInput`] for a whole map if one
    /// of its values is not UTF-8: JSON has no bytes.
    pub fn json(&self) -> Result<Json<'_>> {
        self.view().map_err(|why| match why {
            NotJson::NotTextMap { .. } => Error::invalid_input(format!("the secret is {why}; pick one with #KEY")),
            why => Error::corrupt(format!("the secret is {why}")),
        })
    }

    /// The part under one key: like [`keypath`](Self::keypath) with one step.
    ///
    /// # Errors
    /// As [`keypath`](Self::keypath).
    pub fn key(&self, key: &str) -> Result<Self> {
        self.follow(std::iter::once(key), false)
    }

    /// The part that the steps of a [`KeyPath`] lead to. In a map, the first step is exactly a
    /// name, and further steps lead into the JSON of that value.
    ///
    /// ```
    /// use s1crets::{Metadata, Secret};
    ///
    /// let secret = Secret::text(r#"{"hosts":[{"port":5432},{"port":5433}]}"#, Metadata::default());
    /// assert_eq!(secret.keypath(["hosts", "1", "port"])?.expose_str()?, "5433");
    /// assert_eq!(secret.keypath(["hosts", "port"])?.expose_str()?, "[5432,5433]");
    /// # Ok::<(), s1crets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::KeyNotFound`] if a step leads nowhere, or the secret has no keys.
    /// [`ErrorKind::Corrupt`] if the secret begins like a JSON object or array and is not JSON, and
    /// for a string that is no text (see [`Json`]).
    pub fn keypath<I>(&self, steps: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.follow(steps.into_iter(), false)
    }

    /// The part that a [`KeyPath`] leads to, which may be a JSON pointer.
    ///
    /// # Errors
    /// As [`keypath`](Self::keypath).
    pub fn at(&self, path: &KeyPath) -> Result<Self> {
        self.follow(path.steps().iter(), path.is_pointer())
    }

    /// Deserializes the JSON of the value with serde. A whole map is read as an object of strings.
    ///
    /// serde_json reads standard JSON only: no `NaN` or `Infinity` anywhere in the value, and up to
    /// 127 levels. [`json`](Self::json) and [`keypath`](Self::keypath) read those, too.
    ///
    /// The result is not wiped when it is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the value is not JSON, or not of that shape; the message has the
    /// line and column, and nothing of the value. [`ErrorKind::InvalidInput`] for a whole map if
    /// one of its values is not UTF-8.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        let text = match self.part() {
            Some(json) => json.raw(),
            None if self.is_map() => self.json()?.raw(),
            None => self.expose_str()?,
        };
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            let what = match (error.is_data(), Tree::parse(text)) {
                (true, _) => "not of the shape asked for",
                (false, Ok(_)) => "JSON that serde_json does not read, such as NaN or more than 127 levels",
                (false, Err(_)) => "not JSON",
            };
            Error::corrupt(format!("the secret is {what} (line {}, column {})", error.line(), error.column()))
        })
    }

    /// The backend's own name for the secret; `None` if it reports none.
    pub fn name(&self) -> Option<&str> {
        self.metadata().name.as_deref()
    }

    /// The backend's version, a number or an id as text; `None` if it has no versions.
    pub fn version(&self) -> Option<&str> {
        self.metadata().version.as_deref()
    }

    /// When this version was created; `None` if the backend does not report it.
    pub fn created(&self) -> Option<SystemTime> {
        self.metadata().created
    }

    /// Everything that the backend reported besides the value.
    pub fn metadata(&self) -> &Metadata {
        &self.shared.document.metadata
    }

    /// How fresh this is now; `None` if no cache returned it. The age grows with each call.
    pub fn freshness(&self) -> Option<Freshness> {
        self.shared.provenance.map(|provenance| provenance.freshness(Instant::now()))
    }

    pub(crate) fn provenance(&self) -> Option<Provenance> {
        self.shared.provenance
    }

    pub(crate) fn with_provenance(self, provenance: Provenance) -> Self {
        self.with_own_shared(Some(provenance))
    }

    pub(crate) fn without_provenance(self) -> Self {
        self.with_own_shared(None)
    }

    /// The same value, with a reference count that only its own clones share. Threads that clone
    /// different ones don't contend for it.
    pub(crate) fn with_own_count(&self) -> Self {
        self.with_own_shared(self.shared.provenance)
    }

    fn with_own_shared(&self, provenance: Option<Provenance>) -> Self {
        let Shared { document, origin, .. } = &*self.shared;
        let shared = Shared { document: document.clone(), origin: origin.clone(), provenance };
        Self { shared: Arc::new(shared), node: self.node }
    }

    fn of_origin(&self, origin: Origin, node: Option<NodeId>) -> Self {
        let Shared { document, provenance, .. } = &*self.shared;
        let shared = Shared { document: document.clone(), origin, provenance: *provenance };
        Self { shared: Arc::new(shared), node }
    }

    /// The values of a whole map without copies: name, whether it is binary, and bytes.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn named_values(&self) -> impl Iterator<Item = (&str, bool, &[u8])> {
        let values = self.value().err().into_iter().flat_map(NamedValues::iter);
        values.map(|(name, value)| (name, value.is_binary(), value.bytes()))
    }

    /// The bytes of the content and of the metadata, for a cache with a size limit.
    pub(crate) fn size(&self) -> usize {
        self.shared.document.content.size() + self.metadata().size()
    }

    /// Whether both are the same version of a secret, or parts of it. Secrets without versions are
    /// compared by their content.
    pub(crate) fn is_same_version(&self, other: &Self) -> bool {
        let (document, other_document) = (&self.shared.document, &other.shared.document);
        if Arc::ptr_eq(document, other_document) {
            return true;
        }
        match (self.version(), other.version()) {
            (Some(version), Some(other)) => version == other,
            _ => document.content == other_document.content,
        }
    }

    /// The value that `node` lies in.
    ///
    /// # Errors
    /// The map, if this is a whole one.
    fn value(&self) -> Result<&SingleValue, &NamedValues> {
        match (&self.shared.origin, &self.shared.document.content) {
            (Origin::Copied(array), _) => Ok(array),
            (_, Content::Single(value)) => Ok(value),
            (Origin::Entry(index), Content::Map(map)) => Ok(map.at(*index).1),
            (Origin::Whole, Content::Map(map)) => Err(map),
        }
    }

    fn bytes(&self) -> Result<&[u8], &NamedValues> {
        match self.part() {
            Some(json) => Ok(json.as_str().unwrap_or(json.raw()).as_bytes()),
            None => Ok(self.value()?.bytes()),
        }
    }

    fn part(&self) -> Option<Json<'_>> {
        self.node.and_then(|_| self.view().ok())
    }

    fn view(&self) -> Result<Json<'_>, NotJson> {
        let (text, tree) = match self.value() {
            Ok(value) => value.json()?,
            Err(map) => map.json()?,
        };
        Ok(Json::new(text, tree, self.node.unwrap_or(ROOT)))
    }

    fn follow<S: AsRef<str>>(&self, steps: impl Iterator<Item = S>, pointer: bool) -> Result<Self> {
        self.clone().into_part(steps, pointer)
    }

    /// The part that `steps` lead to, of a secret that is not needed any more.
    pub(crate) fn into_part<S: AsRef<str>>(mut self, steps: impl Iterator<Item = S>, pointer: bool) -> Result<Self> {
        let mut steps = steps.peekable();
        if let (Some(name), Err(map)) = (steps.peek(), self.value()) {
            self = self.of_origin(Origin::Entry(map.find(name.as_ref())?), None);
            steps.next();
        }
        if let Some(item) = steps.peek().and_then(|step| self.item(step.as_ref())).transpose()? {
            self = self.of_origin(Origin::Copied(Arc::new(SingleValue::text(item))), None);
            steps.next();
        }
        if steps.peek().is_none() {
            return Ok(self);
        }
        let json = self.view().map_err(|why| no_keys(why, self.value().ok()))?;
        match keypath::resolve(json, steps, pointer)? {
            Found::Place(node) => Ok(Self { node: Some(node), ..self }),
            Found::Collected(array) => {
                Ok(self.of_origin(Origin::Copied(Arc::new(SingleValue::text(array))), Some(ROOT)))
            }
        }
    }

    /// The item of a list at a step that is a number.
    ///
    /// # Errors
    /// `KeyNotFound` if there are fewer items.
    fn item(&self, step: &str) -> Option<Result<Zeroizing<String>>> {
        let mut items = self.value().ok().filter(|_| self.node.is_none())?.items()?;
        let index = keypath::index_in_list(step)?;
        let found = items.nth(index).map(|item| Zeroizing::new(item.to_owned()));
        Some(found.ok_or_else(|| {
            let count = self.value().ok().and_then(SingleValue::items).map_or(0, Iterator::count);
            no_item(index, count)
        }))
    }

    /// Whether this is a list of items separated by commas.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn is_list(&self) -> bool {
        self.value().is_ok_and(|value| value.items().is_some())
    }
}

/// The error for an item that a list does not have.
fn no_item(index: usize, count: usize) -> Error {
    Error::new(ErrorKind::KeyNotFound, format!("no item {index} in the list, which has {count} from 0"))
}

/// The error for a key of a value that is not JSON. A value that begins like an object or array was
/// meant to have keys, so it is corrupt. Any other one is a plain value, or a list: it has no keys.
fn no_keys(why: NotJson, value: Option<&SingleValue>) -> Error {
    if value.and_then(SingleValue::items).is_some() {
        return Error::new(ErrorKind::KeyNotFound, "the secret has no keys: it is a list, with items numbered from 0")
            .with_hint("pick an item by its number, such as #0");
    }
    let text = value.and_then(SingleValue::as_text).unwrap_or_default();
    match text.trim_start_matches('\u{feff}').trim_ascii_start().starts_with(['{', '[']) {
        true => Error::corrupt(format!("the secret can't be read for a key: it is {why}")),
        false => Error::new(ErrorKind::KeyNotFound, format!("the secret has no keys: it is {why}")),
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self.bytes(), other.bytes()) {
            (Ok(bytes), Ok(other)) => bytes.ct_eq(other).into(),
            (Err(map), Err(other)) => map == other,
            _ => false,
        }
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("value", &format_args!("[redacted]"))
            .field("name", &self.metadata().name)
            .field("version", &self.metadata().version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
