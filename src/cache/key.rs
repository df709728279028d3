//! Cache keys: everything that changes an answer, and nothing else.

use std::borrow::Cow;

use crate::options::{GetOptions, ListOptions, Version};

/// What a value is stored under, as bytes.
#[cfg_attr(not(all(feature = "disk-cache", unix)), allow(dead_code, reason = "only a disk asks"))]
pub(super) trait Key {
    /// Different for different keys.
    fn encoded(&self) -> Cow<'_, [u8]>;

    /// The path that was asked for.
    fn path(&self) -> &str;
}

/// The key of a single secret. It has no keypath: that is applied to the cached value.
///
/// The plain case borrows the path, so that a hit allocates nothing. Other cases append the version
/// after a NUL, which [`is_valid`] keeps out of paths: a crafted path can't be another one's key.
pub(super) fn of_secret<'a>(path: &'a str, options: &GetOptions) -> Cow<'a, str> {
    let version = match &options.version {
        Version::Current if options.decrypt => return Cow::Borrowed(path),
        Version::Current => String::new(),
        Version::Number(number) => format!("n{number}"),
        Version::Label(label) => format!("l{label}"),
        Version::Id(id) => format!("i{id}"),
        Version::Stage(stage) => format!("s{stage}"),
    };
    let decrypt = if options.decrypt { "" } else { "\0raw" };
    Cow::Owned(format!("{path}\0{version}{decrypt}"))
}

/// Whether a path can be a key. One with a NUL is no path of any provider.
pub(super) fn is_valid(path: &str) -> bool {
    !path.as_bytes().contains(&0)
}

/// The path in a key of a single secret.
pub(super) fn path_of(key: &str) -> &str {
    key.split_once('\0').map_or(key, |(path, _)| path)
}

/// Whether a path may be the ARN of the secret with this name.
pub(super) fn is_arn_of(path: &str, name: &str) -> bool {
    path.starts_with("arn:") && names_in_arn(path).any(|end| end == name)
}

/// The names that an ARN can end with: `/a/b`, `a/b` and `b` in `arn:…:parameter/a/b`, and `prod/db` in
/// `arn:…:secret:prod/db-Ab12Cd`, whose last seven characters Secrets Manager has added.
pub(super) fn names_in_arn(arn: &str) -> impl Iterator<Item = &str> {
    let starts = arn.char_indices().filter(|(_, character)| matches!(character, ':' | '/'));
    let ends = starts.flat_map(|(at, _)| [&arn[at..], &arn[at + 1..]]);
    ends.filter(|end| !end.starts_with(':')).flat_map(|end| {
        let added = end.len().checked_sub("-Ab12Cd".len()).and_then(|at| end.split_at_checked(at));
        let without = added.filter(|(_, suffix)| suffix.starts_with('-')).map(|(name, _)| name);
        [Some(end), without].into_iter().flatten().filter(|name| !name.is_empty())
    })
}

/// Whether two paths may name the same secret. Vault drops the empty levels of a path, so it has one
/// secret under `/secret//app` and `secret/app`. Elsewhere these may be two, for which a drop of both
/// costs a load.
pub(super) fn may_be_same(path: &str, other: &str) -> bool {
    path == other || levels(path).eq(levels(other))
}

/// Whether a listing of `path` may hold `name`; the secret of that very name too, as some providers
/// list it. Empty levels don't count, as in [`may_be_same`].
pub(super) fn may_cover(path: &str, name: &str) -> bool {
    let mut name = levels(name);
    levels(path).all(|level| name.next() == Some(level))
}

/// A path without its empty levels: the same for all that [may be the same](may_be_same).
#[cfg_attr(not(all(feature = "disk-cache", unix)), allow(dead_code, reason = "only a disk asks"))]
pub(super) fn without_empty_levels(path: &str) -> String {
    levels(path).collect::<Vec<_>>().join("/")
}

fn levels(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|level| !level.is_empty())
}

/// The key of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ListingKey {
    pub(super) path: String,
    recursive: bool,
    decrypt: bool,
}

impl ListingKey {
    pub(super) fn new(path: &str, options: &ListOptions) -> Self {
        Self { path: path.into(), recursive: options.recursive, decrypt: options.decrypt }
    }
}

impl Key for str {
    fn encoded(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }

    fn path(&self) -> &str {
        path_of(self)
    }
}

impl Key for String {
    fn encoded(&self) -> Cow<'_, [u8]> {
        (**self).encoded()
    }

    fn path(&self) -> &str {
        path_of(self)
    }
}

impl Key for ListingKey {
    fn encoded(&self) -> Cow<'_, [u8]> {
        Cow::Owned(format!("{}\0{}\0{}", self.path, self.recursive, self.decrypt).into_bytes())
    }

    fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_variant_has_a_key_of_its_own() {
        let versions = [
            Version::Current,
            Version::Number(1),
            Version::Label("1".into()),
            Version::Id("1".into()),
            Version::Stage("1".into()),
        ];
        let variants = versions.into_iter().flat_map(|version| {
            [true, false].map(|decrypt| GetOptions::default().with_version(version.clone()).with_decrypt(decrypt))
        });
        let keys: HashSet<_> = variants.map(|options| of_secret("a/b", &options).into_owned()).collect();
        assert_eq!(keys.len(), 10);
        assert!(keys.iter().all(|key| path_of(key) == "a/b"));
    }

    #[test]
    fn an_arn_ends_with_the_name_of_its_secret() {
        for (arn, name) in [
            ("arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-Ab12Cd", "prod/db"),
            ("arn:aws:secretsmanager:eu-west-1:1:secret:db", "db"),
            ("arn:aws:ssm:eu-west-1:1:parameter/prod/db", "/prod/db"),
            ("arn:aws:ssm:eu-west-1:1:parameter/db", "db"),
        ] {
            assert!(names_in_arn(arn).any(|found| found == name), "{arn}");
        }
        assert_eq!(names_in_arn("a:").count() + names_in_arn("").count() + names_in_arn(":é-é").count(), 1);
    }

    #[test]
    fn empty_levels_make_no_other_secret() {
        for (path, name, same, covers) in [
            ("secret//app", "secret/app/db", false, true),
            ("/secret/app/", "secret/app", true, true),
            ("", "/a", false, true),
            ("//", "", true, true),
            ("secret/ap", "secret/app", false, false),
            ("secret/app/db", "secret/app", false, false),
        ] {
            assert_eq!((may_be_same(path, name), may_cover(path, name)), (same, covers), "{path:?} {name:?}");
            assert_eq!(without_empty_levels(path) == without_empty_levels(name), same, "{path:?} {name:?}");
        }
    }

    #[test]
    fn the_plain_case_allocates_nothing() {
        assert!(matches!(of_secret("a/b", &GetOptions::default()), Cow::Borrowed("a/b")));
    }
}
