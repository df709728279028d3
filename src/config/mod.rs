//! `s1crets.toml` and the environment, as settings.

mod cache;
mod load;
mod provider;
mod settings;
mod values;
mod variables;
mod vault;

pub use cache::CacheSettings;
pub use load::FILE_NAME;
pub use provider::{ProviderSettings, RoleSettings};
pub use settings::Config;
pub use values::parse_duration;
pub use variables::env_vars;
pub use vault::VaultAuthSettings;
