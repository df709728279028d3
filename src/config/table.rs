//! Untyped tables of settings, in which each value knows its origin.
//!
//! A config is made of layers: the file, one of its profiles, and the variables. Each layer is a
//! [`Table`], and a later layer is merged into the earlier ones by [`Table::overlay`]. The merged
//! table is then deserialized into typed settings.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::{DeTable, DeValue};

use super::{
    error::Malformed,
    origin::{Origin, Origins, Place, join},
    paths,
    raw_table::RawTable,
};

/// The depth to which tables are merged key by key: the root, `[providers]` and
/// `[providers.NAME]`. A deeper table, such as `auth`, replaces the earlier one as a whole.
const MERGED_DEPTH: usize = 3;

/// A value and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value of a config file.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// An absolute path, made from the text of the file. It need not be UTF-8.
    Path(PathBuf),
    Array(Vec<Node>),
    Table(Table),
}

/// Stands for every key of a table in the path of [`Table::remove`].
pub(super) const ANY: &str = "*";

/// Settings by key, in order of the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(super) BTreeMap<String, Node>);

impl Table {
    /// Parses the text of a config file. `file` is the path that origins and errors name.
    pub(super) fn parse(text: &str, file: Option<&Path>) -> Result<Self, Malformed> {
        let reader = Reader { lines: text.match_indices('\n').map(|(at, _)| at).collect(), file: file.map(Arc::from) };
        let malformed = |error: toml::de::Error| {
            let at = error.span().map_or(text.len(), |span| span.start);
            Malformed::new(error.message()).at(&reader.origin(at))
        };
        reader.table(DeTable::parse(text).map_err(malformed)?.get_ref())
    }

    /// Sets the value at a path, and makes the tables on the way to it.
    pub(crate) fn set(&mut self, path: &[&str], value: Value, origin: Origin) {
        let value = path.iter().rev().fold(value, |value, key| {
            let node = Node { value, origin: origin.clone() };
            Value::Table(Self(BTreeMap::from([((*key).to_owned(), node)])))
        });
        if let Value::Table(table) = value {
            self.overlay(table);
        }
    }

    /// The node at a path.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Node> {
        let (key, below) = path.split_first()?;
        let node = self.0.get(*key)?;
        match (&node.value, below) {
            (_, []) => Some(node),
            (Value::Table(table), below) => table.get(below),
            _ => None,
        }
    }

    fn get_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        let (key, below) = path.split_first()?;
        let node = self.0.get_mut(*key)?;
        if below.is_empty() {
            return Some(node);
        }
        match &mut node.value {
            Value::Table(table) => table.get_mut(below),
            _ => None,
        }
    }

    /// The text at a path; `None` if there is none, or something else.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        match &self.get(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Moves the entries with these keys to a table of their own, which comes first.
    pub(crate) fn split(self, keys: &[&str]) -> (Self, Self) {
        let (chosen, rest) = self.0.into_iter().partition(|(key, _)| keys.contains(&key.as_str()));
        (Self(chosen), Self(rest))
    }

    /// Makes the path at `at` absolute: it starts from `folder`, `~/` from the home folder. A path
    /// that was not read from a file starts from the current folder.
    ///
    /// # Errors
    /// If the path begins with `~/` and there is no home folder: it must not lead below `folder`.
    pub(super) fn resolve_path(&mut self, at: &[&str], folder: Option<&Path>) -> Result<(), Malformed> {
        if let Some(node) = self.get_mut(at)
            && let Value::Text(text) = &node.value
        {
            node.value = Value::Path(paths::resolve(Path::new(text), &node.origin, folder)?);
        }
        Ok(())
    }

    /// The values as JSON. In a path that is not UTF-8 a mark stands for what is not.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(|(key, node)| (key.clone(), node.to_json())).collect()
    }

    /// Removes the value at a path, or the values at all such paths: [`ANY`] stands for every key.
    pub(crate) fn remove(&mut self, path: &[&str]) {
        let [key, below @ ..] = path else { return };
        if below.is_empty() {
            self.0.remove(*key);
            return;
        }
        for (name, node) in &mut self.0 {
            if let Value::Table(table) = &mut node.value
                && (*key == ANY || name == key)
            {
                table.remove(below);
            }
        }
    }

    /// Takes out the tables below a key, such as those of `[providers]`, by their names.
    pub(super) fn take_tables(&mut self, key: &str) -> Result<BTreeMap<String, RawTable>, Malformed> {
        let named = self.take(key)?.0.into_iter().map(|(name, Node { value, origin })| match value {
            Value::Table(table) => Ok((name, RawTable::new(table, origin))),
            other => Err(Malformed::unfit(other.description(), "a table").at(&origin)),
        });
        named.collect()
    }

    /// Takes out the table at a key; an empty one if there is none.
    pub(super) fn take(&mut self, key: &str) -> Result<Self, Malformed> {
        match self.0.remove(key) {
            Some(Node { value: Value::Table(table), .. }) => Ok(table),
            Some(Node { origin, .. }) => Err(Malformed::new(format!("`{key}` is a table of tables")).at(&origin)),
            None => Ok(Self::default()),
        }
    }

    /// The tables directly below this one, by their keys.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(key, node)| match &node.value {
            Value::Table(table) => Some((key.as_str(), table)),
            _ => None,
        })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Merges a later layer into this one.
    pub(super) fn overlay(&mut self, over: Self) {
        self.overlay_at(over, 1);
    }

    fn overlay_at(&mut self, over: Self, depth: usize) {
        for (key, node) in over.0 {
            match (self.0.get_mut(&key).map(|below| &mut below.value), node) {
                (Some(Value::Table(below)), Node { value: Value::Table(over), .. }) if depth < MERGED_DEPTH => {
                    below.overlay_at(over, depth + 1);
                }
                (_, node) => drop(self.0.insert(key, node)),
            }
        }
    }

    /// The same table with a profile as the origin of its values.
    pub(super) fn of_profile(self, profile: &Arc<str>) -> Self {
        Self(self.0.into_iter().map(|(key, node)| (key, node.of_profile(profile))).collect())
    }

    /// The first origin that is a profile.
    pub(super) fn profile_origin(&self) -> Option<&Origin> {
        self.0.values().find_map(|node| match (&node.origin, &node.value) {
            (origin @ Origin::Profile(..), _) => Some(origin),
            (_, Value::Table(table)) => table.profile_origin(),
            _ => None,
        })
    }

    /// The same table as if code had made it.
    pub(super) fn of_code(self) -> Self {
        Self(self.0.into_iter().map(|(key, node)| (key, node.of_code())).collect())
    }

    /// The origin of each value by its key. An array is one value.
    pub(super) fn origins(&self) -> Origins {
        let mut origins = Origins::default();
        self.collect_origins("", &mut origins);
        origins
    }

    pub(super) fn collect_origins(&self, parent: &str, origins: &mut Origins) {
        for (key, node) in &self.0 {
            let key = join(parent, key);
            if let Value::Table(table) = &node.value {
                table.collect_origins(&key, origins);
            }
            origins.insert(key, node.origin.clone());
        }
    }
}

impl Value {
    /// What it is, as errors name it.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Bool(_) => "`true` or `false`",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) | Self::Path(_) => "text",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

impl Value {
    /// The value as an element of an array that code makes.
    pub(crate) fn of_code(self) -> Node {
        Node { value: self, origin: Origin::Code }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Node {
    fn of_profile(self, profile: &Arc<str>) -> Self {
        let value = match self.value {
            Value::Table(table) => Value::Table(table.of_profile(profile)),
            Value::Array(nodes) => Value::Array(nodes.into_iter().map(|node| node.of_profile(profile)).collect()),
            other => other,
        };
        Self { value, origin: self.origin.of_profile(profile) }
    }

    fn of_code(self) -> Self {
        let value = match self.value {
            Value::Table(table) => Value::Table(table.of_code()),
            Value::Array(nodes) => Value::Array(nodes.into_iter().map(Self::of_code).collect()),
            other => other,
        };
        Self { value, origin: Origin::Code }
    }

    fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Bool(value) => (*value).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Path(path) => path.to_string_lossy().into(),
            Value::Array(nodes) => nodes.iter().map(Self::to_json).collect(),
            Value::Table(table) => table.to_json(),
        }
    }
}

/// Converts the TOML parser's tree to ours.
struct Reader {
    /// The offset at which each line ends.
    lines: Vec<usize>,
    file: Option<Arc<Path>>,
}

impl Reader {
    fn origin(&self, at: usize) -> Origin {
        Origin::File(Place::new(self.file.clone(), self.lines.partition_point(|end| *end < at) + 1))
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Table, Malformed> {
        let nodes = table.iter().map(|(key, value)| {
            // A reader looks for the line of the key, not for that of the value.
            Ok((key.get_ref().to_string(), self.node(value.get_ref(), key.span().start)?))
        });
        nodes.collect::<Result<_, _>>().map(Table)
    }

    fn node(&self, value: &DeValue<'_>, at: usize) -> Result<Node, Malformed> {
        let origin = self.origin(at);
        let unfit = |what: &str| Malformed::new(format!("{what} does not fit any setting")).at(&origin);
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::Integer)
                .map_err(|_| unfit("this number"))?,
            DeValue::Float(number) => number.as_str().parse().map(Value::Float).map_err(|_| unfit("this number"))?,
            DeValue::Datetime(_) => return Err(unfit("a point in time")),
            DeValue::Array(values) => {
                let nodes = values.iter().map(|value| self.node(value.get_ref(), value.span().start));
                Value::Array(nodes.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => Value::Table(self.table(table)?),
        };
        Ok(Node { value, origin })
    }
}
