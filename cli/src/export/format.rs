//! The table of formats.

use clap::ValueEnum;
use s1crets::{Error, ErrorKind, Secret};
use zeroize::Zeroizing;

use super::{ci, dotenv, json_yaml, name_rules, shell, systemd, value_rules};
use crate::report::Failure;

/// Who is to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `export` lines for `eval` or `.` in sh, dash, bash, zsh and ksh
    Sh,
    /// `set -gx` lines for `source` in fish
    Fish,
    /// `$env:` lines for `Invoke-Expression` in PowerShell
    Powershell,
    /// A `.env` file, in the part of its many dialects that all readers agree on
    Dotenv,
    /// A JSON object
    Json,
    /// A YAML mapping
    Yaml,
    /// A file for `EnvironmentFile=` of systemd
    Systemd,
    /// The manifest of a Kubernetes Secret, named by --name
    K8sSecret,
    /// Variables of the later steps of a job in GitHub Actions, or Forgejo's; appended to the file that GITHUB_ENV names
    GithubEnv,
    /// A file for `artifacts:reports:dotenv` of GitLab CI
    GitlabDotenv,
    /// Secret variables of the later steps of a job in Azure Pipelines
    Azure,
    /// Parameters of the later steps of a build in TeamCity
    Teamcity,
}

/// A name and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) secret: &'a Secret,
}

impl Entry<'_> {
    /// The value's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.secret.expose_bytes()
    }

    /// The value's text, for formats that check that it is one.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// What a format is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    /// In the order in which they are written.
    pub(crate) entries: &'a [Entry<'a>],
    /// What the whole is called, in the formats that ask for that.
    pub(crate) name: Option<&'a str>,
}

/// How a format is written. A check gives back why it is not; never what it was given.
struct Rules {
    name: fn(&str) -> Result<(), &'static str>,
    value: fn(&[u8]) -> Result<(), &'static str>,
    whole: fn(&Document<'_>) -> Result<(), &'static str>,
    write: fn(&mut Vec<u8>, &Document<'_>),
}

impl Format {
    fn rules(self) -> Rules {
        let (name, whole) = (name_rules::word as fn(&str) -> _, anything as fn(&Document<'_>) -> _);
        match self {
            Self::Sh => Rules { name: name_rules::posix_shells, value: value_rules::no_nul, whole, write: shell::sh },
            Self::Fish => Rules { name: name_rules::fish, value: value_rules::no_nul, whole, write: shell::fish },
            Self::Powershell => Rules { name, value: value_rules::text_without_nul, whole, write: shell::powershell },
            Self::Dotenv => Rules { name: name_rules::dotenv, value: dotenv::value, whole, write: dotenv::write },
            Self::Json => Rules { name: name_rules::text, value: value_rules::text, whole, write: json_yaml::json },
            Self::Yaml => Rules { name: name_rules::yaml, value: value_rules::text, whole, write: json_yaml::yaml },
            Self::Systemd => Rules { name, value: systemd::value, whole, write: systemd::write },
            Self::K8sSecret => Rules {
                name: name_rules::kubernetes_key,
                value: value_rules::any,
                whole: json_yaml::kubernetes_limits,
                write: json_yaml::kubernetes_secret,
            },
            Self::GithubEnv => Rules { name: name_rules::github, value: ci::github_value, whole, write: ci::github },
            Self::GitlabDotenv => Rules { name, value: ci::gitlab_value, whole, write: ci::gitlab },
            Self::Azure => {
                Rules { name: name_rules::azure, value: ci::azure_value, whole: ci::azure_names, write: ci::azure }
            }
            Self::Teamcity => Rules { name, value: ci::teamcity_value, whole, write: ci::teamcity },
        }
    }

    /// Whether its names become variables of programs, rather than keys of a document.
    pub(crate) fn sets_variables(self) -> bool {
        !matches!(self, Self::Json | Self::Yaml | Self::K8sSecret)
    }

    /// The bytes of a document, wiped when dropped.
    ///
    /// # Errors
    /// Every name and value that the format has no way to say.
    pub(crate) fn write(self, document: &Document<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let rules = self.rules();
        let (mut failures, mut size) = (Vec::new(), 0);
        for entry in document.entries {
            // An empty list has no longest form; a byte becomes ten at most, as `'+[char]10+'` has it.
            size += entry.name.len() * 2 + entry.bytes().len() * 16 + 128;
            if let Err(why) = (rules.name)(entry.name).and_then(|()| (rules.value)(entry.bytes())) {
                failures.push(Failure::unreadable(&entry.name.escape_debug().to_string(), &self.unfit(why)));
            }
        }
        if let Err(why) = (rules.whole)(document) {
            failures.push(Failure::Secret(self.unfit(why)));
        }
        if !failures.is_empty() {
            return Err(Failure::Many(failures));
        }
        // Large enough not to move, which would leave a copy behind.
        let mut out = Zeroizing::new(Vec::with_capacity(size + 1024));
        (rules.write)(&mut out, document);
        Ok(out)
    }

    fn unfit(self, why: &'static str) -> Error {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        Error::new(ErrorKind::Unsupported, format!("the format {name} can't say this: {why}"))
    }
}

fn anything(_: &Document<'_>) -> Result<(), &'static str> {
    Ok(())
}
