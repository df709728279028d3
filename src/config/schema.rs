//! The JSON Schema of `s1crets.toml`, from the types that read it.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::config::Config;

/// A time span: a number of seconds, or text such as `500ms`, `15m` or `5 seconds`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its form is used")]
pub(super) enum Span {
    Seconds(#[schemars(range(min = 0.0))] f64),
    Text(#[schemars(regex(pattern = r"^\s*\+?\.?[0-9]"))] String),
}

/// A version of Vault's KV engine.
#[derive(JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its form is used")]
pub(super) struct Version(#[schemars(range(min = 1, max = 2))] u8);

/// Where a secret is: `PROVIDER://PATH`, `PROVIDER://PATH#KEY` or `PROVIDER://PATH#/json/pointer`.
#[derive(JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its form is used")]
pub(super) struct Referred(
    #[schemars(regex(pattern = r"^[a-z][a-z0-9._-]*://[^?#]+(#.*)?$"))]
    String,
);

/// A provider's name.
#[derive(PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(inline)]
#[allow(dead_code, reason = "only its form is used")]
pub(super) struct ProviderName(#[schemars(regex(pattern = r"^[a-z][a-z0-9._-]*$"))] String);

/// The [JSON Schema](https://json-schema.org/draft/2020-12) of `s1crets.toml`, for editors and for whoever checks such
/// files: JSON, with a newline at the end.
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let mut root = settings.into_generator().into_root_schema_for::<Config>();
    // A profile has the form of the whole file, but for profiles of its own.
    let profile = json!({
        "description": "Settings that are laid over those of the file.",
        "type": "object",
        "properties": root.get("properties"),
        "additionalProperties": false,
    });
    insert(&mut root, "$defs", "Profile", profile);
    insert(
        &mut root,
        "properties",
        "profiles",
        json!({
            "description": "Profiles by name: what --config-profile and S1CRETS_PROFILE choose from.",
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/Profile" },
        }),
    );
    root.insert("title".into(), json!("s1crets.toml"));
    root.insert("description".into(), json!("The settings of s1crets."));
    format!("{:#}\n", root.to_value())
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
