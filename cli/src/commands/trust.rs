//! `s1crets config trust` and `untrust`: records which config files are used when they are merely
//! found.

use std::{io::Write, path::Path};

use s1crets::{
    Config,
    config::{ConfigFile, ConfigLoader, FILE_NAME, Origin, Setting, Trust, TrustRecord, TrustStore},
};
use serde_json::json;

use super::config::as_json;
use crate::{args::Global, client_setup, escape, output, report::Failure};

/// What settings decide, by parts of their keys. A setting belongs to the first group that has a
/// part of its key.
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
    ("which identity is used, and which files and variables it comes from", &["auth", "profile", "roles"]),
    (
        "which servers are trusted",
        &["danger_skip_verify", "ca_file", "ca_path", "client_cert", "client_key", "server_name"],
    ),
    ("what programs get in their environment", &["secrets", "run"]),
    ("which files hold secrets", &["disk", "path", "key_file", "key_variable", "key_credential"]),
];
/// The group of all other settings.
const OTHERS: &str = "other settings";

/// Prints what a file decides, then trusts it with exactly the content that was printed.
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

/// Removes the trust in a file, which may no longer exist.
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

/// Prints the trusted files, and whether each is unchanged.
pub(super) fn list(global: &Global) -> Result<(), Failure> {
    let records = TrustStore::user()?.list()?;
    if global.json {
        let as_json = |record: &TrustRecord| json!({ "file": shown(&record.path), "state": record.state.as_str() });
        return output::line(&records.iter().map(as_json).collect());
    }
    output::print(|out| {
        records.iter().try_for_each(|record| {
            let path = record.path.display().to_string();
            writeln!(out, "{:<8} {}", record.state.as_str(), escape::text(&path))
        })
    })
}

/// The file to trust. A named one is loaded as if it had been found in its folder, since only that
/// needs trust.
fn named_or_found(global: &Global, file: Option<&Path>) -> Result<ConfigFile, Failure> {
    let loader = match file {
        Some(file) if file.file_name() != Some(FILE_NAME.as_ref()) => {
            let message =
                format!("can't trust {}: only files named {FILE_NAME} are found and need trust", file.display());
            return Err(Failure::Usage(message));
        }
        Some(file) => ConfigLoader::new().with_folder(folder_of(file)),
        None => client_setup::loader(global),
    };
    match loader.file()? {
        Some(file) if file.trust() == Trust::Named => {
            let message =
                format!("{} is named by --config or S1CRETS_CONFIG, so it needs no trust", file.path().display());
            Err(Failure::Usage(message))
        }
        Some(file) => Ok(file),
        None => Err(Failure::Usage(match file {
            Some(file) => format!("config file {} does not exist", file.display()),
            None => "no s1crets.toml in this folder or one above it".to_owned(),
        })),
    }
}

/// The folder of a file. `Path::parent` of a bare file name is empty, which does not mean the
/// current folder.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path as text, because JSON can't represent one that is not UTF-8.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// All settings of the file, and then those of each profile.
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
    writeln!(out, "{} decides:", escape::text(&file.absolute().display().to_string()))?;
    for group in GROUPS.iter().map(|(group, _)| *group).chain([OTHERS]) {
        let mut members = settings.iter().filter(|setting| group_of(setting) == group).peekable();
        if members.peek().is_some() {
            writeln!(out, "  {group}:")?;
        }
        members.try_for_each(|setting| {
            // Escaped, because whoever wrote the file chose this text.
            writeln!(out, "    {}", escape::text(&format!("{setting}  # {}", setting.origin())))
        })?;
    }
    Ok(())
}

fn group_of(setting: &Setting) -> &'static str {
    let is_of = |keys: &[&str]| setting.key().split('.').any(|part| keys.contains(&part));
    GROUPS.iter().find(|(_, keys)| is_of(keys)).map_or(OTHERS, |(group, _)| group)
}
