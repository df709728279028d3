//! A named table of the config, ready to be read as the settings of its type.

use serde::de::DeserializeOwned;
#[cfg(any(feature = "__aws", feature = "vault"))]
use serde_json::Value;

#[cfg(any(feature = "__aws", feature = "vault"))]
use super::{effective::Setting, origin::Origin};
use super::{origin::join, raw_table::RawTable, table::Table};
use crate::error::Result;

/// A table below `[providers]` or `[connections]`, with its name.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "__aws", feature = "vault")),
    allow(dead_code, reason = "only providers with a connection explain their settings")
)]
pub(crate) struct Section {
    /// The last part of `key`.
    pub(crate) name: String,
    /// The key of the table as TOML writes it, such as `providers."vault.kv"`.
    pub(crate) key: String,
    /// Its entries, without `type`.
    pub(crate) table: Table,
}

/// A value in force, and its origin.
#[cfg(feature = "vault")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl Section {
    /// The table `name` below `parent`.
    pub(crate) fn new(parent: &str, name: &str, raw: RawTable) -> Self {
        let (_, table) = raw.table.split(&["type"]);
        Self { name: name.to_owned(), key: join(parent, name), table }
    }

    /// The settings that the table holds.
    ///
    /// # Errors
    /// `Config` if a key is unknown or a value is malformed, with the place of it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(self.table.clone())?)
    }

    /// The part of the section with these keys, and the rest.
    #[cfg(feature = "vault")]
    pub(crate) fn split(&self, keys: &[&str]) -> (Self, Self) {
        let (chosen, rest) = self.table.clone().split(keys);
        (Self { table: chosen, ..self.clone() }, Self { table: rest, ..self.clone() })
    }

    /// The origin of a setting that is there. `key` is dotted, as in `auth.method`.
    #[cfg(any(feature = "__aws", feature = "vault"))]
    pub(crate) fn origin(&self, key: &str) -> Origin {
        let path: Vec<_> = key.split('.').collect();
        self.table.get(&path).map_or(Origin::Code, |node| node.origin.clone())
    }

    /// A setting with its origin, if it is there.
    #[cfg(feature = "vault")]
    pub(crate) fn sourced<T: Clone>(&self, key: &str, setting: &Option<T>) -> Option<Sourced<T>> {
        setting.clone().map(|value| Sourced { value, origin: self.origin(key) })
    }

    /// A setting in force under its key.
    #[cfg(any(feature = "__aws", feature = "vault"))]
    pub(crate) fn setting(&self, key: &str, value: impl Into<Value>, origin: &Origin) -> Setting {
        Setting::new(format!("{}.{key}", self.key), value.into(), origin.clone())
    }
}

#[cfg(feature = "vault")]
impl<T> Sourced<T> {
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: map(self.value), origin: self.origin }
    }
}
