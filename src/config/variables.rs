//! The variables, over the config file.

use std::{ffi::OsString, path::Path};

use super::{
    error::Malformed,
    origin::Origin,
    table::{ANY, Table, Value},
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
    /// Whether there is a cache on disk too: `true` or `false`.
    pub const CACHE_DISK: &str = "S1CRETS_CACHE_DISK";
    /// The folder of the cache on disk.
    pub const CACHE_PATH: &str = "S1CRETS_CACHE_PATH";
    /// The file that holds the key of the cache on disk.
    pub const CACHE_KEY_FILE: &str = "S1CRETS_CACHE_KEY_FILE";
    /// The key of the cache on disk itself: 32 bytes in base64 or in hexadecimal digits.
    pub const CACHE_KEY: &str = "S1CRETS_CACHE_KEY";
}

/// Reads what a variable holds, or says what it should hold.
type Read = fn(String) -> Result<Value, &'static str>;

/// Which setting each variable is, and how it is written.
const SETTINGS: &[(&str, &[&str], Read)] = &[
    (env_vars::PROVIDER, &["provider"], text),
    (env_vars::RETRY, &["retry"], number),
    (env_vars::TIMEOUT, &["timeout"], text),
    (env_vars::CACHE_ENTRIES, &["cache", "entries"], number),
    (env_vars::CACHE_TTL, &["cache", "ttl"], text),
    (env_vars::CACHE_DISK, &["cache", "disk"], truth),
    (env_vars::CACHE_PATH, &["cache", "path"], text),
    (env_vars::CACHE_KEY_FILE, &["cache", "key_file"], text),
    // The key is read by whoever needs it: no setting holds it.
    (env_vars::CACHE_KEY, &["cache", "key_variable"], |_| text(env_vars::CACHE_KEY.to_owned())),
    (env_vars::FILE, &["providers", "file", "path"], text),
];

/// The settings that name the key of the cache on disk.
const KEYS: [&str; 3] = ["key_variable", "key_file", "key_credential"];

/// Where systemd puts what it passes to a service, and what the key of the cache on disk is called there.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "s1crets-cache-key";

/// Settings of a single provider that would hide the general one, which a variable has set.
const GENERAL: [(&str, &str); 2] = [(env_vars::RETRY, "retry"), (env_vars::TIMEOUT, "timeout")];

/// Lays the settings that the variables make over those of the file.
pub(super) fn overlay(root: &mut Table, var: &dyn Fn(&str) -> Option<OsString>) -> Result<(), Malformed> {
    for (name, key) in GENERAL {
        if var(name).is_some() {
            root.remove(&["providers", ANY, key]);
        }
    }
    // Else the file's other kinds of key would still go before the variable's.
    if var(env_vars::CACHE_KEY).or_else(|| var(env_vars::CACHE_KEY_FILE)).is_some() {
        KEYS.iter().for_each(|key| root.remove(&["cache", key]));
    }
    let credential = if root.has(&["cache", "key_credential"]) { None } else { systemd_credential(var) };
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

/// The key that systemd passes to a service: a default, so a credential that the file names goes
/// before it.
fn systemd_credential(var: &dyn Fn(&str) -> Option<OsString>) -> Option<Value> {
    // systemd names it by an absolute path. A relative one would lead into the current folder.
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
