//! Reserved variable names: those that make programs run other code, such as `LD_PRELOAD` and
//! `PATH`.
//!
//! Anyone who may write a secret chooses its value, and with `--from` also its name. Under most
//! names a value is only data. Under a reserved name it makes a program run other code, read other
//! files or talk to other servers. Then write access to one secret would control the whole job that
//! reads it. So `run` and `export` refuse to set reserved names from secrets, unless `--names`
//! allows it.

mod table;

use s1crets::{Error, ErrorKind};

use self::table::{CREDENTIAL_SUFFIXES, CredentialPolicy, GROUPS, NameGroup};
use crate::name_patterns::NamePatterns;

/// Where a name comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NameOrigin<'a> {
    /// From the user, who typed it or wrote it into a trusted file.
    Typed,
    /// From `--from`, which derived it from the names or keys below this reference.
    Listed(&'a str),
}

/// The patterns of `--names`, which allow reserved names and select what `--from` sets.
#[derive(Debug)]
pub(crate) struct AllowedNames(NamePatterns);

impl AllowedNames {
    /// # Errors
    /// `InvalidInput` for a malformed pattern.
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, Error> {
        NamePatterns::parse(patterns).map(Self)
    }

    /// Whether `--from` sets a variable of this name. Without `--names`, it sets all.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.matches(name)
    }

    /// Refuses to set a reserved variable from a secret, unless `--names` allows it. With `--files`
    /// the variable is called `NAME_FILE`: then either name may be allowed.
    ///
    /// # Errors
    /// `InvalidInput`: says what the variable controls. The hint names the options that help.
    pub(crate) fn check(&self, name: &str, variable: &str, origin: NameOrigin<'_>) -> Result<(), Error> {
        match reserving_group(variable, origin).filter(|_| !self.0.matches(name) && !self.0.matches(variable)) {
            Some(group) => Err(refusal(variable, group.controls, origin)),
            None => Ok(()),
        }
    }
}

fn refusal(name: &str, controls: &str, origin: NameOrigin<'_>) -> Error {
    let error = |message| Error::new(ErrorKind::InvalidInput, message);
    match origin {
        NameOrigin::Typed => error(format!("{name} can't be set from a secret: it controls {controls}"))
            .with_hint(format!("--names {name} allows it")),
        NameOrigin::Listed(from) => error(format!("{name} can't be set from {from}: it controls {controls}")).with_hint(
            "--prefix TEXT puts TEXT before every name; --names PATTERN selects the names that --from sets, and allows \
             reserved ones",
        ),
    }
}

/// The group that reserves a name; `None` if the name may be set from a secret.
///
/// Case is ignored: Windows ignores it too, and curl and npm read names in lower case. Dots and
/// dashes count as `_`: npm and Spring read their settings from names with either.
fn reserving_group(name: &str, origin: NameOrigin<'_>) -> Option<&'static NameGroup> {
    let upper = name.to_ascii_uppercase().replace(['.', '-'], "_");
    let is_credential = CREDENTIAL_SUFFIXES.iter().any(|suffix| upper.ends_with(suffix));
    let allows_credentials = |group: &NameGroup| match group.credentials {
        CredentialPolicy::Refuse => false,
        CredentialPolicy::AllowTyped => matches!(origin, NameOrigin::Typed),
        CredentialPolicy::Allow => true,
    };
    let group = GROUPS.iter().find(|group| {
        group.names.contains(&upper.as_str()) || group.prefixes.iter().any(|prefix| upper.starts_with(prefix))
    })?;
    (!is_credential || !allows_credentials(group)).then_some(group)
}

#[cfg(test)]
mod tests;
