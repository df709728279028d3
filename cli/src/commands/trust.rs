//! `s1crets config trust` and `config untrust`: which found config files are obeyed.

use std::{io::Write, path::Path};

use s1crets::{
    Config,
    config::{ConfigFile, ConfigLoader, FILE_NAME, Origin, Setting, Trust, TrustRecord, TrustStore},
};
use serde_json::json;

use super::config::as_json;
use crate::{args::Global, escape, output, report::Failure, target};

/// What settings decide, by the last parts of their keys. What is in none of the groups comes last.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "where requests and tokens are sent",
        &[
            "address",
            "namespace",
            "proxy",
            "connection",
            "endpoint_url",
            "service_endpoint_url",
            "sts_endpoint_url",
            "region",
        ],
    ),
    ("as whom, and which files and variables are read for that", &["auth", "profile", "roles"]),
    (
        "which servers are believed",
        &["danger_skip_verify", "ca_file", "ca_path", "client_cert", "client_key", "server_name"],
    ),
    ("what commands get in their environment", &["secrets", "run"]),
    ("which files hold secrets", &["disk", "path", "key_file", "key_variable", "key_credential"]),
];
const OTHERS: &str = "what else is set";

/// Prints what a file decides, then trusts it with the content that was printed.
pub(super) fn trust(global: &Global, file: Option<&Path>) -> Result<(), Failure> {
    let file = named_or_found(global, file)?;
    let settings = settings(&file)?;
    let store = TrustStore::user()?;
    match global.json {
        true => {
            let decided = settings.iter().map(as_json).collect::<Result<Vec<_>, _>>()?;
            output::line(&json!({ "file": shown(file.absolute()), "trusted": true, "settings": decided }))?;
            Ok(store.trust(&file)?)
        }
        false => {
            output::print(|out| print(&file, &settings, out))?;
            store.trust(&file)?;
            output::text_line(&format!("trusted {}", shown(file.absolute())))
        }
    }
}

/// Drops the trust in a file, which need not be there any more.
pub(super) fn untrust(global: &Global, file: Option<&Path>) -> Result<(), Failure> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => named_or_found(global, None)?.absolute().to_owned(),
    };
    let was_trusted = TrustStore::user()?.untrust(&path)?;
    let text = match was_trusted {
        true => format!("no longer trusted: {}", path.display()),
        false => format!("was not trusted: {}", path.display()),
    };
    match global.json {
        true => output::line(&json!({ "file": shown(&path), "was_trusted": was_trusted })),
        false => output::text_line(&text),
    }
}

/// Prints the trusted files, and what has become of each since.
pub(super) fn list(global: &Global) -> Result<(), Failure> {
    let records = TrustStore::user()?.list()?;
    if global.json {
        let told = |record: &TrustRecord| json!({ "file": shown(&record.path), "state": record.state.as_str() });
        return output::line(&records.iter().map(told).collect());
    }
    output::print(|out| {
        records.iter().try_for_each(|record| {
            let path = record.path.display().to_string();
            writeln!(out, "{:<8} {}", record.state.as_str(), escape::text(&path))
        })
    })
}

/// The file to trust: a named one is looked at as if it were found in its folder.
fn named_or_found(global: &Global, file: Option<&Path>) -> Result<ConfigFile, Failure> {
    let loader = match file {
        Some(file) if file.file_name() != Some(FILE_NAME.as_ref()) => {
            let message = format!("{}: only a file of the name {FILE_NAME} is found, and needs trust", file.display());
            return Err(Failure::Usage(message));
        }
        Some(file) => ConfigLoader::new().with_folder(folder_of(file)),
        None => target::loader(global),
    };
    match loader.file()? {
        Some(file) if file.trust() == Trust::Named => {
            let message =
                format!("{} is named, by --config or S1CRETS_CONFIG: it needs no trust", file.path().display());
            Err(Failure::Usage(message))
        }
        Some(file) => Ok(file),
        None => Err(Failure::Usage(match file {
            Some(file) => format!("there is no config file {}", file.display()),
            None => "there is no config file here or in a folder above".to_owned(),
        })),
    }
}

/// The folder of a file. A name alone has an empty one, which is not the current folder.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path as text: JSON has no bytes, and a path need not be UTF-8.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// All that the file sets, with all of its profiles.
fn settings(file: &ConfigFile) -> Result<Vec<Setting>, Failure> {
    let mut settings: Vec<_> = of_file(&file.danger_settings(None)?).collect();
    for profile in file.profiles()? {
        let config = file.danger_settings(Some(&profile))?;
        settings.extend(of_file(&config).filter(|setting| matches!(setting.origin(), Origin::Profile(..))));
    }
    Ok(settings)
}

fn of_file(config: &Config) -> impl Iterator<Item = Setting> {
    config.effective().into_iter().filter(|setting| setting.origin().place().is_some())
}

fn print(file: &ConfigFile, settings: &[Setting], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{} decides", escape::text(&file.absolute().display().to_string()))?;
    for group in GROUPS.iter().map(|(group, _)| *group).chain([OTHERS]) {
        let mut members = settings.iter().filter(|setting| group_of(setting) == group).peekable();
        if members.peek().is_some() {
            writeln!(out, "  {group}:")?;
        }
        members.try_for_each(|setting| {
            // It is text of whoever wrote the file.
            writeln!(out, "    {}", escape::text(&format!("{setting}  # {}", setting.origin())))
        })?;
    }
    Ok(())
}

fn group_of(setting: &Setting) -> &'static str {
    let is_of = |keys: &[&str]| setting.key().split('.').any(|part| keys.contains(&part));
    GROUPS.iter().find(|(_, keys)| is_of(keys)).map_or(OTHERS, |(group, _)| group)
}
