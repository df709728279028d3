//! The table of `export` formats: for each, its checks of names and values and its writer.

use clap::ValueEnum;
use s1crets::{Error, ErrorKind, Secret};
use zeroize::Zeroizing;

use super::{ci, docker, dotenv, json_yaml, name_rules, shell, systemd, value_rules};
use crate::report::Failure;

/// An output format, named after its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `export` lines for `eval` or `.` in sh, dash, bash, zsh and ksh
    Sh,
    /// `set -gx` lines for `source` in fish
    Fish,
    /// `$env:` lines for `Invoke-Expression` in PowerShell
    Powershell,
    /// A `.env` file, in the subset of its dialects that all readers agree on
    Dotenv,
    /// A file for `docker run --env-file`, which takes quotes literally
    Docker,
    /// A JSON object
    Json,
    /// A YAML mapping
    Yaml,
    /// A file for `EnvironmentFile=` of systemd
    Systemd,
    /// The manifest of a Kubernetes Secret, which needs --name
    K8sSecret,
    /// Variables for later steps in GitHub, Forgejo or Gitea Actions; appended to the file named by
    /// GITHUB_ENV
    GithubEnv,
    /// A file for `artifacts:reports:dotenv` of GitLab CI
    GitlabDotenv,
    /// Secret variables for later steps in Azure Pipelines
    Azure,
    /// Parameters for later steps in TeamCity
    Teamcity,
}

/// A name with its value.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A name with a secret as its value.
    ///
    /// # Errors
    /// `InvalidInput` for a whole map, which is not one value.
    pub(crate) fn new(name: &'a str, secret: &'a Secret) -> Result<Self, Error> {
        Ok(Self { name, value: secret.expose_bytes()? })
    }

    /// The value's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.value
    }

    /// The value as text; empty if it is not UTF-8, which formats that call this refuse beforehand.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// The input of a format.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    /// The entries, in output order.
    pub(crate) entries: &'a [Entry<'a>],
    /// The name of the whole document, for formats that have one (`k8s-secret`).
    pub(crate) name: Option<&'a str>,
}

/// A row of the table. The checks return why the input is refused, and never a part of the input.
struct Rules {
    name: fn(&str) -> Result<(), &'static str>,
    value: fn(&[u8]) -> Result<(), &'static str>,
    whole: fn(&Document<'_>) -> Result<(), &'static str>,
    write: fn(&mut Vec<u8>, &Document<'_>),
}

impl Format {
    fn rules(self) -> Rules {
        let (name, whole) = (name_rules::word as fn(&str) -> _, any_document as fn(&Document<'_>) -> _);
        match self {
            Self::Sh => Rules { name: name_rules::posix_shells, value: value_rules::no_nul, whole, write: shell::sh },
            Self::Fish => Rules { name: name_rules::fish, value: value_rules::no_nul, whole, write: shell::fish },
            Self::Powershell => Rules { name, value: value_rules::text_without_nul, whole, write: shell::powershell },
            Self::Dotenv => Rules { name: name_rules::dotenv, value: dotenv::value, whole, write: dotenv::write },
            Self::Docker => {
                Rules { name: name_rules::docker, value: docker::value, whole: docker::lines, write: docker::write }
            }
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

    /// Whether names become environment variables, rather than keys of a document.
    pub(crate) fn sets_variables(self) -> bool {
        !matches!(self, Self::Json | Self::Yaml | Self::K8sSecret)
    }

    /// Whether it is for the later steps of a CI job.
    fn is_for_ci(self) -> bool {
        matches!(self, Self::GithubEnv | Self::GitlabDotenv | Self::Azure | Self::Teamcity)
    }

    /// Writes a document. The result is wiped when dropped.
    ///
    /// # Errors
    /// `Unsupported` for every name and value that the format can't represent, all at once. The hint
    /// names formats that can.
    pub(crate) fn write(self, document: &Document<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let rules = self.rules();
        let (mut failures, mut size) = (Vec::new(), 0);
        for entry in document.entries {
            // Generous upper bounds. A byte of a value takes at most 13, as `'+[char]127+'`.
            size += entry.name.len() * 2 + entry.bytes().len() * 16 + 128;
            if let Err(why) = self.check(entry) {
                let error = with_formats_as_hint(self.unsupported(why), entry);
                failures.push(Failure::unreadable(&entry.name.escape_debug().to_string(), &error));
            }
        }
        if let Err(why) = (rules.whole)(document) {
            failures.push(Failure::Secret(self.unsupported(why)));
        }
        if !failures.is_empty() {
            return Err(Failure::Many(failures));
        }
        // Large enough not to grow, because growing would leave a copy in freed memory.
        let mut out = Zeroizing::new(Vec::with_capacity(size + 1024));
        (rules.write)(&mut out, document);
        Ok(out)
    }

    /// Checks the name and the value of one entry.
    fn check(self, entry: &Entry<'_>) -> Result<(), &'static str> {
        let rules = self.rules();
        (rules.name)(entry.name).and_then(|()| (rules.value)(entry.bytes()))
    }

    fn unsupported(self, why: &'static str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("the format {} can't represent this: {why}", self.name()))
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Adds the formats that can represent an entry, except those that only a CI system reads.
fn with_formats_as_hint(error: Error, entry: &Entry<'_>) -> Error {
    let able = |format: &&Format| !format.is_for_ci() && format.check(entry).is_ok();
    let able: Vec<_> = Format::value_variants().iter().filter(able).map(|format| format.name()).collect();
    match able.is_empty() {
        true => error,
        false => error.with_hint(format!("formats that can: {}", able.join(", "))),
    }
}

fn any_document(_: &Document<'_>) -> Result<(), &'static str> {
    Ok(())
}
