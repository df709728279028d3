//! Settings of the provider `file` in `s1crets.toml`.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::builder::{DEFAULT_PATH, FileBuilder};
use crate::{
    config::{Form, GeneralSettings, Section, path, span},
    error::Result,
};

/// The keys of a table of type `file`.
pub(crate) const FORM: Form = Form { paths: &[&["path"]], ..Form::of::<FileSettings>() };

/// A fetcher's file, or a CSI mount.
#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
struct FileSettings {
    /// The fetcher's file, or the CSI mount.
    #[serde(deserialize_with = "path")]
    path: Option<PathBuf>,
    /// How long to wait for the file at the start.
    #[serde(deserialize_with = "span::up_to::<600, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::config::Span<600>>"))]
    wait: Option<Duration>,
    /// The first pause between two attempts to read the file at the start. It doubles each time.
    #[serde(deserialize_with = "span::up_to::<60, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::config::Span<60>>"))]
    backoff: Option<Duration>,
}

impl FileBuilder {
    /// # Errors
    /// `Config` if a setting is unknown or malformed.
    pub(crate) fn read(section: &Section, general: &GeneralSettings) -> Result<Self> {
        let FileSettings { path, wait, backoff } = section.read()?;
        let mut builder = Self::new(path.unwrap_or_else(|| DEFAULT_PATH.into()));
        if let Some(wait) = wait {
            builder = builder.with_wait(wait);
        }
        if let Some(backoff) = backoff {
            builder = builder.with_backoff(backoff);
        }
        Ok(if general.one_shot { builder.one_shot() } else { builder })
    }
}
