//! The profiles of the AWS shared files, by name.

use std::error::Error as StdError;

use aws_config::profile::{self, Profile, ProfileFileLoadError, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};
use strsim::jaro_winkler;

use crate::{
    aws_credentials::{
        section_names::{self, File, plain_name, sdk_name},
        shared_files::{self, SharedFile},
        variables,
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
    /// The names of the sections with endpoints of services, as the SDK has them.
    services: Vec<String>,
    /// Which variable names a file that does not exist, for hints.
    absent: Option<String>,
}

impl Profiles {
    /// Reads the shared files. Those that don't exist count as empty.
    ///
    /// # Errors
    /// `Config`, with the file, if one can't be read, or is malformed in a line, which is named.
    pub(crate) async fn load() -> Result<Self> {
        Ok(Self { absent: shared_files::absent(), ..Self::of(shared_files::read()).await? })
    }

    async fn of(files: Vec<SharedFile>) -> Result<Self> {
        let (mut texts, mut credentials, mut services) = (Vec::new(), ProfileSet::default(), Vec::new());
        for SharedFile { path, file, text } in files {
            let text = text.map_err(|error| shared_files::unreadable(&path, file, error))?;
            let alone = parsed([(file, text.as_str())]).await;
            let alone = alone.map_err(|error| malformed(&path.display().to_string(), file, &error))?;
            match file {
                File::Config => services = section_names::services(&text).map(str::to_owned).collect(),
                File::Credentials => credentials = alone,
            }
            texts.push((file, text));
        }
        let merged = parsed(texts.iter().map(|(file, text)| (*file, text.as_str())))
            .await
            .map_err(|_| Error::config("the AWS config files are malformed"))?;
        Ok(Self { merged, credentials, services, absent: None })
    }

    /// A profile by its name, as people write it.
    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.merged.get_profile(&sdk_name(name))
    }

    /// The part of a profile that is in the credentials file.
    pub(super) fn in_credentials_file(&self, name: &str) -> Option<&Profile> {
        self.credentials.get_profile(&sdk_name(name))
    }

    /// Checks that the section exists which a profile names for the endpoints of services.
    ///
    /// # Errors
    /// `Config` if it does not: without it, calls would go to AWS's own endpoints.
    pub(crate) fn check_services(&self, profile: &str) -> Result<()> {
        let named = self.get(profile).and_then(|profile| profile.get("services")).and_then(variables::cleaned);
        let Some(missing) = named.filter(|named| !self.services.iter().any(|known| known == named)) else {
            return Ok(());
        };
        let name = plain_name(missing);
        let what = format!("the AWS profile {profile:?} names services = {name}, and there is no such section");
        let section = if name.contains(' ') { format!("{name:?}") } else { name.into_owned() };
        Err(Error::config(what)
            .with_hint(format!("add [services {section}] to the config file, or remove `services` from the profile")))
    }

    /// The error for a profile that does not exist. `by` is what names it.
    pub(crate) fn missing(&self, name: &str, by: &str) -> Error {
        let error = Error::config(format!("there is no AWS profile {name:?}, which {by} names"));
        error.with_hint(self.hint_for_missing(name))
    }

    fn hint_for_missing(&self, name: &str) -> String {
        let mut known: Vec<_> = self.merged.profiles().map(plain_name).collect();
        known.sort_unstable();
        if known.is_empty() {
            if let Some(absent) = &self.absent {
                return absent.clone();
            }
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
        let absent = self.absent.as_ref().map(|absent| format!("; {absent}")).unwrap_or_default();
        format!("{meant}there are {}{more}{absent}", known.join(", "))
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
    async fn a_file_that_cannot_be_read_is_an_error_and_not_another_identity() {
        let hint = "let this user read the file, or set AWS_SHARED_CREDENTIALS_FILE to another one";
        for (file, why, expected, hint) in [
            (File::Credentials, io::Error::from(io::ErrorKind::PermissionDenied), "permission denied", hint),
            (File::Config, shared_files::not_utf8(b"a\n\xff", 2), "line 2 is not UTF-8", "save the file as UTF-8"),
        ] {
            let shared = SharedFile { path: "/file".into(), file, text: Err(why) };
            let error = Profiles::of(vec![shared]).await.err().expect("unreadable");
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert_eq!(error.message(), format!("/file can't be read: {expected}"));
            assert_eq!(error.hint(), Some(hint));
        }
    }

    #[tokio::test]
    async fn a_variable_that_names_no_file_is_told_where_a_profile_is_missing() {
        let absent = Some("AWS_CONFIG_FILE names /x, which is not a file".to_owned());
        for (credentials, expected) in [
            ("", "AWS_CONFIG_FILE names /x, which is not a file"),
            ("[a]\nk = v\n", "there are a; AWS_CONFIG_FILE names /x, which is not a file"),
        ] {
            let profiles = Profiles { absent: absent.clone(), ..profiles("", credentials).await.expect("profiles") };
            assert_eq!(profiles.missing("prod", "AWS_PROFILE").hint(), Some(expected));
        }
    }
}
