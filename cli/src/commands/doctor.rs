//! `s1crets doctor`.

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use s1crets::{
    Client, Config, Error, ErrorKind, Identity,
    config::{ConfigFile, Connection},
};
use serde_json::{Value, json};

use super::{
    config::{by_whom, faults, origin_as_json},
    explain::identity_told,
    wait,
};
use crate::{
    args::{Doctor, Global},
    diagnose::{self, Connections, Exposure, Instance},
    escape,
    exit::Exit,
    output,
    report::{Failure, causes_of},
    target,
};

/// How far two clocks may be apart: AWS refuses a request that is signed
/// [more than five minutes](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html) off.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// From here on the clocks are told to be apart.
const DRIFT: Duration = Duration::from_secs(60);
/// What is left of a credential that is worth a word.
const ENDING: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail(Exit),
}

/// One line.
struct Finding {
    verdict: Verdict,
    /// Whom it is about.
    about: String,
    text: String,
    advice: Option<String>,
    causes: Vec<String>,
    /// A setting of the connection, for programs.
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
    let (config, untrusted) = match config(global) {
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
    let builder = target::with_options(config.clone(), global);
    let settings = builder.effective();
    let connections = diagnose::connections(&builder).ok();
    let client = match builder.build() {
        Ok(client) => client,
        // It is among them.
        Err(_) if !faults.is_empty() => return findings,
        Err(error) => return vec![Finding::failed("config", &error, None)],
    };
    findings.extend(cache_folder(&config));
    if let Some((name, log)) = diagnose::ci_system() {
        findings.push(Finding::ok("ci", format!("{name}: {log}")));
    }
    let default = target::provider(&client, global);
    let all = diagnose::instances(&settings, default, &client.providers(), connections.as_ref());
    for instance in all.iter().filter(|it| args.providers.is_empty() || args.providers.contains(&it.name)) {
        findings.extend(provider(&client, instance, connections.as_ref()));
    }
    for name in args.providers.iter().filter(|name| !all.iter().any(|it| it.name == **name)) {
        let connection = connections.as_ref().and_then(|all| all.of(name));
        let instance = diagnose::instance(&settings, name, connection);
        findings.extend(provider(&client, &instance, connections.as_ref()));
    }
    findings
}

/// The settings, without those of a file that nobody trusts, and that file.
fn config(global: &Global) -> Result<(Config, Option<ConfigFile>), Failure> {
    let (loader, untrusted) = target::loader_of_trusted(global)?;
    Ok((loader.load()?, untrusted))
}

/// Whoever can write the config decides whom we ask.
fn config_file(file: Option<&ConfigFile>) -> Finding {
    let Some(file) = file else { return Finding::ok("config", "no file: the defaults hold") };
    let told = file.path().display();
    match diagnose::exposure(file.absolute()) {
        Ok(Exposure::Writable) => Finding::warn("config", format!("{told} can be written by everybody"), "chmod o-w"),
        _ => Finding::ok("config", format!("{told} is sound")),
    }
}

#[cfg(unix)]
fn cache_folder(config: &Config) -> Option<Finding> {
    if config.cache.disk != Some(true) {
        return None;
    }
    let disk = config.disk_cache();
    Some(match disk.folder().and_then(|folder| Ok((folder, disk.check()?))) {
        Ok((folder, true)) => Finding::ok("cache", format!("{} can be used", folder.display())),
        Ok((folder, false)) => Finding::ok("cache", format!("{} is not there yet", folder.display())),
        Err(error) => Finding::failed("cache", &error, None),
    })
}

#[cfg(not(unix))]
fn cache_folder(_: &Config) -> Option<Finding> {
    None
}

fn provider(client: &Client, instance: &Instance, connections: Option<&Connections>) -> Vec<Finding> {
    let mut findings: Vec<_> = files(instance).collect();
    let name = &instance.name;
    findings.extend(connections.and_then(|all| all.of(name)).into_iter().flat_map(connection));
    match wait(async { Ok::<_, Error>(ask(client, name).await) }) {
        Ok(Ok(None)) => findings.push(Finding::ok(name, "can be read")),
        Ok(Ok(Some(identity))) => findings.extend(known(name, &identity)),
        Ok(Err(error)) => findings.push(unknown(instance, &error)),
        Err(failure) => findings.push(Finding::fail(name, format!("{failure:?}"), Exit::Failed)),
    }
    findings
}

/// Where the provider is asked and as whom, each with who said so, and what is dangerous about it.
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
        ..Finding::ok(name, format!("{key} {value} ({})", by_whom(origin)))
    });
    let advice = "name the authority of the server's certificate by `ca_file` or VAULT_CACERT";
    facts.chain(connection.warnings.iter().map(|warning| Finding::warn(name, warning, advice))).collect()
}

/// The files that a provider's settings name: who else can read a secret, or a credential.
fn files(instance: &Instance) -> impl Iterator<Item = Finding> {
    let path = |suffix: &str| {
        let setting = instance.settings.iter().find(|setting| setting.key().ends_with(suffix))?;
        serde_json::from_str::<PathBuf>(&setting.json()).ok()
    };
    let auth = path(".auth.file");
    // That it is not there is told when it is read.
    let secrets = path(".path").filter(|path| path.is_file());
    let key = path(".client_key");
    let name = instance.name.clone();
    [auth, secrets, key].into_iter().flatten().filter_map(move |file| {
        let told = file.display();
        match diagnose::exposure(&file) {
            Ok(Exposure::Private) => None,
            Ok(_) => Some(Finding::warn(&name, format!("{told} can be read by everybody"), "chmod o-rwx")),
            Err(error) => Some(Finding::fail(&name, format!("{told}: {error}"), Exit::Failed)),
        }
    })
}

fn known(name: &str, identity: &Identity) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(name, format!("reached as {}", identity_told(identity)))];
    if identity.expires_in.is_some_and(|left| left < ENDING) {
        findings.push(Finding::warn(name, "the credential ends soon", "it is renewed only if it is ours to renew"));
    }
    let now = SystemTime::now();
    let apart = identity.server_time.map(|time| now.duration_since(time).unwrap_or_else(|error| error.duration()));
    let told = |apart: Duration| format!("the clocks are {} apart", humantime::format_duration(whole_seconds(apart)));
    findings.extend(match apart {
        Some(apart) if apart >= SKEW => Some(Finding::fail(name, told(apart), Exit::Failed)),
        Some(apart) if apart >= DRIFT => {
            Some(Finding::warn(name, told(apart), "AWS refuses five minutes: set the clock"))
        }
        Some(_) => Some(Finding::ok(name, "the clocks agree")),
        None => None,
    });
    findings
}

/// Who we are there; where there is nobody to be, whether anything can be read. Which name is asked for is all the same.
async fn ask(client: &Client, name: &str) -> Result<Option<Identity>, Error> {
    match client.identity(name).await? {
        None => client.path_exists(name, "s1crets-doctor").await.map(|_| None),
        known => Ok(known),
    }
}

/// It can't be told who we are. A token of Vault need not be allowed to ask that.
fn unknown(instance: &Instance, error: &Error) -> Finding {
    let finding = Finding::failed(&instance.name, error, diagnose::mend(&instance.kind, None, error));
    match instance.kind.starts_with("vault.") && error.kind() == ErrorKind::AccessDenied {
        true => Finding {
            verdict: Verdict::Warn,
            text: format!("reached, as whom is unknown: {}", finding.text),
            ..finding
        },
        false => finding,
    }
}

fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

impl Finding {
    fn ok(about: &str, text: impl Into<String>) -> Self {
        let (advice, causes, fact) = (None, Vec::new(), None);
        Self { verdict: Verdict::Ok, about: about.to_owned(), text: text.into(), advice, causes, fact }
    }

    fn warn(about: &str, text: impl Into<String>, advice: &str) -> Self {
        Self { verdict: Verdict::Warn, advice: Some(advice.to_owned()), ..Self::ok(about, text) }
    }

    fn fail(about: &str, text: impl Into<String>, exit: Exit) -> Self {
        Self { verdict: Verdict::Fail(exit), ..Self::ok(about, text) }
    }

    fn failed(about: &str, error: &Error, advice: Option<String>) -> Self {
        let advice = advice.or_else(|| error.hint().map(str::to_owned));
        let told = Self::fail(about, format!("{error} ({})", error.kind()), Exit::of_kind(error.kind()));
        Self { advice, causes: causes_of(error).collect(), ..told }
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
        match &self.advice {
            Some(advice) => writeln!(out, " ({})", escape::text(advice)),
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
            "advice": self.advice,
            "causes": self.causes,
            "fact": self.fact,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_by_how_much_it_matters() {
        let tokens = |off: Duration| {
            let identity = Identity::new("x").with_server_time(SystemTime::now().checked_sub(off));
            known("aws.sm", &identity).iter().map(Finding::token).collect::<Vec<_>>()
        };
        assert_eq!(tokens(Duration::ZERO), ["ok", "ok"]);
        assert_eq!(tokens(Duration::from_secs(120)), ["ok", "warn"]);
        assert_eq!(tokens(Duration::from_secs(600)), ["ok", "fail"]);
        let ending = Identity::new("x").with_expires_in(Some(Duration::from_secs(9)));
        assert_eq!(known("vault.kv", &ending).iter().map(Finding::token).collect::<Vec<_>>(), ["ok", "warn"]);
    }
}
