//! `s1crets doctor`: checks the configuration and each provider, and prints one line per finding.

mod clock_skew;

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use s1crets::{
    Client, ClientBuilder, Config, Error, ErrorKind, Identity,
    config::{ConfigFile, Connection},
};
use serde_json::{Value, json};

use super::{
    config::{faults, origin_as_json, origin_text},
    explain::describe_identity,
    wait, wait_and_shut_down,
};
use crate::{
    args::Global,
    client_setup,
    diagnose::{self, Connections, Exposure, Instance},
    escape,
    exit::Exit,
    output, path_arg,
    report::{Failure, causes_of},
};

/// Remaining life of a credential below which there is a warning.
const EXPIRES_SOON: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  s1crets doctor
  s1crets doctor vault.kv --json")]
pub(crate) struct Doctor {
    /// Providers to check [default: those in the config file, and the default provider]
    #[arg(value_name = "PROVIDER")]
    providers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail(Exit),
}

/// One line of the output.
struct Finding {
    verdict: Verdict,
    /// The name of a provider, or `config`, `cache` or `ci`.
    about: String,
    text: String,
    hint: Option<String>,
    causes: Vec<String>,
    /// The setting of a connection, for `--json`.
    fact: Option<Value>,
}

pub(crate) fn run(global: &Global, args: &Doctor) -> Result<Exit, Failure> {
    let findings = examine(global, args);
    let causes = global.verbose > 0;
    match global.json {
        true => output::line(&json!(findings.iter().map(Finding::as_json).collect::<Vec<_>>()))?,
        false => output::print(|out| findings.iter().try_for_each(|finding| finding.print(causes, out)))?,
    }
    let failed = findings.iter().filter_map(|finding| match finding.verdict {
        Verdict::Fail(exit) => Some(exit),
        Verdict::Ok | Verdict::Warn => None,
    });
    Ok(failed.max().unwrap_or(Exit::Found))
}

fn examine(global: &Global, args: &Doctor) -> Vec<Finding> {
    let mut findings = Vec::new();
    let loaded = client_setup::loader_without_untrusted(global);
    let (config, untrusted) = match loaded.and_then(|(loader, untrusted)| Ok((loader.load()?, untrusted))) {
        Ok(read) => read,
        Err(Failure::Secret(error)) => return vec![Finding::failed("config", &error, None)],
        Err(failure) => return vec![Finding::fail("config", format!("{failure:?}"), Exit::Failed)],
    };
    match untrusted.map(ConfigFile::trusted) {
        Some(Err(error)) => findings.push(Finding::failed("config", &error, None)),
        _ => findings.push(config_file(config.file())),
    }
    let faults = faults(config.clone(), global);
    findings.extend(faults.iter().map(|fault| Finding::failed("config", fault, None)));
    let offline = global.offline || config.cache.offline == Some(true);
    let builder = client_setup::with_options(config.clone(), global);
    let settings = builder.effective();
    let connections = diagnose::connections(&builder).ok();
    let client = match builder.build() {
        Ok(client) => client,
        // The error is one of the faults above.
        Err(_) if !faults.is_empty() => return findings,
        Err(error) => return vec![Finding::failed("config", &error, None)],
    };
    findings.extend(cache_folder(&config));
    if let Some((name, log)) = diagnose::ci_system() {
        findings.push(Finding::ok("ci", format!("{name}: {log}")));
    }
    let default = path_arg::default_provider(&client, global);
    let all = diagnose::instances(&settings, default, &client.providers(), connections.as_ref());
    for instance in all.iter().filter(|it| args.providers.is_empty() || args.providers.contains(&it.name)) {
        findings.extend(provider(&client, instance, connections.as_ref(), offline));
    }
    for name in args.providers.iter().filter(|name| !all.iter().any(|it| it.name == **name)) {
        let connection = connections.as_ref().and_then(|all| all.of(name));
        let instance = diagnose::instance(&settings, name, connection);
        findings.extend(provider(&client, &instance, connections.as_ref(), offline));
    }
    if let Err(failure) = wait_and_shut_down(&client, async { Ok::<_, Error>(()) }) {
        findings.push(Finding::fail("config", format!("{failure:?}"), Exit::Failed));
    }
    findings
}

/// Checks who can write the config file, because it decides where requests and tokens are sent.
fn config_file(file: Option<&ConfigFile>) -> Finding {
    let Some(file) = file else { return Finding::ok("config", "no config file, using defaults") };
    let path = file.path().display();
    match diagnose::exposure(file.absolute()) {
        Ok(Exposure::Writable) => Finding::warn("config", format!("{path} is world-writable"), "chmod o-w"),
        _ => Finding::ok("config", format!("{path} is valid")),
    }
}

#[cfg(unix)]
fn cache_folder(config: &Config) -> Option<Finding> {
    if config.cache.disk != Some(true) {
        return None;
    }
    let disk = config.disk_cache();
    Some(match disk.folder().and_then(|folder| Ok((folder, disk.check()?))) {
        Ok((folder, true)) => Finding::ok("cache", format!("{} is usable", folder.display())),
        Ok((folder, false)) => Finding::ok("cache", format!("{} does not exist yet", folder.display())),
        Err(error) => Finding::failed("cache", &error, None),
    })
}

#[cfg(not(unix))]
fn cache_folder(_: &Config) -> Option<Finding> {
    None
}

fn provider(client: &Client, instance: &Instance, connections: Option<&Connections>, offline: bool) -> Vec<Finding> {
    let mut findings: Vec<_> = files(instance).collect();
    let name = &instance.name;
    findings.extend(connections.and_then(|all| all.of(name)).into_iter().flat_map(connection));
    if offline && calls_backend(&instance.kind) {
        findings.push(Finding::warn(name, "not called", "offline: only the disk cache answers"));
        return findings;
    }
    match wait(async { Ok::<_, Error>(ask(client, name).await) }) {
        Ok(Ok(None)) => findings.push(Finding::ok(name, "readable")),
        Ok(Ok(Some(identity))) => findings.extend(identified(name, &identity)),
        Ok(Err(error)) => findings.push(not_identified(instance, &error)),
        Err(failure) => findings.push(Finding::fail(name, format!("{failure:?}"), Exit::Failed)),
    }
    findings
}

/// Whether providers of this type call a backend: those that read a vendor's variables do.
fn calls_backend(kind: &str) -> bool {
    !ClientBuilder::variables(kind).is_empty()
}

/// The settings and the credential of a connection, each with its origin, and warnings about
/// dangerous settings.
fn connection(connection: &Connection) -> Vec<Finding> {
    let name = &connection.provider;
    let prefix = format!("{}.", connection.table);
    let credential = connection.credential.iter().map(|it| ("credential", it.description.clone(), &it.origin));
    let settings = connection.settings.iter().map(|it| {
        let key = it.key().strip_prefix(&prefix).unwrap_or(it.key());
        (key, it.toml().trim_matches('"').to_owned(), it.origin())
    });
    let facts = settings.chain(credential).map(|(key, value, origin)| Finding {
        fact: Some(json!({ "key": key, "value": value, "origin": origin_as_json(origin) })),
        ..Finding::ok(name, format!("{key} {value} ({})", origin_text(origin)))
    });
    let hint = "set `ca_file` or VAULT_CACERT to the CA that signed the server's certificate";
    facts.chain(connection.warnings.iter().map(|warning| Finding::warn(name, warning, hint))).collect()
}

/// Checks who else can read the secrets and credentials in files that a provider's settings name.
fn files(instance: &Instance) -> impl Iterator<Item = Finding> {
    let path = |suffix: &str| {
        let setting = instance.settings.iter().find(|setting| setting.key().ends_with(suffix))?;
        serde_json::from_str::<PathBuf>(&setting.json()).ok()
    };
    let auth = path(".auth.file");
    // A missing file is reported when the provider reads it.
    let secrets = path(".path").filter(|path| path.is_file());
    let key = path(".client_key");
    let name = instance.name.clone();
    [auth, secrets, key].into_iter().flatten().filter_map(move |file| {
        let path = file.display();
        match diagnose::exposure(&file) {
            Ok(Exposure::Private) => None,
            Ok(_) => Some(Finding::warn(&name, format!("any user can read {path}"), "chmod o-rwx")),
            Err(error) => Some(Finding::fail(&name, format!("can't check {path}: {error}"), Exit::Failed)),
        }
    })
}

fn identified(name: &str, identity: &Identity) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(name, format!("reached as {}", describe_identity(identity)))];
    if identity.expires_in.is_some_and(|left| left < EXPIRES_SOON) {
        findings.push(Finding::warn(
            name,
            "the credential expires soon",
            "s1crets renews only tokens from its own login",
        ));
    }
    findings.extend(clock_skew::check(name, identity, SystemTime::now()));
    findings
}

/// The identity the backend sees. For a provider without one, checks that a read works: any name
/// will do.
async fn ask(client: &Client, name: &str) -> Result<Option<Identity>, Error> {
    match client.identity(name).await? {
        None => client.path_exists(name, "s1crets-doctor").await.map(|_| None),
        known => Ok(known),
    }
}

/// The identity lookup failed. For Vault that may be a warning: a token need not have the right to
/// look itself up.
fn not_identified(instance: &Instance, error: &Error) -> Finding {
    let finding = Finding::failed(&instance.name, error, diagnose::hint(&instance.kind, None, error));
    match instance.kind.starts_with("vault.") && error.kind() == ErrorKind::AccessDenied {
        true => Finding {
            verdict: Verdict::Warn,
            text: format!("reachable, but the identity is unknown: {}", finding.text),
            ..finding
        },
        false => finding,
    }
}

impl Finding {
    fn ok(about: &str, text: impl Into<String>) -> Self {
        let (hint, causes, fact) = (None, Vec::new(), None);
        Self { verdict: Verdict::Ok, about: about.to_owned(), text: text.into(), hint, causes, fact }
    }

    fn warn(about: &str, text: impl Into<String>, hint: &str) -> Self {
        Self { verdict: Verdict::Warn, hint: Some(hint.to_owned()), ..Self::ok(about, text) }
    }

    fn fail(about: &str, text: impl Into<String>, exit: Exit) -> Self {
        Self { verdict: Verdict::Fail(exit), ..Self::ok(about, text) }
    }

    fn failed(about: &str, error: &Error, hint: Option<String>) -> Self {
        let hint = hint.or_else(|| error.hint().map(str::to_owned));
        let finding = Self::fail(about, format!("{error} ({})", error.kind()), Exit::of_kind(error.kind()));
        Self { hint, causes: causes_of(error).collect(), ..finding }
    }

    fn token(&self) -> &'static str {
        match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail(_) => "fail",
        }
    }

    fn print(&self, causes: bool, out: &mut impl Write) -> std::io::Result<()> {
        write!(out, "{:<5}{}: {}", self.token(), escape::text(&self.about), escape::text(&self.text))?;
        match &self.hint {
            Some(hint) => writeln!(out, " ({})", escape::text(hint)),
            None => writeln!(out),
        }?;
        let causes = self.causes.iter().filter(|_| causes);
        causes.into_iter().try_for_each(|cause| writeln!(out, "     caused by: {}", escape::text(cause)))
    }

    fn as_json(&self) -> Value {
        json!({
            "verdict": self.token(),
            "about": self.about,
            "text": self.text,
            "hint": self.hint,
            "causes": self.causes,
            "fact": self.fact,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_expires_soon_is_a_warning() {
        let ending = Identity::new("x").with_expires_in(Some(Duration::from_secs(9)));
        assert_eq!(identified("vault.kv", &ending).iter().map(Finding::token).collect::<Vec<_>>(), ["ok", "warn"]);
    }
}
