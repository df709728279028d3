//! `s1crets.toml` and the `S1CRETS_…` environment variables: finding, trusting, merging and
//! checking them.
//!
//! The tables below `[providers]` and `[connections]` stay [`RawTable`]s here. Their settings
//! structs lie with the providers; the client's registry knows which table has which type.

mod cache;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod config;
mod config_file;
mod connection;
pub(crate) mod defaults;
mod deserializer;
mod effective;
mod error;
mod find;
mod general;
mod load;
mod origin;
#[cfg(unix)]
mod ownership;
mod paths;
mod raw_table;
mod run;
#[cfg(feature = "schema")]
mod schema;
mod secrets;
mod section;
mod table;
mod table_type;
#[cfg(test)]
mod tests;
mod trust;
mod values;
mod variables;

pub use cache::{CacheSettings, parse_max_stale};
pub use config::Config;
pub use config_file::{ConfigFile, Trust};
pub use connection::{Connection, CredentialSource};
pub use effective::Setting;
#[cfg(feature = "vault")]
pub(crate) use error::{Malformed, did_you_mean};
pub use find::{FILE_NAME, default_places};
pub(crate) use general::GeneralSettings;
pub use load::ConfigLoader;
pub(crate) use load::{Text, read_layers};
pub(crate) use origin::join;
pub use origin::{Origin, Place};
pub use raw_table::RawTable;
pub use run::RunSettings;
#[cfg(all(feature = "schema", any(feature = "__aws", feature = "file")))]
pub(crate) use schema::Span;
#[cfg(all(feature = "schema", any(feature = "__aws", feature = "vault")))]
pub(crate) use schema::Timeout;
#[cfg(all(feature = "schema", feature = "vault"))]
pub(crate) use schema::Version;
#[cfg(feature = "schema")]
pub(crate) use schema::schema_of;
pub(crate) use section::Section;
#[cfg(feature = "vault")]
pub(crate) use section::Sourced;
pub(crate) use table::{Table, Value};
#[cfg(feature = "vault")]
pub(crate) use table_type::keys_of;
pub(crate) use table_type::{Form, TableType, Types};
pub use trust::{RecordState, TrustRecord, TrustStore};
#[cfg(any(feature = "file", feature = "vault"))]
pub(crate) use values::path;
#[cfg(any(feature = "__aws", feature = "file"))]
pub(crate) use values::span;
#[cfg(any(feature = "__aws", feature = "vault"))]
pub(crate) use values::timeout;
pub use values::{parse_duration, parse_timeout};
pub use variables::env_vars;
