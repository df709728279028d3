//! The JSON Schema of `s1crets.toml`, from the types that read it.

use std::borrow::Cow;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Value, json};

use super::{
    config::Root,
    table_type::{TableType, TableTypes, Types},
    values::LONGEST_BARE_TIMEOUT,
};

/// The names of providers and connections.
const NAME: &str = "^[a-z][a-z0-9._-]*$";

/// A duration: a number of seconds up to `MOST`, or text such as `500ms`, `15m` or `5 seconds`.
pub(crate) struct Span<const MOST: u32>;

/// A timeout: a duration above 0.
#[cfg_attr(not(any(feature = "__aws", feature = "vault")), allow(dead_code, reason = "no provider has a timeout"))]
pub(crate) struct Timeout;

impl<const MOST: u32> JsonSchema for Span<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Span{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        duration(&json!({ "type": "number", "minimum": 0, "maximum": MOST }))
    }
}

impl JsonSchema for Timeout {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timeout".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        duration(&json!({ "type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_BARE_TIMEOUT }))
    }
}

/// A number of seconds, or text that begins like a duration.
fn duration(seconds: &Value) -> Schema {
    json_schema!({ "anyOf": [seconds, { "type": "string", "pattern": r"^\s*\+?\.?[0-9]" }] })
}

/// A version of Vault's KV engine.
#[derive(JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) struct Version(#[schemars(range(min = 1, max = 2))] u8);

/// A reference to a secret: `PROVIDER://PATH`, `PROVIDER://PATH#KEY` with any number of keys, or
/// `PROVIDER://PATH#/json/pointer`. Without `PROVIDER://`, it is one of the default provider.
#[derive(JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct SecretReference(
    #[schemars(regex(pattern = r"^([a-z][a-z0-9._-]*://|(?!.*://))[^?#]+(#/[^#]*|(#[^#/][^#]*)*)$"))]
    String,
);

/// A provider's name.
#[derive(PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct ProviderName(#[schemars(regex(pattern = r"^[a-z][a-z0-9._-]*$"))] String);

/// The JSON Schema of `s1crets.toml` with tables of these types, with a newline at the end.
///
/// A table has the form of its type. Its type is the key `type`, else its name. Of a profile's
/// table the type may stand in the file itself, so there any type will do where neither says.
pub(crate) fn schema_of(types: &Types) -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let mut generator = settings.into_generator();
    let root = Root::json_schema(&mut generator);
    let tables = [("providers", "Provider", &types.providers), ("connections", "Connection", &types.connections)];
    for (_, title, types) in &tables {
        add_types(&mut generator, title, types);
    }
    let form = |is_profile: bool| {
        let mut form = root.clone();
        for (key, title, types) in &tables {
            insert(&mut form, "properties", key, named_tables(title, types, is_profile));
        }
        form
    };
    let (mut whole, mut profile) = (form(false), form(true));
    profile.insert("description".into(), json!("Settings that are merged into those of the file."));
    generator.definitions_mut().insert("Profile".to_owned(), profile.to_value());
    insert(
        &mut whole,
        "properties",
        "profiles",
        json!({
            "description": "Profiles by name. --config-profile or S1CRETS_PROFILE chooses one.",
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/Profile" },
        }),
    );
    whole.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    whole.insert("title".into(), json!("s1crets.toml"));
    whole.insert("description".into(), json!("The settings of s1crets."));
    whole.insert("$defs".into(), Value::Object(generator.take_definitions(true)));
    RecursiveTransform(without_null).transform(&mut whole);
    format!("{:#}\n", whole.to_value())
}

/// Adds a definition for each type, and one for a table of any type.
fn add_types(generator: &mut SchemaGenerator, title: &str, types: &TableTypes) {
    let mut any = Vec::new();
    for TableType { name, form } in types {
        let Some(form) = form else { continue };
        let mut schema = (form.schema)(generator);
        schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
        insert(&mut schema, "properties", "type", json!({ "description": "The type.", "const": name }));
        generator.definitions_mut().insert((*name).to_owned(), schema.to_value());
        any.push(json!({ "$ref": format!("#/$defs/{name}") }));
    }
    let description = format!("A table of any {} type.", title.to_lowercase());
    let definition = json!({ "description": description, "anyOf": any });
    generator.definitions_mut().insert(title.to_owned(), definition);
}

/// The schema of `[providers]` or `[connections]`.
fn named_tables(title: &str, types: &TableTypes, is_profile: bool) -> Value {
    let any = json!({ "$ref": format!("#/$defs/{title}") });
    let with_type = json!({ "allOf": [any], "required": ["type"] });
    let own = types.iter().filter(|known| known.form.is_some()).map(|TableType { name, .. }| {
        let own = json!({ "$ref": format!("#/$defs/{name}") });
        ((*name).to_owned(), json!({ "anyOf": [own, with_type] }))
    });
    json!({
        "description": format!("{title}s by name."),
        "type": "object",
        "properties": Value::Object(own.collect()),
        "propertyNames": { "pattern": NAME },
        "additionalProperties": if is_profile { any } else { with_type },
    })
}

fn insert(schema: &mut Schema, table: &str, key: &str, value: Value) {
    if let Some(Value::Object(members)) = schema.get_mut(table) {
        members.insert(key.to_owned(), value);
    }
}

/// TOML has no null: what is not set is left out. So no key has a default that could be written.
fn without_null(schema: &mut Schema) {
    schema.remove("default");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            only.into_iter().for_each(|(key, value)| drop(schema.insert(key, value)));
        }
    }
}
