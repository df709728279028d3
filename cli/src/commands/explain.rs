//! `s1crets explain`: prints how a secret is resolved, and how to fix failures, but never its
//! value.

use std::io::Write;

use clap::Args;
use s1crets::{
    Client, Error, Identity, JsonKind, Secret,
    config::{Connection, CredentialSource},
};
use serde_json::{Value, json};

use super::{config::origin_text, wait_and_shut_down};
use crate::{
    args::{Global, PathAndKeys},
    client_setup,
    diagnose::{self, Instance},
    escape,
    exit::Exit,
    output,
    path_arg::PathArg,
    report::{Failure, causes_of},
    staleness,
};

#[derive(Debug, Args)]
#[command(after_long_help = "Example: s1crets explain aws.sm://prod/db#password")]
pub(crate) struct Explain {
    #[command(flatten)]
    target: PathAndKeys,
}

/// All that is printed about one secret.
struct Explanation<'a> {
    target: &'a PathArg,
    instance: Instance,
    /// `None` for a provider without a connection, and if its settings are invalid.
    connection: Option<&'a Connection>,
    identity: Result<Option<Identity>, Error>,
    secret: Result<Secret, Error>,
    /// The value at the keypath. `None` without a keypath, and if the secret can't be read.
    part: Option<Result<Secret, Error>>,
}

pub(crate) fn run(global: &Global, args: &Explain) -> Result<Exit, Failure> {
    let builder = client_setup::builder(global)?;
    let mut settings = builder.effective();
    let connections = diagnose::connections(&builder)?;
    let client = builder.build()?;
    let target = PathArg::parse(&client, global, &args.target.path, &args.target.keys)?;
    let connection = connections.of(&target.provider);
    connection.iter().for_each(|connection| connection.overlay(&mut settings));
    let instance = diagnose::instance(&settings, &target.provider, connection);
    let (identity, secret) =
        wait_and_shut_down(&client, async { Ok::<_, Error>(ask(&client, global, &target).await) })?;
    let part = match (&secret, target.keypath.is_empty()) {
        (Ok(secret), false) => Some(secret.at(&target.keypath)),
        _ => None,
    };
    let explanation = Explanation { target: &target, instance, connection, identity, secret, part };
    match global.json {
        true => output::line(&explanation.as_json())?,
        false => explanation.print(global.verbose > 0)?,
    }
    Ok(explanation.error().map_or(Exit::Found, |error| Exit::of_kind(error.kind())))
}

async fn ask(
    client: &Client,
    global: &Global,
    target: &PathArg,
) -> (Result<Option<Identity>, Error>, Result<Secret, Error>) {
    let secret = client.get(&target.provider, &target.path).cached(!global.no_cache).await;
    (client.identity(&target.provider).await, secret)
}

impl Explanation<'_> {
    /// Why the secret, or the value at the keypath, can't be read.
    fn error(&self) -> Option<&Error> {
        match &self.part {
            Some(part) => part.as_ref().err(),
            None => self.secret.as_ref().err(),
        }
    }

    fn hint(&self) -> Option<String> {
        diagnose::hint(&self.instance.kind, Some(&self.target.path), self.error()?)
    }

    fn reference(&self) -> String {
        self.target.to_string()
    }

    fn print(&self, causes: bool) -> Result<(), Failure> {
        let mut lines = vec![("reference", self.reference()), ("provider", self.instance.name_and_type())];
        lines.extend(
            self.instance.settings.iter().map(|it| ("setting", format!("{it}  # {}", origin_text(it.origin())))),
        );
        let variables = diagnose::set_variables(&self.instance.kind, self.connection);
        if !variables.is_empty() {
            lines.push(("variables", variables.join(", ")));
        }
        lines.extend(self.connection.map(|it| ("credential", describe_credential(it))));
        let warnings = self.connection.into_iter().flat_map(|connection| connection.warnings.clone());
        lines.extend(warnings.map(|warning| ("warning", warning)));
        lines.extend(identity_line(&self.identity).into_iter().map(|text| ("identity", text)));
        lines.extend(self.secret.iter().flat_map(|secret| [("secret", described(secret)), ("cache", cached(secret))]));
        lines.extend(self.part.iter().flatten().map(|part| ("key", kind_and_size(part))));
        lines.extend(self.error().map(|error| ("error", format!("{} ({})", error, error.kind()))));
        if causes {
            lines.extend(self.error().into_iter().flat_map(causes_of).map(|cause| ("caused by", cause)));
        }
        lines.extend(self.hint().map(|hint| ("hint", hint)));
        output::print(|out| lines.iter().try_for_each(|(name, text)| writeln!(out, "{name:<11}{}", escape::text(text))))
    }

    fn as_json(&self) -> Value {
        let identity = self.identity.as_ref().ok().and_then(Option::as_ref);
        let setting = |it: &s1crets::config::Setting| json!({ "key": it.key(), "value": it.toml(), "origin": super::config::origin_as_json(it.origin()) });
        let credential = |it: &CredentialSource| json!({ "source": it.description, "origin": super::config::origin_as_json(&it.origin) });
        json!({
            "reference": self.reference(),
            "provider": { "name": self.instance.name, "type": self.instance.kind },
            "settings": self.instance.settings.iter().map(setting).collect::<Vec<_>>(),
            "variables": diagnose::set_variables(&self.instance.kind, self.connection),
            "credential": self.connection.and_then(|it| it.credential.as_ref()).map(credential),
            "warnings": self.connection.map(|connection| connection.warnings.as_slice()).unwrap_or_default(),
            "identity": identity.map(identity_as_json),
            "secret": self.secret.as_ref().ok().map(secret_as_json),
            "key": self.part.as_ref().and_then(|part| part.as_ref().ok()).map(secret_as_json),
            "error": self.error().map(|error| json!({
                "kind": error.kind().as_str(),
                "message": error.to_string(),
                "causes": causes_of(error).collect::<Vec<_>>(),
            })),
            "hint": self.hint(),
        })
    }
}

/// The credential of a connection, and where it comes from.
fn describe_credential(connection: &Connection) -> String {
    match &connection.credential {
        Some(credential) => format!("{credential}  # {}", origin_text(&credential.origin)),
        None => "none".to_owned(),
    }
}

impl Instance {
    fn name_and_type(&self) -> String {
        match self.name == self.kind {
            true => self.name.clone(),
            false => format!("{} (type {})", self.name, self.kind),
        }
    }
}

/// The identity the backend sees, or why it is unknown; `None` for providers without one.
fn identity_line(identity: &Result<Option<Identity>, Error>) -> Option<String> {
    match identity {
        Ok(identity) => identity.as_ref().map(describe_identity),
        Err(error) => Some(format!("unknown: {error} ({})", error.kind())),
    }
}

/// An identity, its details and its remaining life, on one line.
pub(super) fn describe_identity(identity: &Identity) -> String {
    let mut text = identity.name.clone();
    for (name, value) in identity.details.iter().filter(|(_, value)| !value.is_empty()) {
        text += &format!(", {name} {value}");
    }
    if let Some(left) = identity.expires_in {
        text += &format!(", expires in {}", humantime::format_duration(left));
    }
    text
}

fn identity_as_json(identity: &Identity) -> Value {
    let details = identity.details.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
    json!({
        "name": identity.name,
        "details": Value::Object(details.collect()),
        "expires_in_seconds": identity.expires_in.map(|left| left.as_secs()),
    })
}

fn described(secret: &Secret) -> String {
    let mut text = "found".to_owned();
    if let Some(version) = secret.version() {
        text += &format!(", version {version}");
    }
    if let Some(created) = secret.created() {
        text += &format!(", created {}", humantime::format_rfc3339_seconds(created));
    }
    format!("{text}, {}", kind_and_size(secret))
}

/// The kind and length of a value; of a map also the names, which are as public as that of a secret.
fn kind_and_size(secret: &Secret) -> String {
    let kind_and_size = format!("{} of {} bytes", kind(secret), size(secret));
    match secret.is_map() {
        true => format!("{kind_and_size}, named {}", secret.names().collect::<Vec<_>>().join(", ")),
        false => kind_and_size,
    }
}

/// The bytes of a value, or of all values of a map.
fn size(secret: &Secret) -> usize {
    match secret.expose_bytes() {
        Ok(value) => value.len(),
        Err(_) => secret.entries().map(|(_, value)| size(&value)).sum(),
    }
}

fn kind(secret: &Secret) -> &'static str {
    if secret.is_map() {
        return "map";
    }
    if secret.is_binary() {
        return "binary";
    }
    match secret.json().map(|json| json.kind()) {
        Ok(JsonKind::Object) => "JSON object",
        Ok(JsonKind::Array) => "JSON array",
        _ => "text",
    }
}

fn cached(secret: &Secret) -> String {
    let Some(freshness) = secret.freshness() else { return "none: this provider reads from memory".to_owned() };
    let state = match staleness::is_stale(&freshness) {
        true => "stale".to_owned(),
        false => format!("fresh for {}", staleness::duration(freshness.expires_in)),
    };
    let (source, age) = (staleness::source(freshness.source), staleness::duration(freshness.age));
    let error = freshness.refresh_error.map(|kind| format!(", last refresh failed: {kind}")).unwrap_or_default();
    format!("from the {source}, {age} old, {state}{error}")
}

fn secret_as_json(secret: &Secret) -> Value {
    json!({
        "version": secret.version(),
        "created": secret.created().map(|time| humantime::format_rfc3339_seconds(time).to_string()),
        "kind": kind(secret),
        "bytes": size(secret),
        "names": secret.is_map().then(|| secret.names().collect::<Vec<_>>()),
        "freshness": secret.freshness().map(|it| json!({
            "source": staleness::source(it.source),
            "age_seconds": it.age.as_secs(),
            "expires_in_seconds": it.expires_in.as_secs(),
            "stale": staleness::is_stale(&it),
            "refresh_error": it.refresh_error.map(|kind| kind.as_str()),
        })),
    })
}
