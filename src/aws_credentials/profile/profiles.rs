//! The profiles of the AWS shared files, by name.

use std::error::Error as StdError;

use aws_config::profile::{self, Profile, ProfileFileLoadError, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};
use strsim::jaro_winkler;

use crate::{
    aws_credentials::{
        section_names::{File, plain_name, sdk_name},
        shared_files::{self, SharedFile},
    },
    error::{Error, Result},
};

/// The most profiles that a hint lists.
const MOST_LISTED: usize = 12;

/// The similarity from which a name is taken for a misspelling.
const SIMILAR: f64 = 0.8;

/// The profiles of both shared files.
pub(crate) struct Profiles {
    /// Both files merged; the credentials file wins.
    pub(super) merged: ProfileSet,
    /// Those of the credentials file alone, whose access keys go before other sources.
    credentials: ProfileSet,
    /// Why a file can't be read.
    unreadable: Option<String>,
}

impl Profiles {
    /// Reads the shared files. Those that don't exist count as empty.
    ///
    /// # Errors
    /// `Config`, with the file and the line, if one is malformed.
    pub(crate) async fn load() -> Result<Self> {
        Self::of(shared_files::read()).await
    }

    async fn of(files: Vec<SharedFile>) -> Result<Self> {
        let (mut texts, mut unreadable, mut credentials) = (Vec::new(), None, ProfileSet::default());
        for SharedFile { path, file, text } in files {
            let text = match text {
                Ok(text) => text,
                Err(error) => {
                    unreadable = Some(format!("{} can't be read: {error}", path.display()));
                    continue;
                }
            };
            let alone = parsed([(file, text.as_str())]).await;
            let alone = alone.map_err(|error| malformed(&path.display().to_string(), file, &error))?;
            if file == File::Credentials {
                credentials = alone;
            }
            texts.push((file, text));
        }
        let merged = parsed(texts.iter().map(|(file, text)| (*file, text.as_str())))
            .await
            .map_err(|_| Error::config("the AWS config files are malformed"))?;
        Ok(Self { merged, credentials, unreadable })
    }

    /// A profile by its name, as people write it.
    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.merged.get_profile(&sdk_name(name))
    }

    /// The part of a profile that is in the credentials file.
    pub(super) fn in_credentials_file(&self, name: &str) -> Option<&Profile> {
        self.credentials.get_profile(&sdk_name(name))
    }

    /// The error for a profile that does not exist. `by` is what names it.
    pub(crate) fn missing(&self, name: &str, by: &str) -> Error {
        let error = Error::config(format!("there is no AWS profile {name:?}, which {by} names"));
        error.with_hint(self.hint_for_missing(name))
    }

    fn hint_for_missing(&self, name: &str) -> String {
        if let Some(unreadable) = &self.unreadable {
            return unreadable.clone();
        }
        let mut known: Vec<_> = self.merged.profiles().map(plain_name).collect();
        known.sort_unstable();
        if known.is_empty() {
            return "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or ~/.aws, hold no profile".to_owned();
        }
        let similar = known.iter().map(|it| (jaro_winkler(it, name), it)).max_by(|a, b| a.0.total_cmp(&b.0));
        let meant = match similar {
            Some((similarity, meant)) if similarity >= SIMILAR => format!("did you mean {meant:?}? "),
            _ => String::new(),
        };
        let more = match known.len().saturating_sub(MOST_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        known.truncate(MOST_LISTED);
        format!("{meant}there are {}{more}", known.join(", "))
    }
}

async fn parsed(texts: impl IntoIterator<Item = (File, &str)>) -> Result<ProfileSet, ProfileFileLoadError> {
    // The selected profile is of no use here: profiles are looked up by name.
    let selected = Some("default".into());
    profile::load(&Fs::real(), &Env::real(), &shared_files::of_texts(texts), selected).await
}

/// The error of a malformed file. The SDK's names the line, but quotes nothing of it.
fn malformed(path: &str, file: File, error: &ProfileFileLoadError) -> Error {
    let told = error.source().map(ToString::to_string).unwrap_or_default();
    let (line, why) = told.split_once(" on line ").and_then(|(_, rest)| rest.split_once(':')).unwrap_or(("", &told));
    let why = why.trim();
    let why = match why.strip_prefix("Expected") {
        Some(rest) => format!("expected{rest}"),
        None => why.to_owned(),
    };
    let place = if line.is_empty() { path.to_owned() } else { format!("{path}:{line}") };
    let section = match file {
        File::Config => "[profile NAME]",
        File::Credentials => "[NAME]",
    };
    Error::config(format!("the AWS config file is malformed: {place}: {why}"))
        .with_hint(format!("correct that line: a section begins with {section}, and a setting is NAME = VALUE"))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;

    use zeroize::Zeroizing;

    use super::*;
    use crate::aws_credentials::section_names;

    /// The profiles of files with these texts.
    pub(in crate::aws_credentials::profile) async fn profiles(config: &str, credentials: &str) -> Result<Profiles> {
        let shared = |file, name: &str, text: &str| SharedFile {
            path: name.into(),
            file,
            text: Ok(Zeroizing::new(section_names::normalized(text, file))),
        };
        Profiles::of(vec![
            shared(File::Config, "/config", config),
            shared(File::Credentials, "/credentials", credentials),
        ])
        .await
    }

    #[tokio::test]
    async fn a_malformed_file_is_told_with_its_line_and_nothing_of_its_text() {
        for (config, credentials, told) in [
            ("[default]\nregion = x\nhunter2\n", "", "/config:3: expected an '=' sign defining a property"),
            ("hunter2 = 1\n", "", "/config:1: expected a profile definition"),
            ("[profile hunter2\n", "", "/config:1: Profile definition must end with ']'"),
            ("[a]\n", "[hunter2]\n= hunter2\n", "/credentials:2: Property did not have a name"),
        ] {
            let error = profiles(config, credentials).await.err().expect(told);
            assert_eq!(error.message(), format!("the AWS config file is malformed: {told}"));
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert!(!format!("{error:?} {:?}", error.hint()).contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn quoted_names_are_found_and_listed_as_people_write_them() {
        let profiles =
            profiles("[profile \"x y\"]\nregion = a\n[profile 'z']\n", "[x y]\nk = b\n").await.expect("profiles");
        let found = profiles.get("x y").expect("a profile");
        assert_eq!((found.get("region"), found.get("k")), (Some("a"), Some("b")));
        assert!(profiles.get("z").is_some() && profiles.get("x").is_none());
        let error = profiles.missing("x z", "AWS_PROFILE");
        assert_eq!(error.message(), "there is no AWS profile \"x z\", which AWS_PROFILE names");
        assert_eq!(error.hint(), Some("did you mean \"x y\"? there are x y, z"));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_the_hint_for_a_missing_profile() {
        let text = Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let shared = SharedFile { path: "/config".into(), file: File::Config, text };
        let profiles = Profiles::of(vec![shared]).await.expect("none");
        assert_eq!(profiles.missing("a", "`profile`").hint(), Some("/config can't be read: permission denied"));
    }
}
