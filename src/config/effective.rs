//! What holds, and who said so.

use std::fmt;

use serde_json::{Map, Value};

use super::{
    config::Config,
    defaults::{DEFAULT_PROVIDER, DEFAULT_RETRY, DEFAULT_TIMEOUT},
    origin::{Origin, join},
};

/// One setting as it holds.
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

    /// Who said so.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Config {
    /// The general settings with their defaults filled in and those of the providers as far as they are set, in order of
    /// their keys. What a provider does without a setting depends on its type, and often on the vendor's own variables.
    ///
    /// Settings that code made after these were read come from [`Origin::Code`].
    pub fn effective(&self) -> Vec<Setting> {
        let set = leaves(self);
        let filled = Self {
            provider: self.provider.clone().or_else(|| Some(DEFAULT_PROVIDER.to_owned())),
            retry: self.retry.or(Some(DEFAULT_RETRY)),
            timeout: self.timeout.or(Some(DEFAULT_TIMEOUT)),
            cache: self.cache.clone().filled(self.cache_policy()),
            ..self.clone()
        };
        let origin = |key: &str| match set.contains_key(key) {
            true => self.origins.get(key).cloned().unwrap_or(Origin::Code),
            false => Origin::Default,
        };
        let settings = leaves(&filled).into_iter().map(|(key, value)| Setting { origin: origin(&key), key, value });
        settings.collect()
    }
}

impl Config {
    /// What was said of a setting, or of all below it, is overruled by code.
    pub(crate) fn overruled(&mut self, path: &[&str]) {
        self.origins.forget(&path.iter().fold(String::new(), |parent, key| join(&parent, key)));
    }
}

/// Every value by its key: what is a table is taken apart, what is a list is not.
fn leaves(config: &Config) -> Map<String, Value> {
    let mut leaves = Map::new();
    // A setting that can't be written as JSON is none.
    collect("", serde_json::to_value(config.clone().with_shown_paths()).unwrap_or_default(), &mut leaves);
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

/// What of a value may be shown, without what is not set.
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
    // A backslash ends the host too, for those who read the URL to call it.
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
