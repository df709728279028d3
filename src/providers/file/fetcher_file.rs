//! Fetcher file: parses the `secrets.json` that baseplate's fetcher writes.

use std::path::Path;

use super::{
    read::{self, Content},
    snapshot::{self, Contents, Loaded, compact},
};
use crate::{
    error::{Error, Result},
    secret::{
        Json, JsonKind, Metadata, Secret,
        json::{NotJson, ROOT, Tree},
    },
};

/// Parses a `secrets.json`. Entries that are the same as in `previous` are taken from there.
pub(super) fn parse(path: &Path, content: &Content, previous: Option<&Loaded>) -> Result<Contents> {
    let text = content.text().map_err(|why| read::corrupt(path, why))?;
    let document = Document::parse(text).map_err(|why| read::corrupt(path, why))?;
    let root = document.root();
    let entry =
        |(name, value): (&str, Json<'_>)| (name.to_owned(), Ok(snapshot::secret(name, compact(value.raw()), previous)));
    Ok(Contents {
        entries: document.secrets().into_iter().flat_map(Json::members).map(entry).collect(),
        vault_url: vault(root, "url").map(str::to_owned),
        vault_token: vault(root, "token").map(|token| Secret::text(token, Metadata::default())),
    })
}

/// A parsed `secrets.json` whose levels are of the right kind.
pub(super) struct Document<'a> {
    text: &'a str,
    tree: Tree,
}

/// Why a text is not a `secrets.json`. Says where, never what it holds.
pub(super) enum Malformed {
    Json(NotJson),
    Root(JsonKind),
    Secrets(JsonKind),
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let document = Self { text, tree: Tree::parse(text).map_err(Malformed::Json)? };
        let kind = document.root().kind();
        if kind != JsonKind::Object {
            return Err(Malformed::Root(kind));
        }
        match document.secrets().map(Json::kind) {
            None | Some(JsonKind::Object) => Ok(document),
            Some(kind) => Err(Malformed::Secrets(kind)),
        }
    }

    pub(super) fn root(&self) -> Json<'_> {
        Json::new(self.text, &self.tree, ROOT)
    }

    /// The object of all entries, if there is one.
    pub(super) fn secrets(&self) -> Option<Json<'_>> {
        self.root().get("secrets")
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(why) => why.fmt(f),
            Self::Root(kind) => write!(f, "it is {}, not an object", kind.name()),
            Self::Secrets(kind) => write!(f, "'secrets' is {}, not an object", kind.name()),
        }
    }
}

fn vault<'a>(root: Json<'a>, key: &str) -> Result<&'a str> {
    let value = root.get("vault").and_then(|vault| vault.get(key));
    let value = value.ok_or_else(|| Error::not_found(format!("the file has no 'vault.{key}'")))?;
    value.as_str().ok_or_else(|| match value.kind() {
        JsonKind::String => Error::corrupt(format!("'vault.{key}' is no text: it holds half of a surrogate pair")),
        kind => Error::corrupt(format!("'vault.{key}' is {}, not a string", kind.name())),
    })
}
