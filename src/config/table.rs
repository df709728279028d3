//! Settings as a tree in which each value knows who said it: what layers are laid over each other in.

use std::{
    collections::{BTreeMap, btree_map},
    path::Path,
    sync::Arc,
};

use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor, value::StringDeserializer},
    forward_to_deserialize_any,
};
use toml::de::{DeTable, DeValue};

use super::{
    error::Malformed,
    origin::{Origin, Origins, Place, join},
};

/// Down to here tables are laid over each other key by key: the root, `[providers]` and `[providers.NAME]`. A table that
/// is the value of a setting, such as `auth`, is a whole.
const MERGED: usize = 3;

#[derive(Clone, Debug)]
pub(super) struct Node {
    value: Value,
    origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Array(Vec<Node>),
    Table(Table),
}

/// Every key of a table, in the path of [`Table::remove`].
pub(super) const ANY: &str = "*";

/// Settings by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(BTreeMap<String, Node>);

impl Table {
    /// The text of a config file.
    pub(super) fn parse(text: &str, file: Option<&Path>) -> Result<Self, Malformed> {
        let reader = Reader { lines: text.match_indices('\n').map(|(at, _)| at).collect(), file: file.map(Arc::from) };
        let malformed = |error: toml::de::Error| {
            let at = error.span().map_or(text.len(), |span| span.start);
            Malformed::new(error.message()).at(&reader.origin(at))
        };
        reader.table(DeTable::parse(text).map_err(malformed)?.get_ref())
    }

    /// Sets a value by its path.
    pub(super) fn set(&mut self, path: &[&str], value: Value, origin: Origin) {
        let value = path.iter().rev().fold(value, |value, key| {
            let node = Node { value, origin: origin.clone() };
            Value::Table(Self(BTreeMap::from([((*key).to_owned(), node)])))
        });
        if let Value::Table(table) = value {
            self.overlay(table);
        }
    }

    /// Whether there is a value at a path.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        match path {
            [] => true,
            [key, below @ ..] => match self.0.get(*key).map(|node| &node.value) {
                Some(Value::Table(table)) => table.has(below),
                found => found.is_some() && below.is_empty(),
            },
        }
    }

    /// Removes the value at a path, or the values at all such paths: [`ANY`] stands for every key.
    pub(super) fn remove(&mut self, path: &[&str]) {
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

    /// Takes a table out.
    pub(super) fn take(&mut self, key: &str) -> Result<Self, Malformed> {
        match self.0.remove(key) {
            Some(Node { value: Value::Table(table), .. }) => Ok(table),
            Some(Node { origin, .. }) => Err(Malformed::new(format!("`{key}` is a table of tables")).at(&origin)),
            None => Ok(Self::default()),
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Lays another over this one.
    pub(super) fn overlay(&mut self, over: Self) {
        self.overlay_at(over, 1);
    }

    fn overlay_at(&mut self, over: Self, depth: usize) {
        for (key, node) in over.0 {
            match (self.0.get_mut(&key).map(|below| &mut below.value), node) {
                (Some(Value::Table(below)), Node { value: Value::Table(over), .. }) if depth < MERGED => {
                    below.overlay_at(over, depth + 1);
                }
                (_, node) => drop(self.0.insert(key, node)),
            }
        }
    }

    /// The same, as a profile says it.
    pub(super) fn of_profile(self, profile: &Arc<str>) -> Self {
        Self(self.0.into_iter().map(|(key, node)| (key, node.of_profile(profile))).collect())
    }

    /// Who said what, by key. An array is one value.
    pub(super) fn origins(&self) -> Origins {
        let mut origins = Origins::default();
        self.collect("", &mut origins);
        origins
    }

    fn collect(&self, parent: &str, origins: &mut Origins) {
        for (key, node) in &self.0 {
            let key = join(parent, key);
            if let Value::Table(table) = &node.value {
                table.collect(&key, origins);
            }
            origins.insert(key, node.origin.clone());
        }
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
}

/// From the TOML parser's tree to ours.
struct Reader {
    /// Where each line ends.
    lines: Vec<usize>,
    file: Option<Arc<Path>>,
}

impl Reader {
    fn origin(&self, at: usize) -> Origin {
        Origin::File(Place::new(self.file.clone(), self.lines.partition_point(|end| *end < at) + 1))
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Table, Malformed> {
        let nodes = table.iter().map(|(key, value)| {
            // The line of the key: that is the one that a reader looks for.
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

impl<'de> Deserializer<'de> for Table {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_map(Entries { left: self.0.into_iter(), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let read = match self.value {
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Text(text) => visitor.visit_string(text),
            Value::Array(nodes) => visitor.visit_seq(de::value::SeqDeserializer::new(nodes.into_iter())),
            Value::Table(table) => table.deserialize_any(visitor).map_err(Malformed::within),
        };
        read.map_err(|error| error.at(&self.origin))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        let origin = self.origin.clone();
        let read = match self.value {
            Value::Text(text) => {
                let text: StringDeserializer<Malformed> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            _ => Err(Malformed::new(format!("expected one of {}", variants.join(", ")))),
        };
        read.map_err(|error| error.at(&origin))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Malformed> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a table, one after the other.
struct Entries {
    left: btree_map::IntoIter<String, Node>,
    value: Option<Node>,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = Malformed;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        let Some((key, node)) = self.left.next() else { return Ok(None) };
        let origin = node.origin.clone();
        self.value = Some(node);
        let key: StringDeserializer<Malformed> = key.into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.at(&origin))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        let node = self.value.take().ok_or_else(|| Malformed::new("a value was asked for twice"))?;
        let origin = node.origin.clone();
        // Where a field has a reader of its own, this is the only place that knows where it stands.
        seed.deserialize(node).map_err(|error| error.at(&origin))
    }
}
