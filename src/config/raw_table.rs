//! One table of the config as it was written, such as `[providers.billing]`.

use std::{fmt, str::FromStr};

use super::{
    origin::Origin,
    table::{Table, Value},
};
use crate::error::Error;

/// The settings of one provider or connection, as they were written.
///
/// Which keys apply, and what their values have to be, depends on the `type`. The config is checked
/// when it is read; a table that code makes is checked by
/// [`ClientBuilder::build`](crate::ClientBuilder::build).
///
/// ```
/// use s1crets::{Client, Config};
///
/// let mut config = Config::default();
/// config.providers.insert("billing".into(), "type = 'aws.sm'\nregion = 'us-east-1'".parse()?);
/// # if cfg!(feature = "aws-sm") {
/// assert!(Client::builder().with_config(config).build()?.providers().contains(&"billing"));
/// # }
/// # Ok::<(), s1crets::Error>(())
/// ```
///
/// `Debug` shows the keys and no values: a secret may have been written there by mistake.
#[derive(Clone)]
pub struct RawTable {
    pub(crate) table: Table,
    /// Of the table's header.
    pub(super) origin: Origin,
}

impl RawTable {
    pub(super) fn new(table: Table, origin: Origin) -> Self {
        Self { table, origin }
    }

    /// The type of the provider or connection: the key `type`, else the name of the table.
    pub(crate) fn type_or<'a>(&'a self, name: &'a str) -> &'a str {
        self.table.text(&["type"]).unwrap_or(name)
    }

    /// The origin that errors about the table name: the profile, if it set one of the values.
    pub(crate) fn origin(&self) -> &Origin {
        self.table.profile_origin().unwrap_or(&self.origin)
    }

    /// Adds the table and its origin to an error about its settings, unless an error names a table
    /// already. A table that code made has no origin: its key tells which it is.
    pub(crate) fn in_table(&self, key: &str, error: &Error) -> Error {
        let message = match self.origin() {
            _ if error.message().starts_with("in [") => return error.clone(),
            Origin::Code => error.message().to_owned(),
            origin => format!("in [{key}], {origin}: {}", error.message()),
        };
        let placed = Error::new(error.kind(), message);
        match error.hint() {
            Some(hint) => placed.with_hint(hint.to_owned()),
            None => placed,
        }
    }

    /// Sets a value in code.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.table.set(&[key], value.into(), Origin::Code);
    }
}

/// An empty table, made by code.
impl Default for RawTable {
    fn default() -> Self {
        Self::new(Table::default(), Origin::Code)
    }
}

/// Parses the TOML of a table made by code, without its header.
impl FromStr for RawTable {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self::new(Table::parse(text, None)?.of_code(), Origin::Code))
    }
}

/// Tables with the same values are equal, wherever these come from.
impl PartialEq for RawTable {
    fn eq(&self, other: &Self) -> bool {
        self.table.to_json() == other.table.to_json()
    }
}

impl fmt::Debug for RawTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawTable").field("keys", &self.table.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_values() {
        let table: RawTable = "token = 'hunter2'\nauth = { env = 'hunter2' }".parse().expect("TOML");
        let shown = format!("{table:?}");
        assert!(shown.contains("token") && !shown.contains("hunter2"), "{shown}");
    }
}
