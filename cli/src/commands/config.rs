//! `s1crets config`: what is set, by whom, and in which form.

use std::{collections::BTreeSet, fmt::Display, io::Write};

use s1crets::{
    Config, Error, ErrorKind,
    config::{self, ConfigLoader, Connection, Origin, Setting},
};
use serde_json::{Value, json};

use super::trust;
use crate::{
    args::{ConfigCommand, Global},
    diagnose, escape,
    exit::Exit,
    filter::Filter,
    name, output,
    report::{self, Failure},
    target,
};

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
    let builder = target::with_options(to_show(global)?.load()?, global);
    let mut settings = builder.effective();
    let connections = diagnose::connections(&builder)?;
    let connections = connections.in_use(&settings, &target::named_or_default(global, &settings));
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
        let remarks = connections.iter().flat_map(|(name, connection)| remarks(name, connection, origin));
        // Several providers may share one connection.
        for remark in remarks.filter(|remark| shown.insert(remark.clone())) {
            writeln!(out, "# {}", escape::text(&remark))?;
        }
        Ok(())
    })
}

/// The loader of the settings to show, with a warning if other commands refuse their file.
fn to_show(global: &Global) -> Result<ConfigLoader, Failure> {
    let (loader, untrusted) = target::loader_to_show(global)?;
    if let Some(error) = untrusted.and_then(|file| file.trusted().err()) {
        report::warning(&format!("{}: other commands refuse it", error.message()), global);
    }
    Ok(loader)
}

/// What can't be a setting, to be written as comments, so that the whole can be a config file.
fn remarks(name: &str, connection: &Result<Connection, Error>, origin: bool) -> Vec<String> {
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

fn with_origin(text: &impl Display, origin: &Origin, told: bool) -> String {
    if told { format!("{text}  # {}", by_whom(origin)) } else { text.to_string() }
}

/// Under a key like that of a setting, which it is not.
fn credential_as_json(connection: &Connection) -> Option<Value> {
    let credential = connection.credential.as_ref()?;
    Some(json!({
        "key": format!("{}.credential", connection.table),
        "value": credential.description,
        "origin": origin_as_json(&credential.origin),
    }))
}

fn path(global: &Global) -> Result<Exit, Failure> {
    let file = to_show(global)?.file()?;
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
        let error = Error::new(ErrorKind::NotFound, "there is no config file; the defaults hold");
        return Err(error.with_hint(format!("it would be read from {}", places.join(" or "))).into());
    };
    output::text_line(&file.path().display().to_string())?;
    Ok(Exit::Found)
}

/// Reads the file with all its profiles, and sets up what it describes. Nobody is called.
fn check(global: &Global) -> Result<(), Failure> {
    let loader = to_show(global)?;
    let config = loader.load()?;
    let mut faults = faults(config.clone(), global);
    for profile in loader.profiles()? {
        let of_profile = match loader.clone().with_profile(profile).load() {
            Ok(config) => self::faults(config, global),
            Err(error) => vec![error],
        };
        // What stands in the file itself is as wrong with each profile.
        of_profile.into_iter().for_each(|fault| add(&mut faults, fault));
    }
    if !faults.is_empty() {
        return Err(Failure::Many(faults.into_iter().map(Failure::from).collect()));
    }
    let client = target::with_options(config, global).build()?;
    match global.json {
        true => output::line(&json!({ "providers": client.providers() })),
        false => output::print(|out| writeln!(out, "sound; providers: {}", client.providers().join(", "))),
    }
}

/// What would fail when it is used.
pub(crate) fn faults(config: Config, global: &Global) -> Vec<Error> {
    let settings = target::with_options(config.clone(), global).effective();
    let mut faults = Vec::new();
    // One by one, as a client tells the first fault alone.
    for name in config.providers.keys() {
        let mut one = config.clone();
        one.providers.retain(|other, _| other == name);
        if let Err(error) = target::with_options(one, global).build() {
            add(&mut faults, error);
        }
    }
    let mut none = config.clone();
    none.providers.clear();
    let client = match target::with_options(none, global).build() {
        Ok(client) => client,
        Err(error) => {
            add(&mut faults, error);
            return faults;
        }
    };
    let mut known = client.providers();
    known.extend(config.providers.keys().map(String::as_str));
    known.sort_unstable();
    known.dedup();
    let at = |keys: [&str; 2]| {
        let setting = settings.iter().find(|it| keys.contains(&it.key()));
        setting.map(|it| by_whom(it.origin())).unwrap_or_default()
    };
    let unknown = |place: &str, key: &str, provider: &str| {
        let message = format!("{place}: {key}: there is no provider {provider:?}; there are {}", known.join(", "));
        (!known.contains(&provider)).then(|| Error::new(ErrorKind::Config, message))
    };
    let place = if global.provider.is_some() { "command line".to_owned() } else { at(["provider"; 2]) };
    faults.extend(unknown(&place, "provider", target::provider(&client, global)));
    if let Err(error) = Filter::typed(config.run.resolve.as_deref().unwrap_or_default()) {
        let message = format!("{}: run.resolve: {}", at(["run.resolve"; 2]), error.message());
        faults.push(Error::new(ErrorKind::Config, message));
    }
    for (name, reference) in &config.secrets {
        let (bare, quoted) = (format!("secrets.{name}"), format!("secrets.{name:?}"));
        let place = at([&bare, &quoted]);
        match name::is_valid(name) {
            true => faults.extend(unknown(&place, &bare, reference.provider())),
            false => faults.push(Error::new(ErrorKind::Config, no_name(&place, name))),
        }
    }
    faults
}

fn add(faults: &mut Vec<Error>, fault: Error) {
    if !faults.iter().any(|known| known.to_string() == fault.to_string()) {
        faults.push(fault);
    }
}

fn no_name(place: &str, name: &str) -> String {
    format!("{place}: {name:?} in [secrets] is no variable's name: {}", name::RULE)
}

pub(super) fn as_json(setting: &Setting) -> Result<Value, Failure> {
    let value: Value =
        serde_json::from_str(&setting.json()).map_err(|error| Failure::io("can't show a setting", error.into()))?;
    Ok(json!({ "key": setting.key(), "value": value, "origin": origin_as_json(setting.origin()) }))
}

/// By whom a setting was made, in the command's words.
pub(crate) fn by_whom(origin: &Origin) -> String {
    match origin {
        Origin::Code => "command line".to_owned(),
        other => other.to_string(),
    }
}

/// By whom a setting was made, for programs.
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
