//! Binds disk cache entries to the environment variables and shared files of the AWS SDK.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use sha2::Sha256;

use super::{Binding, Content, absolute, feed, feed_content};
use crate::{
    aws_credentials::{
        profile::selection::SelectedProfile, section_names::possible_names, shared_files::set_path, variables,
    },
    fs::home,
};

/// Variables whose values decide where the SDK connects, and as whom. The secret parts of an access
/// key are left out: the key's id stands for them, and that of a session is used only once.
const VALUES: &[&str] = &[
    "ALL_PROXY",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables that name a file that rotates by design.
const NAMES: &[&str] = &["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/// The shared files: the variable that names one, and its default path in the home folder.
const SHARED: &[(&str, &str)] =
    &[("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];

/// Properties of a section that name another section.
const REFERENCES: &[&str] = &["services", "source_profile", "sso_session"];

/// A variable that names a file of certificates to trust, and the key of a profile that does.
const CA_BUNDLE: (&str, &str) = ("AWS_CA_BUNDLE", "ca_bundle");

/// Binds the environment, and the shared files for this profile or that of the environment.
pub(crate) fn environment(binding: &mut Binding<'_>, profile: Option<&str>) {
    VALUES.iter().for_each(|name| binding.variable(name));
    NAMES.iter().for_each(|name| binding.name_in_variable(name));
    binding.trusted_by_environment();
    let bundle = (binding.env)(CA_BUNDLE.0).and_then(set_path).map(PathBuf::from);
    binding.content(CA_BUNDLE.0, bundle.as_deref());
    let selected = SelectedProfile::by(profile, |name| (binding.env)(name));
    binding.profile(&selected.name);
}

impl Binding<'_> {
    /// Binds the sections of a profile, and those that they refer to, in both shared files.
    fn profile(&mut self, profile: &str) {
        let files: Vec<_> =
            SHARED.iter().map(|(variable, default)| (*variable, self.shared(variable, default))).collect();
        let texts: Vec<_> = files
            .iter()
            .map(|(variable, path)| {
                self.note(variable, "content");
                super::feed_optional(&mut self.fixed, variable, Some(path.as_os_str().as_encoded_bytes()));
                self.read(path)
            })
            .collect();
        let parsed: Vec<_> = texts.iter().map(|text| text.as_ref().and_then(utf8).map(sections)).collect();
        let wanted = referred(profile, parsed.iter().flatten().flatten());
        let own = BTreeSet::from([profile.to_owned()]);
        let of_profile = parsed.iter().flatten().flatten().filter(|section| section.is_one_of(&own));
        let bundles: Vec<_> = of_profile.filter_map(|section| section.value(CA_BUNDLE.1)).map(str::to_owned).collect();
        for bundle in &bundles {
            self.content(CA_BUNDLE.1, Some(&home::expand(bundle.as_ref())));
        }
        for (text, sections) in texts.iter().zip(&parsed) {
            match sections {
                // The rest of the file may change.
                Some(sections) => feed_sections(&mut self.fixed, sections, &wanted),
                None => feed_content(&mut self.fixed, text.as_ref()),
            }
        }
    }

    /// The path of a shared file, found as the SDK does.
    fn shared(&self, variable: &str, default: &str) -> PathBuf {
        let home = (self.env)("HOME").map(PathBuf::from);
        let named = (self.env)(variable).and_then(set_path).map(PathBuf::from);
        let path = named.unwrap_or_else(|| Path::new("~").join(default));
        match (path.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => absolute(&path),
        }
    }
}

/// The text of a file; `None` if it is not UTF-8, which is an error where it is used.
fn utf8(content: &Content) -> Option<&str> {
    match content {
        Content::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        Content::Absent | Content::Unreadable => None,
    }
}

/// A section of a shared file: its header and its lines as written.
struct Section<'a> {
    header: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// Whether its header may mean one of these names.
    fn is_one_of(&self, names: &BTreeSet<String>) -> bool {
        let header = without_comment(self.header, false).trim_start_matches('[').trim_end_matches(']').trim();
        let name = header.split_once([' ', '\t']).map_or(header, |(_, name)| name.trim());
        names.contains(name) || possible_names(self.header).any(|name| names.contains(name))
    }

    /// The value of a key.
    fn value(&self, key: &str) -> Option<&'a str> {
        let mut properties = self.lines.iter().filter_map(|line| line.split_once('='));
        let (_, value) = properties.find(|(name, _)| name.trim().eq_ignore_ascii_case(key))?;
        variables::cleaned(without_comment(value, true))
    }

    /// The names of the sections that this one refers to.
    fn references(&self) -> impl Iterator<Item = &'a str> {
        let properties = self.lines.iter().filter_map(|line| line.split_once('='));
        let references = properties.filter(|(key, _)| REFERENCES.iter().any(|it| key.trim().eq_ignore_ascii_case(it)));
        references.map(|(_, value)| without_comment(value, true))
    }
}

/// Splits a file into sections by the rules of the SDK's parser: a header starts at the beginning
/// of its line.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(Section { header: line, lines: Vec::new() });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

/// A line without its comment. In a value, a comment starts after white space.
fn without_comment(line: &str, after_space: bool) -> &str {
    let mut spaced = false;
    for (index, character) in line.char_indices() {
        if matches!(character, '#' | ';') && (spaced || !after_space) {
            return line[..index].trim();
        }
        spaced = character.is_whitespace();
    }
    line.trim()
}

/// The names of all sections that a profile refers to, directly or not, and its own.
fn referred<'a>(profile: &str, sections: impl Iterator<Item = &'a Section<'a>> + Clone) -> BTreeSet<String> {
    let mut wanted = BTreeSet::from([profile.to_owned()]);
    loop {
        let known = wanted.len();
        for section in sections.clone() {
            if section.is_one_of(&wanted) {
                wanted.extend(section.references().map(str::to_owned));
            }
        }
        if wanted.len() == known {
            return wanted;
        }
    }
}

fn feed_sections(digest: &mut Sha256, sections: &[Section<'_>], wanted: &BTreeSet<String>) {
    for section in sections.iter().filter(|section| section.is_one_of(wanted)) {
        feed(digest, section.header.as_bytes());
        section.lines.iter().for_each(|line| feed(digest, line.as_bytes()));
    }
    // Separates this file's sections from those of the next.
    feed(digest, b"");
}

#[cfg(test)]
mod tests {
    use aws_config::profile::{self, profile_file};
    use aws_types::os_shim_internal::{Env, Fs};
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// The profile and the SSO session of this name as the SDK reads them.
    fn read(config: &str, credentials: &str, name: &str) -> Option<(Option<profile::Profile>, String)> {
        #[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
        let files = profile_file::ProfileFiles::builder()
            .with_contents(profile_file::ProfileFileKind::Config, config)
            .with_contents(profile_file::ProfileFileKind::Credentials, credentials)
            .build();
        let (fs, env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
        let loaded = profile::load(&fs, &env, &files, Some(name.to_owned().into()));
        let set = loaded.now_or_never().expect("nothing to wait for").ok()?;
        let session = set.sso_session(name).map(|session| session.get("k").unwrap_or("none").to_owned());
        Some((set.get_profile(name).cloned(), session.unwrap_or_default()))
    }

    /// The part of a file that is bound.
    fn part(text: &str, wanted: &BTreeSet<String>) -> String {
        let mut part = String::new();
        for section in sections(text).iter().filter(|section| section.is_one_of(wanted)) {
            part += &format!("{}\n", section.header);
            section.lines.iter().for_each(|line| part += &format!("{line}\n"));
        }
        part
    }

    fn line() -> impl Strategy<Value = String> {
        let header = (
            prop::sample::select(vec!["[", "[ ", " [", "[["]),
            prop::sample::select(vec![
                "a",
                "default",
                "profile a",
                "profile  default",
                "sso-session a",
                "services a",
                "b",
            ]),
            prop::sample::select(vec!["]", " ]", "] # c", "];c", "]]", ""]),
        )
            .prop_map(|(open, name, close)| format!("{open}{name}{close}"));
        let property = (
            prop::sample::select(vec!["k", " k", "K", "source_profile", "sso_session ", "#k", "s"]),
            prop::sample::select(vec!["=", " = ", ""]),
            prop::sample::select(vec!["v", "a", "b # c", "b#c", "[profile a]", ""]),
        )
            .prop_map(|(key, equals, value)| format!("{key}{equals}{value}"));
        prop_oneof![2 => header, 3 => property]
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(line(), 0..12).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        /// All that the SDK reads of a profile is in the part of the file that is bound.
        #[test]
        fn what_the_sdk_reads_of_a_profile_is_bound(config in text(), credentials in text(), profile in "a|b|default") {
            // The SDK reads nothing from a malformed file.
            if let Some(whole) = read(&config, &credentials, &profile) {
                let parsed = [sections(&config), sections(&credentials)];
                let wanted = referred(&profile, parsed.iter().flatten());
                let [config, credentials] = [&config, &credentials].map(|text| part(text, &wanted));
                prop_assert_eq!(read(&config, &credentials, &profile), Some(whole));
            }
        }
    }

    #[test]
    fn a_profile_leads_to_all_that_it_names_and_cycles_end() {
        let text = "[profile a]\nSource_Profile = b # c\n[profile b]\nsource_profile=a\nsso_session = s\n[profile c]\n";
        let wanted = referred("a", sections(text).iter());
        assert_eq!(wanted, ["a", "b", "s"].map(str::to_owned).into());
        let quoted =
            "[profile \"x y\"]\nsource_profile = z\n[profile 'z']\nsource_profile = u v\n[u v]\nsso_session = s\n";
        let wanted = referred("x y", sections(quoted).iter());
        assert_eq!(wanted, ["x y", "z", "u v", "s"].map(str::to_owned).into());
        assert_eq!(part(quoted, &wanted).matches('[').count(), 3);
    }
}
