//! The `S1CRETS_…` variables, merged over the config file.

use std::{ffi::OsString, path::Path};

use super::{
    error::Malformed,
    origin::Origin,
    table::{ANY, Table, Value},
};

/// The variables that [`Config::from_env`](crate::Config::from_env) reads.
pub mod env_vars {
    /// The path of the config file. No other file is searched for.
    pub const CONFIG: &str = "S1CRETS_CONFIG";
    /// The profile that is merged into the config file.
    pub const PROFILE: &str = "S1CRETS_PROFILE";
    /// The default provider of the command.
    pub const PROVIDER: &str = "S1CRETS_PROVIDER";
    /// The path of the fetcher's file, or of the CSI mount.
    pub const FILE: &str = "S1CRETS_FILE";
    /// Attempts in total.
    pub const RETRY: &str = "S1CRETS_RETRY";
    /// The timeout of one attempt: a number of seconds, or text such as `500ms`.
    pub const TIMEOUT: &str = "S1CRETS_TIMEOUT";
    /// The most entries in the cache; 0 turns it off.
    pub const CACHE_ENTRIES: &str = "S1CRETS_CACHE_ENTRIES";
    /// How long the cache keeps a value: a number of seconds, or text such as `15m`.
    pub const CACHE_TTL: &str = "S1CRETS_CACHE_TTL";
    /// How long an expired value may be served in an outage: a number of seconds, or text such as
    /// `1h`; 0 turns it off.
    pub const CACHE_MAX_STALE: &str = "S1CRETS_CACHE_MAX_STALE";
    /// Whether only the cache on disk answers: `true` or `false`.
    pub const CACHE_OFFLINE: &str = "S1CRETS_CACHE_OFFLINE";
    /// Whether there is also a cache on disk: `true` or `false`.
    pub const CACHE_DISK: &str = "S1CRETS_CACHE_DISK";
    /// The folder of the cache on disk.
    pub const CACHE_PATH: &str = "S1CRETS_CACHE_PATH";
    /// The file that holds the key of the cache on disk.
    pub const CACHE_KEY_FILE: &str = "S1CRETS_CACHE_KEY_FILE";
    /// The key of the cache on disk itself: 32 bytes in base64 or in hexadecimal digits.
    pub const CACHE_KEY: &str = "S1CRETS_CACHE_KEY";
}

/// Reads the value of a variable; the error says what the value should be.
type Read = fn(String) -> Result<Value, &'static str>;

/// The setting of each variable, and how to read its value.
const SETTINGS: &[(&str, &[&str], Read)] = &[
    (env_vars::PROVIDER, &["provider"], text),
    (env_vars::RETRY, &["retry"], number),
    (env_vars::TIMEOUT, &["timeout"], text),
    (env_vars::CACHE_ENTRIES, &["cache", "entries"], number),
    (env_vars::CACHE_TTL, &["cache", "ttl"], text),
    (env_vars::CACHE_MAX_STALE, &["cache", "max_stale"], text),
    (env_vars::CACHE_OFFLINE, &["cache", "offline"], truth),
    (env_vars::CACHE_DISK, &["cache", "disk"], truth),
    (env_vars::CACHE_PATH, &["cache", "path"], text),
    (env_vars::CACHE_KEY_FILE, &["cache", "key_file"], text),
    // No setting holds the key itself: it is read where it is used.
    (env_vars::CACHE_KEY, &["cache", "key_variable"], |_| text(env_vars::CACHE_KEY.to_owned())),
    (env_vars::FILE, &["providers", "file", "path"], text),
];

/// The settings that name the key of the cache on disk.
const KEYS: [&str; 3] = ["key_variable", "key_file", "key_credential"];

/// The folder of the credentials that systemd passes to a service, and the file name of the disk
/// cache's key there.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "s1crets-cache-key";

/// General settings with a variable. The setting of a single provider must not hide the variable.
const GENERAL: [(&str, &str); 2] = [(env_vars::RETRY, "retry"), (env_vars::TIMEOUT, "timeout")];

/// Merges the variables into the settings of the file.
pub(super) fn overlay(root: &mut Table, var: &dyn Fn(&str) -> Option<OsString>) -> Result<(), Malformed> {
    for (name, key) in GENERAL {
        if var(name).is_some() {
            ["providers", "connections"].iter().for_each(|section| root.remove(&[section, ANY, key]));
        }
    }
    // Otherwise another kind of key in the file would still win over the variable.
    if var(env_vars::CACHE_KEY).or_else(|| var(env_vars::CACHE_KEY_FILE)).is_some() {
        KEYS.iter().for_each(|key| root.remove(&["cache", key]));
    }
    let credential = if root.get(&["cache", "key_credential"]).is_some() { None } else { systemd_credential(var) };
    root.overlay(layer(var)?);
    if let Some(file) = credential {
        root.set(&["cache", "key_credential"], file, Origin::Variable(CREDENTIALS));
    }
    Ok(())
}

fn layer(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Table, Malformed> {
    let mut layer = Table::default();
    for (name, path, read) in SETTINGS {
        let Some(value) = var(name) else { continue };
        let origin = Origin::Variable(name);
        let value = value.into_string().map_err(|_| "text").and_then(read);
        layer.set(path, value.map_err(|expected| Malformed::unfit("another", expected).at(&origin))?, origin);
    }
    Ok(layer)
}

/// The key that systemd passes to a service. It is a default: a credential that the file names
/// wins.
fn systemd_credential(var: &dyn Fn(&str) -> Option<OsString>) -> Option<Value> {
    // systemd sets an absolute path. A relative one would lead into the current folder.
    let folder = var(CREDENTIALS).filter(|folder| Path::new(folder).is_absolute())?;
    let credential = Path::new(&folder).join(CREDENTIAL);
    credential.exists().then(|| Value::Text(credential.to_string_lossy().into_owned()))
}

fn text(value: String) -> Result<Value, &'static str> {
    Ok(Value::Text(value))
}

fn number(value: String) -> Result<Value, &'static str> {
    value.parse().map(Value::Integer).map_err(|_| "a whole number")
}

fn truth(value: String) -> Result<Value, &'static str> {
    value.parse().map(Value::Bool).map_err(|_| "`true` or `false`")
}
