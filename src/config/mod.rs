//! `s1crets.toml` and the environment, as settings.

mod cache;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod config;
mod config_file;
mod connection;
pub(crate) mod defaults;
mod effective;
mod error;
mod find;
mod load;
mod origin;
#[cfg(unix)]
mod ownership;
mod paths;
mod provider;
mod run;
#[cfg(feature = "schema")]
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod trust;
mod values;
mod variables;
mod vault;

pub use cache::CacheSettings;
pub use config::Config;
pub use config_file::{ConfigFile, Trust};
pub(crate) use connection::ProviderTable;
#[cfg(feature = "vault")]
pub(crate) use connection::Sourced;
pub use connection::{Connection, CredentialSource};
pub use effective::Setting;
pub(crate) use error::did_you_mean;
pub use find::{FILE_NAME, default_places};
pub use load::ConfigLoader;
pub(crate) use origin::join;
pub use origin::{Origin, Place};
pub use provider::{ProviderSettings, RoleSettings};
pub use run::RunSettings;
#[cfg(feature = "schema")]
pub use schema::schema;
pub use trust::{RecordState, TrustRecord, TrustStore};
pub use values::parse_duration;
pub use variables::env_vars;
#[cfg(any(feature = "vault", feature = "schema"))]
pub(crate) use vault::METHODS;
pub use vault::VaultAuthSettings;
