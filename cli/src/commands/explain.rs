//! `s1crets explain`.

use std::io::Write;

use s1crets::{
    Client, Error, Identity, JsonKind, Reference, Secret,
    config::{Connection, CredentialSource},
};
use serde_json::{Value, json};

use super::{config::by_whom, wait};
use crate::{
    args::{Explain, Global},
    diagnose::{self, Instance},
    escape,
    exit::Exit,
    output,
    report::{Failure, causes_of},
    target::{self, Target},
};

/// What was found out of one secret.
struct Found<'a> {
    target: &'a Target,
    instance: Instance,
    /// Nothing for a provider that is not connected to a backend, and where its settings can't be
    /// read.
    connection: Option<&'a Connection>,
    identity: Result<Option<Identity>, Error>,
    secret: Result<Secret, Error>,
    /// What the keypath leads to.
    part: Option<Result<Secret, Error>>,
}

pub(crate) fn run(global: &Global, args: &Explain) -> Result<Exit, Failure> {
    let builder = target::builder(global)?;
    let mut settings = builder.effective();
    let connections = diagnose::connections(&builder)?;
    let client = builder.build()?;
    let target = Target::new(&client, global, &args.target.path, &args.target.keys)?;
    let connection = connections.of(&target.provider);
    connection.iter().for_each(|connection| connection.overlay(&mut settings));
    let instance = diagnose::instance(&settings, &target.provider, connection);
    let (identity, secret) = wait(async { Ok::<_, Error>(ask(&client, global, &target).await) })?;
    let part = match (&secret, target.keypath.is_empty()) {
        (Ok(secret), false) => Some(secret.at(&target.keypath)),
        _ => None,
    };
    let found = Found { target: &target, instance, connection, identity, secret, part };
    match global.json {
        true => output::line(&found.as_json())?,
        false => found.print(global.verbose > 0)?,
    }
    Ok(found.error().map_or(Exit::Found, |error| Exit::of_kind(error.kind())))
}

async fn ask(
    client: &Client,
    global: &Global,
    target: &Target,
) -> (Result<Option<Identity>, Error>, Result<Secret, Error>) {
    let secret = client.get(&target.provider, &target.path).cached(!global.no_cache).await;
    (client.identity(&target.provider).await, secret)
}

impl Found<'_> {
    /// Why the secret, or the part of it, can't be had.
    fn error(&self) -> Option<&Error> {
        match &self.part {
            Some(part) => part.as_ref().err(),
            None => self.secret.as_ref().err(),
        }
    }

    fn advice(&self) -> Option<String> {
        diagnose::mend(&self.instance.kind, Some(&self.target.path), self.error()?)
    }

    fn reference(&self) -> String {
        let Target { provider, path, keypath } = self.target;
        match Reference::new(provider, path) {
            Ok(reference) => reference.with_keypath(keypath.clone()).to_string(),
            Err(_) => format!("{provider}://{}", path.escape_debug()),
        }
    }

    fn print(&self, causes: bool) -> Result<(), Failure> {
        let mut lines = vec![("reference", self.reference()), ("provider", self.instance.told())];
        lines.extend(self.instance.settings.iter().map(|it| ("setting", format!("{it}  # {}", by_whom(it.origin())))));
        let variables = diagnose::set_variables(&self.instance.kind);
        if !variables.is_empty() {
            lines.push(("variables", variables.join(", ")));
        }
        lines.extend(self.connection.map(|it| ("credential", told_credential(it))));
        let warnings = self.connection.into_iter().flat_map(|connection| connection.warnings.clone());
        lines.extend(warnings.map(|warning| ("warning", warning)));
        lines.extend(told_identity(&self.identity).into_iter().map(|told| ("identity", told)));
        lines.extend(self.secret.iter().flat_map(|secret| [("secret", described(secret)), ("cache", cached(secret))]));
        lines.extend(self.part.iter().flatten().map(|part| ("key", form(part))));
        lines.extend(self.error().map(|error| ("error", format!("{} ({})", error, error.kind()))));
        if causes {
            lines.extend(self.error().into_iter().flat_map(causes_of).map(|cause| ("caused by", cause)));
        }
        lines.extend(self.advice().map(|advice| ("mend", advice)));
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
            "variables": diagnose::set_variables(&self.instance.kind),
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
            "mend": self.advice(),
        })
    }
}

/// As whom the provider is to be asked, and who said so.
fn told_credential(connection: &Connection) -> String {
    match &connection.credential {
        Some(credential) => format!("{credential}  # {}", by_whom(&credential.origin)),
        None => "none".to_owned(),
    }
}

impl Instance {
    fn told(&self) -> String {
        match self.name == self.kind {
            true => self.name.clone(),
            false => format!("{} (type {})", self.name, self.kind),
        }
    }
}

/// Who we are, or why that can't be told; nothing where there is nobody to be.
fn told_identity(identity: &Result<Option<Identity>, Error>) -> Option<String> {
    match identity {
        Ok(identity) => identity.as_ref().map(identity_told),
        Err(error) => Some(format!("unknown: {error} ({})", error.kind())),
    }
}

/// An identity on a line.
pub(super) fn identity_told(identity: &Identity) -> String {
    let mut told = identity.name.clone();
    for (name, value) in identity.details.iter().filter(|(_, value)| !value.is_empty()) {
        told += &format!(", {name} {value}");
    }
    if let Some(left) = identity.expires_in {
        told += &format!(", ends in {}", humantime::format_duration(left));
    }
    told
}

/// The same for programs.
pub(super) fn identity_as_json(identity: &Identity) -> Value {
    let details = identity.details.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
    json!({
        "name": identity.name,
        "details": Value::Object(details.collect()),
        "expires_in_seconds": identity.expires_in.map(|left| left.as_secs()),
    })
}

fn described(secret: &Secret) -> String {
    let mut told = "found".to_owned();
    if let Some(version) = secret.version() {
        told += &format!(", version {version}");
    }
    if let Some(created) = secret.created() {
        told += &format!(", created {}", humantime::format_rfc3339_seconds(created));
    }
    format!("{told}, {}", form(secret))
}

/// The kind of a value and how long it is: of a JSON object how many keys it has, not which.
fn form(secret: &Secret) -> String {
    let bytes = secret.expose_bytes().len();
    format!("{} of {bytes} bytes", kind(secret))
}

fn kind(secret: &Secret) -> &'static str {
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
    let Some(freshness) = secret.freshness() else { return "none: reads are look-ups in memory".to_owned() };
    let span = |span: std::time::Duration| humantime::format_duration(std::time::Duration::from_secs(span.as_secs()));
    let state = if freshness.stale { "stale".to_owned() } else { format!("fresh for {}", span(freshness.expires_in)) };
    let source = format!("{:?}", freshness.source).to_lowercase();
    let error =
        freshness.refresh_error.map(|kind| format!(", last attempt to read it anew: {kind}")).unwrap_or_default();
    format!("from the {source}, {} old, {state}{error}", span(freshness.age))
}

fn secret_as_json(secret: &Secret) -> Value {
    json!({
        "version": secret.version(),
        "created": secret.created().map(|time| humantime::format_rfc3339_seconds(time).to_string()),
        "kind": kind(secret),
        "bytes": secret.expose_bytes().len(),
        "freshness": secret.freshness().map(|it| json!({
            "source": format!("{:?}", it.source).to_lowercase(),
            "age_seconds": it.age.as_secs(),
            "expires_in_seconds": it.expires_in.as_secs(),
            "stale": it.stale,
        })),
    })
}
