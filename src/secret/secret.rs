//! The value that a provider gave: shared, redacted, wiped.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    secret::{
        Freshness, Json, KeyPath, Metadata, SecretValue,
        freshness::Provenance,
        json::{NodeId, NotJson, ROOT, Tree},
        keypath::{self, Found},
    },
};

/// A secret value, exact as it was received, or a part of one.
///
/// Cloning shares the value. `Debug` is redacted; there is no `Display` and no `Serialize`, so that
/// a value leaves only by a call whose name begins with `expose`, or through [`Json`]. Two secrets
/// are equal if their bytes are, compared in constant time for equal lengths. The buffers are wiped
/// when the last handle goes, those of the parsed JSON too.
#[derive(Clone)]
pub struct Secret {
    document: Arc<Document>,
    /// The part of the document's JSON that this is; `None`: all of it, JSON or not.
    node: Option<NodeId>,
    /// What the cache that gave this noted on it.
    provenance: Option<Provenance>,
}

struct Document {
    content: Content,
    metadata: Metadata,
    tree: OnceLock<Result<Tree, NotJson>>,
}

enum Content {
    Text(Zeroizing<String>),
    Binary(Zeroizing<Vec<u8>>),
}

impl Secret {
    /// A secret that is text. The buffer is taken over, not copied.
    pub fn text(text: impl Into<String>, metadata: Metadata) -> Self {
        Self::whole(Content::Text(Zeroizing::new(text.into())), metadata)
    }

    /// A secret that is bytes. The buffer is taken over, not copied.
    pub fn binary(bytes: impl Into<Vec<u8>>, metadata: Metadata) -> Self {
        Self::whole(Content::Binary(Zeroizing::new(bytes.into())), metadata)
    }

    /// The text: a JSON string decoded if this is a part of a JSON secret that is a string, and the
    /// text as it stands otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for bytes that are not UTF-8.
    pub fn expose_str(&self) -> Result<&str> {
        if let Some(json) = self.part() {
            return Ok(json.as_str().unwrap_or(json.raw()));
        }
        self.document.text().ok_or_else(|| Error::corrupt("the secret is binary, not text"))
    }

    /// The bytes; of text, its UTF-8.
    pub fn expose_bytes(&self) -> &[u8] {
        match self.part() {
            Some(json) => json.as_str().unwrap_or(json.raw()).as_bytes(),
            None => self.document.bytes(),
        }
    }

    /// Whether the backend keeps this as bytes rather than as text.
    pub fn is_binary(&self) -> bool {
        self.node.is_none() && matches!(self.document.content, Content::Binary(_))
    }

    /// The value as JSON, parsed at the first call and shared by all clones.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is not JSON.
    pub fn json(&self) -> Result<Json<'_>> {
        self.view().map_err(|why| Error::corrupt(format!("the secret is {why}")))
    }

    /// The part under one key; the same as [`keypath`](Self::keypath) with one step.
    ///
    /// # Errors
    /// [`ErrorKind::KeyNotFound`] if there is no such key, or the secret is not JSON.
    pub fn key(&self, key: &str) -> Result<Self> {
        self.follow(std::iter::once(key), false)
    }

    /// The part that the steps of a [`KeyPath`] lead to.
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
    /// [`ErrorKind::KeyNotFound`] if a step leads nowhere, or the secret is not JSON.
    pub fn keypath<I>(&self, steps: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.follow(steps.into_iter(), false)
    }

    /// The part that a [`KeyPath`], which may be a JSON pointer, leads to.
    ///
    /// # Errors
    /// As [`keypath`](Self::keypath).
    pub fn at(&self, path: &KeyPath) -> Result<Self> {
        self.follow(path.steps().iter(), path.is_pointer())
    }

    /// The value as a type of yours: JSON, deserialized by serde.
    ///
    /// What serde makes of the value is yours to wipe.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is not JSON, or not of that shape. The message says where, not what.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        let text = match self.part() {
            Some(json) => json.raw(),
            None => self.expose_str()?,
        };
        serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() { "not of the shape asked for" } else { "not JSON" };
            Error::corrupt(format!("the secret is {what} (line {}, column {})", error.line(), error.column()))
        })
    }

    /// The whole secret with the part at `path` changed to `value` and every other byte as it was:
    /// what a provider writes when one key is updated. A last step that an object lacks is added.
    ///
    /// # Errors
    /// [`ErrorKind::KeyNotFound`] if the level above the last step is not there, or the secret is not JSON;
    /// [`ErrorKind::InvalidInput`] for bytes.
    pub fn with_replaced(&self, path: &KeyPath, value: &SecretValue) -> Result<SecretValue> {
        let (text, tree) = self.document.json().map_err(no_keys)?;
        let from = Json::new(text, tree, self.node.unwrap_or(ROOT));
        let text = keypath::replace(text, from, path, &value.to_json()?)?;
        let binary = matches!(self.document.content, Content::Binary(_));
        Ok(if binary { SecretValue::binary(text.as_bytes()) } else { SecretValue::of_json(text) })
    }

    /// The backend's own name for the secret, where it gives one.
    pub fn name(&self) -> Option<&str> {
        self.metadata().name.as_deref()
    }

    /// The backend's version, a number or an id in text, where it has versions.
    pub fn version(&self) -> Option<&str> {
        self.metadata().version.as_deref()
    }

    /// When this version was made, where the backend says so.
    pub fn created(&self) -> Option<SystemTime> {
        self.metadata().created
    }

    /// All that the backend said beside the value.
    pub fn metadata(&self) -> &Metadata {
        &self.document.metadata
    }

    /// How fresh this is, if a cache gave it: as of now, so that a handle that is kept grows older.
    pub fn freshness(&self) -> Option<Freshness> {
        self.provenance.map(|provenance| provenance.freshness(Instant::now()))
    }

    pub(crate) fn provenance(&self) -> Option<Provenance> {
        self.provenance
    }

    pub(crate) fn with_provenance(self, provenance: Provenance) -> Self {
        Self { provenance: Some(provenance), ..self }
    }

    /// The same without a note.
    pub(crate) fn without_provenance(self) -> Self {
        Self { provenance: None, ..self }
    }

    /// The bytes of the value and of what was said with it.
    pub(crate) fn size(&self) -> usize {
        self.document.bytes().len() + self.metadata().size()
    }

    /// Whether both are, or are parts of, the same version of a secret; of a secret without versions, the same value.
    pub(crate) fn is_same_version(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.document, &other.document) {
            return true;
        }
        match (self.version(), other.version()) {
            (Some(version), Some(other)) => version == other,
            _ => self.document.bytes().ct_eq(other.document.bytes()).into(),
        }
    }

    fn whole(content: Content, metadata: Metadata) -> Self {
        Self { document: Arc::new(Document { content, metadata, tree: OnceLock::new() }), node: None, provenance: None }
    }

    fn part(&self) -> Option<Json<'_>> {
        self.node.and_then(|_| self.view().ok())
    }

    fn view(&self) -> Result<Json<'_>, NotJson> {
        let (text, tree) = self.document.json()?;
        Ok(Json::new(text, tree, self.node.unwrap_or(ROOT)))
    }

    fn follow<S: AsRef<str>>(&self, steps: impl Iterator<Item = S>, pointer: bool) -> Result<Self> {
        let mut steps = steps.peekable();
        if steps.peek().is_none() {
            return Ok(self.clone());
        }
        let json = self
            .view()
            .map_err(|why| Error::new(ErrorKind::KeyNotFound, format!("the secret has no keys: it is {why}")))?;
        Ok(match keypath::resolve(json, steps, pointer)? {
            Found::Place(json) => Self { node: Some(json.node()), ..self.clone() },
            Found::Collected(text) => {
                let array = Self::whole(Content::Text(text), self.metadata().clone());
                Self { node: Some(ROOT), provenance: self.provenance, ..array }
            }
        })
    }
}

fn no_keys(why: NotJson) -> Error {
    Error::new(ErrorKind::KeyNotFound, format!("the secret has no keys: it is {why}"))
}

impl Document {
    fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    fn json(&self) -> Result<(&str, &Tree), NotJson> {
        let text = self.text().ok_or(NotJson::NotText)?;
        let tree = self.tree.get_or_init(|| Tree::parse(text)).as_ref().map_err(|why| *why)?;
        Ok((text, tree))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose_bytes().ct_eq(other.expose_bytes()).into()
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
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::text(text, Metadata::default().with_version("7"))
    }

    #[test]
    fn debug_shows_no_value() {
        let secret = secret(r#"{"password":"hunter2"}"#);
        let part = secret.key("password").expect("a key");
        for shown in [format!("{secret:?}"), format!("{part:?}"), format!("{:?}", secret.json().expect("JSON"))] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_part_keeps_what_is_known_of_the_whole() {
        let part = secret(r#"{"a":{"b":"x\ny"}}"#).keypath(["a", "b"]).expect("a key");
        assert_eq!(part.expose_str().expect("text"), "x\ny");
        assert_eq!(part.version(), Some("7"));
        assert_eq!(part.parse::<String>().expect("a string"), "x\ny");
    }

    #[test]
    fn json_text_prints_as_it_stood() {
        let secret = secret(r#"{"n":1.10, "o": { "x" : [1 , 2] }}"#);
        assert_eq!(secret.key("n").expect("n").expose_str().expect("text"), "1.10");
        assert_eq!(secret.key("o").expect("o").expose_str().expect("text"), r#"{ "x" : [1 , 2] }"#);
        assert_eq!(secret.keypath(["o", "x", "1"]).expect("x").parse::<u8>().expect("a number"), 2);
    }

    #[test]
    fn a_collected_array_can_be_stepped_into_again() {
        let ports = secret(r#"[{"p":1},{"p":2}]"#).key("p").expect("ports");
        assert_eq!(ports.key("1").expect("an index").expose_str().expect("text"), "2");
    }

    #[test]
    fn text_that_is_no_json_has_no_keys() {
        for value in ["plain", "", "{\"a\":"] {
            let error = secret(value).key("a").expect_err("no keys");
            assert_eq!(error.kind(), ErrorKind::KeyNotFound);
            assert_eq!(secret(value).json().expect_err("no JSON").kind(), ErrorKind::Corrupt);
        }
        let binary = Secret::binary([0xff, 0xfe], Metadata::default());
        assert_eq!(binary.key("a").expect_err("no keys").kind(), ErrorKind::KeyNotFound);
        assert_eq!(binary.expose_str().expect_err("no text").kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn equality_goes_by_the_bytes() {
        assert_eq!(secret("a"), Secret::binary("a", Metadata::default()));
        assert_ne!(secret("a"), secret("b"));
        assert_eq!(secret(r#"{"a":"x"}"#).key("a").expect("a"), secret("x"));
    }

    #[test]
    fn a_shape_that_does_not_fit_is_told_without_the_value() {
        let error = secret(r#"{"password":"hunter2"}"#).parse::<Vec<u8>>().expect_err("no list");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
