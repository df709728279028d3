//! The types that a table of the config can have, and what each type allows.
//!
//! The config knows no provider. What it has to know of a type is a [`Form`], which the type's own
//! folder makes from its settings struct and the client's registry hands in: the keys and their
//! values, the keys that hold paths, and those that name a variable with a credential.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::{
    error::Malformed,
    origin::join,
    raw_table::RawTable,
    table::{Table, Value},
};

/// What the config has to know of one type.
#[derive(Clone, Copy)]
pub(crate) struct TableType {
    /// The value of the key `type`, and the name of a table that needs no such key.
    pub(crate) name: &'static str,
    /// `None` if the type is not in this build.
    pub(crate) form: Option<Form>,
}

/// The keys of one type of table, without `type`.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Reads the settings, to find what is wrong with them.
    pub(crate) check: fn(Table) -> Result<(), Malformed>,
    /// All keys.
    pub(crate) keys: fn() -> Vec<&'static str>,
    /// The paths of keys whose values are file paths, such as `["auth", "file"]`.
    pub(crate) paths: &'static [&'static [&'static str]],
    /// The paths of keys that name an environment variable which holds a credential.
    pub(crate) credential_variables: &'static [&'static [&'static str]],
    #[cfg(feature = "schema")]
    pub(crate) schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// All types, of providers or of connections.
pub(crate) type TableTypes = [TableType];

/// All types of tables, for the one who reads a config.
pub(crate) struct Types {
    pub(crate) providers: Vec<TableType>,
    pub(crate) connections: Vec<TableType>,
}

/// What a [`Form`] is made from.
#[cfg(feature = "schema")]
pub(crate) trait TableSettings: DeserializeOwned + schemars::JsonSchema {}
#[cfg(feature = "schema")]
impl<T: DeserializeOwned + schemars::JsonSchema> TableSettings for T {}

/// What a [`Form`] is made from.
#[cfg(not(feature = "schema"))]
pub(crate) trait TableSettings: DeserializeOwned {}
#[cfg(not(feature = "schema"))]
impl<T: DeserializeOwned> TableSettings for T {}

impl Form {
    /// The form of a settings struct, which has to deny unknown fields.
    pub(crate) const fn of<T: TableSettings>() -> Self {
        Self {
            check: |table| T::deserialize(table).map(drop),
            keys: keys_of::<T>,
            paths: &[],
            credential_variables: &[],
            #[cfg(feature = "schema")]
            schema: |generator| T::json_schema(generator),
        }
    }
}

/// The keys of a settings struct. Serde tells them to whoever uses one that is not among them.
pub(crate) fn keys_of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut table = Table::default();
    table.set(&[""], Value::Bool(true), super::origin::Origin::Code);
    T::deserialize(table).err().map_or_else(Vec::new, Malformed::into_known_keys)
}

/// Checks one table of the config: its keys, and the values of its keys.
///
/// A table of an unknown type may still hold a secret under a wrong key. So it has to fit one of
/// the types, whichever it turns out to be.
///
/// `section` is `providers` or `connections`.
pub(super) fn check(section: &str, types: &TableTypes, name: &str, raw: &RawTable) -> Result<(), Malformed> {
    if let Some(node) = raw.table.get(&["type"])
        && !matches!(node.value, Value::Text(_))
    {
        return Err(Malformed::unfit(node.value.description(), "text").at(&node.origin));
    }
    let (_, settings) = raw.table.clone().split(&["type"]);
    if let Some(dotted) = dotted_name(types, name, &settings) {
        return Err(unquoted(section, name, &dotted).at(raw.origin()));
    }
    let type_name = raw.type_or(name);
    let form = match types.iter().find(|known| known.name == type_name) {
        Some(TableType { form: None, .. }) => return Ok(()),
        Some(TableType { form: Some(form), .. }) => form,
        None => match best_fit(types, &settings) {
            Some(form) => return (form.check)(settings).map_err(|error| error.or_known("type")),
            None => return Ok(()),
        },
    };
    (form.check)(settings).map_err(|error| explain(error.or_known("type"), types, type_name, form))
}

/// The name that is meant by `[providers.aws.sm]`, which TOML reads as a table `sm` of `aws`: a type
/// has that name, or the table names its type.
fn dotted_name(types: &TableTypes, name: &str, settings: &Table) -> Option<String> {
    settings.tables().find_map(|(key, table)| {
        let dotted = format!("{name}.{key}");
        let is_name = types.iter().any(|known| known.name == dotted) || table.text(&["type"]).is_some();
        if is_name { Some(dotted) } else { dotted_name(types, &dotted, table) }
    })
}

fn unquoted(section: &str, name: &str, dotted: &str) -> Malformed {
    let message =
        format!("[{section}.{dotted}] without quotes is a table inside of {name:?}: a name with a dot needs quotes");
    Malformed::new(message).with_hint(format!("write [{}]", join(section, dotted)))
}

/// The form that has most of the keys of a table.
fn best_fit<'a>(types: &'a TableTypes, settings: &Table) -> Option<&'a Form> {
    let fitting = |form: &&Form| {
        let known = (form.keys)();
        settings.keys().filter(|key| known.contains(key)).count()
    };
    // Of several the first: `max_by_key` would take the last.
    types.iter().rev().filter_map(|known| known.form.as_ref()).max_by_key(fitting)
}

/// Names the types that have a key, if this one has not.
fn explain(error: Malformed, types: &TableTypes, type_name: &str, form: &Form) -> Malformed {
    let Some(key) = error.unknown_key() else { return error };
    let has_key = |known: &&TableType| known.form.is_some_and(|form| (form.keys)().contains(&key));
    let owners: Vec<_> = types.iter().filter(has_key).map(|known| known.name).collect();
    let (message, hint) = match ((form.keys)().is_empty(), owners.is_empty()) {
        (true, _) => (format!("the provider {type_name} has no settings"), "remove the key".to_owned()),
        (false, true) => return error,
        (false, false) => (
            format!("the type {type_name} has no setting `{key}`"),
            format!("`{key}` is a setting of {}", owners.join(", ")),
        ),
    };
    error.replaced(message, hint)
}

/// The variables with credentials that a table names. Of a table of an unknown type all that any
/// type would take for one.
pub(super) fn credential_variables(types: &TableTypes, name: &str, raw: &RawTable) -> BTreeSet<String> {
    forms_of(types, name, raw)
        .flat_map(|form| form.credential_variables)
        .filter_map(|path| raw.table.text(path).map(str::to_owned))
        .collect()
}

/// The keys of a table that hold paths.
pub(super) fn paths(types: &TableTypes, name: &str, raw: &RawTable) -> Vec<&'static [&'static str]> {
    forms_of(types, name, raw).flat_map(|form| form.paths.iter().copied()).collect()
}

fn forms_of<'a>(types: &'a TableTypes, name: &'a str, raw: &'a RawTable) -> impl Iterator<Item = Form> + use<'a> {
    let type_name = raw.type_or(name).to_owned();
    let is_known = types.iter().any(|known| known.name == type_name);
    types.iter().filter(move |known| !is_known || known.name == type_name).filter_map(|known| known.form)
}
