//! `s1crets.toml` and the environment, as settings.

mod cache;
pub(crate) mod defaults;
mod effective;
mod error;
mod load;
mod origin;
mod provider;
#[cfg(feature = "schema")]
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod variables;
mod vault;

pub use cache::CacheSettings;
pub use effective::Setting;
pub use load::{ConfigLoader, FILE_NAME, default_places};
pub use origin::{Origin, Place};
pub use provider::{ProviderSettings, RoleSettings};
#[cfg(feature = "schema")]
pub use schema::schema;
pub use settings::Config;
pub use values::parse_duration;
pub use variables::env_vars;
pub use vault::VaultAuthSettings;
