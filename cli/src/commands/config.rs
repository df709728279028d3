//! `s1crets config`: shows, checks and trusts the configuration.

use std::{collections::BTreeSet, fmt::Display, io::Write, path::PathBuf};

use clap::{Subcommand, ValueHint};
use s1crets::{
    Client, Config, Error, ErrorKind,
    config::{self, ConfigLoader, Connection, Origin, RawTable, Setting},
};
use serde_json::{Value, json};

use super::trust;
use crate::{
    args::Global,
    client_setup, diagnose, escape,
    exit::Exit,
    name_patterns::NamePatterns,
    output, path_arg,
    report::{self, Failure},
    variable_name,
};

const TRUST_HELP: &str = "\
Examples:
  s1crets config trust
  s1crets config trust --list";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective settings as TOML, and the source of each provider's credential
    ///
    /// User names and passwords in URLs are omitted.
    #[command(after_long_help = "Example: s1crets config show --origin --config-profile prod")]
    Show {
        /// Print where each setting comes from
        ///
        /// An origin is a default, a file and line, a profile, a variable, an AWS profile or the
        /// command line.
        #[arg(long)]
        origin: bool,
    },
    /// Print the path of the config file in use
    #[command(after_long_help = "Example: s1crets config path")]
    Path,
    /// Trust a config file, after printing what it decides
    ///
    /// A config file decides where tokens are sent, and what programs get in their environment. So
    /// an s1crets.toml that is merely found is used only once you trust it. Trust covers this path
    /// with this content and ends when the file changes. It does not cover other files that this
    /// one names. A file named by --config or S1CRETS_CONFIG needs no trust.
    #[command(after_long_help = TRUST_HELP)]
    Trust {
        /// File to trust [default: the one that is found]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// List the trusted files, and whether each has changed since
        #[arg(long, conflicts_with = "file")]
        list: bool,
    },
    /// Stop trusting a config file
    #[command(after_long_help = "Example: s1crets config untrust s1crets.toml")]
    Untrust {
        /// File to stop trusting [default: the one that is found]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Check the config file with each of its profiles
    ///
    /// Sets up all providers, but calls none. To call them too, use `s1crets doctor`.
    #[command(after_long_help = "Example: s1crets config check --config deploy/s1crets.toml")]
    Check,
    /// Print the JSON Schema of the config file, for editors and validators
    #[command(after_long_help = "Example: s1crets config schema > s1crets.schema.json")]
    Schema,
}

pub(crate) fn run(global: &Global, command: &ConfigCommand) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Show { origin } => show(global, *origin),
        ConfigCommand::Path => return path(global),
        ConfigCommand::Check => check(global),
        ConfigCommand::Trust { list: true, .. } => trust::list(global),
        ConfigCommand::Trust { file, .. } => trust::trust(global, file.as_deref()),
        ConfigCommand::Untrust { file } => trust::untrust(global, file.as_deref()),
        ConfigCommand::Schema => output::print(|out| out.write_all(Config::schema().as_bytes())),
    }?;
    Ok(Exit::Found)
}

fn show(global: &Global, origin: bool) -> Result<(), Failure> {
    let builder = client_setup::with_options(loader_to_show(global)?.load()?, global);
    let mut settings = builder.effective();
    let connections = diagnose::connections(&builder)?;
    let connections = connections.in_use(&settings, &path_arg::default_provider_by_settings(global, &settings));
    connections.iter().flat_map(|(_, it)| it.iter()).for_each(|connection| connection.overlay(&mut settings));
    if global.json {
        let mut all = settings.iter().map(as_json).collect::<Result<Vec<_>, _>>()?;
        for credential in connections.iter().filter_map(|(_, it)| credential_as_json(it.as_ref().ok()?)) {
            // Several providers may share one connection.
            if !all.contains(&credential) {
                all.push(credential);
            }
        }
        return output::line(&Value::Array(all));
    }
    output::print(|out| {
        for setting in &settings {
            writeln!(out, "{}", escape::text(&with_origin(setting, setting.origin(), origin)))?;
        }
        let mut shown = BTreeSet::new();
        let comments = connections.iter().flat_map(|(name, connection)| comments(name, connection, origin));
        // Several providers may share one connection.
        for comment in comments.filter(|comment| shown.insert(comment.clone())) {
            writeln!(out, "# {}", escape::text(&comment))?;
        }
        Ok(())
    })
}

/// The loader for settings to show. Warns if other commands refuse the config file because it is
/// not trusted.
fn loader_to_show(global: &Global) -> Result<ConfigLoader, Failure> {
    let (loader, untrusted) = client_setup::loader_with_untrusted(global)?;
    if let Some(error) = untrusted.and_then(|file| file.trusted().err()) {
        report::warning(&format!("{}; other commands refuse to use it", error.message()), global);
    }
    Ok(loader)
}

/// The credential and the warnings of a connection. They are comments, so that the output is a
/// valid config file.
fn comments(name: &str, connection: &Result<Connection, Error>, origin: bool) -> Vec<String> {
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let table = &connection.table;
    let credential = match &connection.credential {
        Some(it) => with_origin(&format!("{table}.credential = {it}"), &it.origin, origin),
        None => format!("{table}.credential: none"),
    };
    let warnings = connection.warnings.iter().map(|warning| format!("warning: {name}: {warning}"));
    [credential].into_iter().chain(warnings).collect()
}

fn with_origin(text: &impl Display, origin: &Origin, shown: bool) -> String {
    if shown { format!("{text}  # {}", origin_text(origin)) } else { text.to_string() }
}

/// The credential of a connection, in the same form as a setting.
fn credential_as_json(connection: &Connection) -> Option<Value> {
    let credential = connection.credential.as_ref()?;
    Some(json!({
        "key": format!("{}.credential", connection.table),
        "value": credential.description,
        "origin": origin_as_json(&credential.origin),
    }))
}

fn path(global: &Global) -> Result<Exit, Failure> {
    let file = loader_to_show(global)?.file()?;
    if global.json {
        let path = file.as_ref().map(|file| file.path().to_string_lossy());
        let trust = file.as_ref().map(|file| file.trust().as_str());
        let places: Vec<_> =
            config::default_places().iter().map(|place| place.to_string_lossy().into_owned()).collect();
        output::line(&json!({ "file": path, "trust": trust, "places": places }))?;
        return Ok(if file.is_some() { Exit::Found } else { Exit::NotFound });
    }
    let Some(file) = file else {
        let places: Vec<_> = config::default_places().iter().map(|place| place.display().to_string()).collect();
        let error = Error::new(ErrorKind::NotFound, "no config file found, using defaults");
        return Err(error.with_hint(format!("create {}", places.join(" or "))).into());
    };
    output::text_line(&file.path().display().to_string())?;
    Ok(Exit::Found)
}

/// Reads the config file with each of its profiles, and sets up the providers without calling a
/// backend.
fn check(global: &Global) -> Result<(), Failure> {
    let loader = loader_to_show(global)?;
    let config = loader.load()?;
    let mut faults = faults(config.clone(), global);
    for profile in loader.profiles()? {
        let of_profile = match loader.clone().with_profile(profile).load() {
            Ok(config) => self::faults(config, global),
            Err(error) => vec![error],
        };
        // A fault in the file itself comes again with every profile.
        of_profile.into_iter().for_each(|fault| add(&mut faults, fault));
    }
    if !faults.is_empty() {
        return Err(Failure::Many(faults.into_iter().map(Failure::from).collect()));
    }
    let client = client_setup::with_options(config, global).build()?;
    match global.json {
        true => output::line(&json!({ "providers": client.providers() })),
        false => output::print(|out| writeln!(out, "config OK; providers: {}", client.providers().join(", "))),
    }
}

/// All errors in a configuration that would otherwise show only when the faulty part is used.
pub(crate) fn faults(config: Config, global: &Global) -> Vec<Error> {
    let settings = client_setup::with_options(config.clone(), global).effective();
    let mut faults = Vec::new();
    // One provider at a time, because a client reports only its first error.
    for name in config.providers.keys() {
        let mut one = config.clone();
        one.providers.retain(|other, _| other == name);
        if let Err(error) = client_setup::with_options(one, global).build() {
            add(&mut faults, error);
        }
    }
    // With every provider in memory, the client knows all names, also of those with errors.
    let mut named = config.clone();
    let in_memory = |provider: &mut RawTable| *provider = "type = 'memory'".parse().unwrap_or_default();
    named.providers.values_mut().for_each(in_memory);
    let client = match Client::builder().with_config(named).build() {
        Ok(client) => client,
        Err(error) => {
            add(&mut faults, error);
            return faults;
        }
    };
    let at = |keys: [&str; 2]| {
        let setting = settings.iter().find(|it| keys.contains(&it.key()));
        setting.map(|it| origin_text(it.origin())).unwrap_or_default()
    };
    let unknown = |place: &str, key: &str, provider: &str| {
        let error = client.stats(provider).err()?;
        let fault = Error::new(ErrorKind::Config, format!("{place}: {key}: {}", error.message()));
        Some(match error.hint() {
            Some(hint) => fault.with_hint(hint.to_owned()),
            None => fault,
        })
    };
    let place = if global.provider.is_some() { "command line".to_owned() } else { at(["provider"; 2]) };
    faults.extend(unknown(&place, "provider", path_arg::default_provider(&client, global)));
    if let Err(error) = NamePatterns::parse(config.run.resolve.as_deref().unwrap_or_default()) {
        let message = format!("{}: run.resolve: {}", at(["run.resolve"; 2]), error.message());
        faults.push(Error::new(ErrorKind::Config, message));
    }
    for (name, reference) in &config.secrets {
        let (bare, quoted) = (format!("secrets.{name}"), format!("secrets.{name:?}"));
        let place = at([&bare, &quoted]);
        match variable_name::is_settable(name) {
            true => faults.extend(unknown(&place, &bare, reference.provider())),
            false => {
                let rule = variable_name::SETTABLE_RULE;
                let message = format!("{place}: [secrets] has an invalid variable name {name:?}: {rule}");
                faults.push(Error::new(ErrorKind::Config, message));
            }
        }
    }
    faults
}

fn add(faults: &mut Vec<Error>, fault: Error) {
    if !faults.iter().any(|known| known.to_string() == fault.to_string()) {
        faults.push(fault);
    }
}

pub(super) fn as_json(setting: &Setting) -> Result<Value, Failure> {
    let value: Value = serde_json::from_str(&setting.json())
        .map_err(|error| Failure::io("can't convert a setting to JSON", error.into()))?;
    Ok(json!({ "key": setting.key(), "value": value, "origin": origin_as_json(setting.origin()) }))
}

/// Where a setting comes from, for people. What the library calls code is the command line here.
pub(crate) fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Code => "command line".to_owned(),
        other => other.to_string(),
    }
}

/// Where a setting comes from, for programs.
pub(crate) fn origin_as_json(origin: &Origin) -> Value {
    let place = origin.place();
    json!({
        "kind": if *origin == Origin::Code { "option" } else { origin.as_str() },
        "file": place.and_then(|place| place.file()).map(|file| file.to_string_lossy()),
        "line": place.map(|place| place.line()),
        "profile": if let Origin::Profile(name, _) = origin { Some(&**name) } else { None },
        "variable": if let Origin::Variable(name) = origin { Some(*name) } else { None },
        "aws_profile": if let Origin::AwsProfile(name) = origin { Some(&**name) } else { None },
    })
}
