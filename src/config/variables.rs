//! The variables, over the config file.

use std::ffi::OsString;

use super::{
    error::Malformed,
    origin::Origin,
    tree::{Table, Value},
};

/// The variables that [`Config::from_env`](crate::Config::from_env) reads.
pub mod env_vars {
    /// The config file, instead of the places where it is looked for.
    pub const CONFIG: &str = "S1CRETS_CONFIG";
    /// The profile of the config file that is laid over it.
    pub const PROFILE: &str = "S1CRETS_PROFILE";
    /// The default provider of the command.
    pub const PROVIDER: &str = "S1CRETS_PROVIDER";
    /// The path of the fetcher's file, or of the CSI directory.
    pub const FILE: &str = "S1CRETS_FILE";
    /// Attempts in total.
    pub const RETRY: &str = "S1CRETS_RETRY";
    /// The timeout of one attempt: a number of seconds, or such as `500ms`.
    pub const TIMEOUT: &str = "S1CRETS_TIMEOUT";
    /// Entries of the cache; 0 turns it off.
    pub const CACHE_ENTRIES: &str = "S1CRETS_CACHE_ENTRIES";
    /// How long the cache keeps an answer: a number of seconds, or such as `15m`.
    pub const CACHE_TTL: &str = "S1CRETS_CACHE_TTL";
}

/// Reads what a variable holds.
type Read = fn(String) -> Option<Value>;

/// Which setting each variable is, and how it is written.
const SETTINGS: &[(&str, &[&str], Read)] = &[
    (env_vars::PROVIDER, &["provider"], text),
    (env_vars::RETRY, &["retry"], number),
    (env_vars::TIMEOUT, &["timeout"], text),
    (env_vars::CACHE_ENTRIES, &["cache", "entries"], number),
    (env_vars::CACHE_TTL, &["cache", "ttl"], text),
    (env_vars::FILE, &["providers", "file", "path"], text),
];

/// The settings that the variables make.
pub(super) fn layer(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Table, Malformed> {
    let mut layer = Table::default();
    for (name, path, read) in SETTINGS {
        let Some(value) = var(name) else { continue };
        let origin = Origin::Variable(name);
        let value = value.into_string().ok().and_then(read);
        layer.set(path, value.ok_or_else(|| Malformed::new("malformed").at(&origin))?, origin);
    }
    Ok(layer)
}

fn text(value: String) -> Option<Value> {
    Some(Value::Text(value))
}

fn number(value: String) -> Option<Value> {
    value.parse().ok().map(Value::Integer)
}
