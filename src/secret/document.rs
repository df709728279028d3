//! The content of a secret: one value, or a map of named values. Handles share it; its buffers are
//! wiped when the last handle is dropped.

use std::{collections::BTreeMap, sync::OnceLock};

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Result},
    secret::{
        Metadata,
        json::{NotJson, Tree, ascii_string_len, write_string},
    },
};

/// What a provider returned for one name.
pub(super) struct Document {
    pub(super) content: Content,
    pub(super) metadata: Metadata,
}

pub(super) enum Content {
    Single(SingleValue),
    Map(NamedValues),
}

/// Text or bytes. Its JSON is parsed at the first use.
pub(super) struct SingleValue {
    form: Form,
    tree: OnceLock<Result<Tree, NotJson>>,
}

enum Form {
    Text(Zeroizing<String>),
    /// Text that is a list of items with commas between them.
    #[cfg_attr(
        not(any(feature = "aws-ps", all(feature = "disk-cache", unix))),
        allow(dead_code, reason = "only those two make lists")
    )]
    List(Zeroizing<String>),
    Binary(Zeroizing<Vec<u8>>),
}

/// The values of a map, by name. Its JSON object is written at the first use.
pub(super) struct NamedValues {
    /// Sorted by name.
    entries: Vec<(String, SingleValue)>,
    object: OnceLock<Result<SingleValue, NotJson>>,
}

impl Content {
    /// The bytes that this takes in memory, for a cache with a size limit. Overhead is not counted.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Single(value) => value.bytes().len(),
            Self::Map(map) => map.iter().map(|(name, value)| name.len() + value.bytes().len()).sum(),
        }
    }
}

/// Compares names in plain and values in constant time, for values of equal lengths.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Single(value), Self::Single(other)) => value.bytes().ct_eq(other.bytes()).into(),
            (Self::Map(map), Self::Map(other)) => map == other,
            _ => false,
        }
    }
}

impl SingleValue {
    pub(super) fn text(text: Zeroizing<String>) -> Self {
        Self { form: Form::Text(text), tree: OnceLock::new() }
    }

    /// Text whose items are separated by commas.
    #[cfg_attr(
        not(any(feature = "aws-ps", all(feature = "disk-cache", unix))),
        allow(dead_code, reason = "only those two make lists")
    )]
    pub(super) fn list(text: Zeroizing<String>) -> Self {
        Self { form: Form::List(text), tree: OnceLock::new() }
    }

    pub(super) fn binary(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { form: Form::Binary(bytes), tree: OnceLock::new() }
    }

    /// The items, if this is a list.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = &str>> {
        match &self.form {
            Form::List(text) => Some(text.split(',')),
            Form::Text(_) | Form::Binary(_) => None,
        }
    }

    pub(super) fn is_binary(&self) -> bool {
        matches!(self.form, Form::Binary(_))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.form {
            Form::Text(text) | Form::List(text) => text.as_bytes(),
            Form::Binary(bytes) => bytes,
        }
    }

    /// The text, or bytes that are UTF-8; `None` for other bytes.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.form {
            Form::Text(text) | Form::List(text) => Some(text),
            Form::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    pub(super) fn json(&self) -> Result<(&str, &Tree), NotJson> {
        let text = self.as_text().ok_or(NotJson::NotText)?;
        let tree = self.tree.get_or_init(|| Tree::parse(text)).as_ref().map_err(|why| *why)?;
        Ok((text, tree))
    }
}

impl NamedValues {
    pub(super) fn new(entries: BTreeMap<String, SingleValue>) -> Self {
        Self { entries: entries.into_iter().collect(), object: OnceLock::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &SingleValue)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The index of the value with exactly this name.
    ///
    /// # Errors
    /// `KeyNotFound` if there is none.
    pub(super) fn find(&self, name: &str) -> Result<usize> {
        let index = self.entries.binary_search_by(|(other, _)| other.as_str().cmp(name));
        index.map_err(|_| {
            let message = format!("no key {name:?} in the secret, which has {}", count(self.len()));
            Error::new(ErrorKind::KeyNotFound, message)
        })
    }

    pub(super) fn at(&self, index: usize) -> (&str, &SingleValue) {
        let (name, value) = &self.entries[index];
        (name, value)
    }

    /// The error if one value is asked for.
    pub(super) fn not_one_value(&self) -> Error {
        Error::invalid_input(format!("the secret has {}; pick one with #KEY", count(self.len())))
    }

    /// The map as a JSON object of strings.
    pub(super) fn json(&self) -> Result<(&str, &Tree), NotJson> {
        let object = || self.to_object().map(SingleValue::text).ok_or(NotJson::NotTextMap { values: self.len() });
        self.object.get_or_init(object).as_ref().map_err(|why| *why)?.json()
    }

    fn to_object(&self) -> Option<Zeroizing<String>> {
        let texts: Vec<_> = self.iter().map(|(name, value)| Some((name, value.as_text()?))).collect::<Option<_>>()?;
        let length = |(name, text): &(&str, &str)| ascii_string_len(name) + ascii_string_len(text) + 2;
        let mut object = Zeroizing::new(String::with_capacity(2 + texts.iter().map(length).sum::<usize>()));
        object.push('{');
        for (index, (name, text)) in texts.into_iter().enumerate() {
            if index > 0 {
                object.push(',');
            }
            write_string(&mut object, name);
            object.push(':');
            write_string(&mut object, text);
        }
        object.push('}');
        Some(object)
    }
}

/// A number of named values, in words.
fn count(values: usize) -> String {
    format!("{values} named value{}", if values == 1 { "" } else { "s" })
}

impl PartialEq for NamedValues {
    fn eq(&self, other: &Self) -> bool {
        if !self.iter().map(|(name, _)| name).eq(other.iter().map(|(name, _)| name)) {
            return false;
        }
        let pairs = self.iter().zip(other.iter());
        let equal = pairs.map(|((_, value), (_, other))| value.bytes().ct_eq(other.bytes()));
        equal.fold(Choice::from(1), |all, one| all & one).into()
    }
}
