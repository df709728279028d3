//! The settings in force, each with its origin.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::{
    config::Config,
    defaults::DEFAULT_PROVIDER,
    origin::{Origin, join},
    raw_table::RawTable,
};
use crate::retry::{DEFAULT_ATTEMPTS, DEFAULT_TIMEOUT};

/// One setting in force, and its origin.
///
/// `Display` writes it as a line of TOML.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    key: String,
    value: Value,
    origin: Origin,
}

impl Setting {
    #[cfg(any(feature = "__aws", feature = "vault"))]
    pub(super) fn new(key: String, value: Value, origin: Origin) -> Self {
        Self { key, value: shown(value), origin }
    }

    /// The key as TOML writes it, such as `providers."aws.sm".region`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value as JSON. The user name and password of a URL are left out.
    pub fn json(&self) -> String {
        self.value.to_string()
    }

    /// The value as TOML. The user name and password of a URL are left out.
    pub fn toml(&self) -> String {
        toml(&self.value)
    }

    /// Where the value comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Config {
    /// The general settings with their defaults filled in, and those of the providers and
    /// connections as far as they are set, in order of their keys. What a provider does without a
    /// setting depends on its type, and often on the vendor's own variables.
    ///
    /// A setting that code made comes from [`Origin::Code`].
    pub fn effective(&self) -> Vec<Setting> {
        let set = leaves(self);
        let filled = Self {
            provider: self.provider.clone().or_else(|| Some(DEFAULT_PROVIDER.to_owned())),
            retry: self.retry.or(Some(DEFAULT_ATTEMPTS)),
            timeout: self.timeout.or(Some(DEFAULT_TIMEOUT)),
            cache: self.cache.clone().filled(self.cache_policy()),
            ..self.clone()
        };
        let mut origins = self.origins.clone();
        for (section, tables) in self.sections() {
            tables.iter().for_each(|(name, raw)| raw.table.collect_origins(&join(section, name), &mut origins));
        }
        let origin = |key: &str| match set.contains_key(key) {
            true => origins.get(key).cloned().unwrap_or(Origin::Code),
            false => Origin::Default,
        };
        let settings = leaves(&filled).into_iter().map(|(key, value)| Setting { origin: origin(&key), key, value });
        settings.collect()
    }

    /// Notes that code made the setting at a path outside of `providers` and `connections`, or all
    /// settings below it.
    pub(crate) fn set_by_code(&mut self, path: &[&str]) {
        self.origins.forget(&path.iter().fold(String::new(), |parent, key| join(&parent, key)));
    }

    fn sections(&self) -> [(&'static str, &BTreeMap<String, RawTable>); 2] {
        [("connections", &self.connections), ("providers", &self.providers)]
    }
}

/// Every value by its key. A table is taken apart; a list is one value.
fn leaves(config: &Config) -> Map<String, Value> {
    let mut leaves = Map::new();
    // A setting that can't be written as JSON can't be shown.
    collect("", serde_json::to_value(config.clone().with_shown_paths().root()).unwrap_or_default(), &mut leaves);
    for (section, tables) in config.sections() {
        tables.iter().for_each(|(name, raw)| collect(&join(section, name), raw.table.to_json(), &mut leaves));
    }
    leaves
}

fn collect(parent: &str, value: Value, leaves: &mut Map<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            members.into_iter().for_each(|(key, value)| collect(&join(parent, &key), value, leaves))
        }
        other => drop(leaves.insert(parent.to_owned(), shown(other))),
    }
}

/// The part of a value that may be shown, without members that are not set.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_user(text)),
        Value::Array(values) => values.into_iter().map(shown).collect(),
        Value::Object(members) => {
            members.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, shown(value))).collect()
        }
        other => other,
    }
}

/// A URL without its user name and password; any other text as it is.
fn without_user(text: String) -> String {
    let is_web = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_web(scheme)) else { return text };
    // URL parsers take a backslash for the end of the host.
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => text,
    }
}

fn toml(value: &Value) -> String {
    let list = |values: Vec<String>| values.join(", ");
    match value {
        Value::Array(values) => format!("[{}]", list(values.iter().map(toml).collect())),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{} = {}", join("", key), toml(value)));
            format!("{{ {} }}", list(members.collect()))
        }
        // Numbers, truth values and texts are written as in JSON.
        other => other.to_string(),
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.toml())
    }
}
