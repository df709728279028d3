//! Deserializes a [`Table`] into typed settings.
//!
//! Each error gets the origin of the innermost value that caused it.

use std::collections::btree_map;

use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor, value::StringDeserializer},
    forward_to_deserialize_any,
};

use super::{
    error::Malformed,
    table::{Node, Table, Value},
};

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
            Value::Path(path) => visitor.visit_byte_buf(path.into_os_string().into_encoded_bytes()),
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
        // An error of a field's own `deserialize_with` function has no origin yet.
        seed.deserialize(node).map_err(|error| error.at(&origin))
    }
}
