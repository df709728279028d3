//! Names of variables that a value from a provider selects only where `--names` allows it.
//!
//! Whoever may write a secret decides its value, and with `--from` its name too. Under most names a
//! value is data. Under some it makes a program run code, read other files or send requests
//! elsewhere: whoever may write one secret would control the job that reads it.

mod table;

use s1crets::{Error, ErrorKind};

use self::table::{CREDENTIAL_SUFFIXES, CredentialPolicy, GROUPS, NameGroup};
use crate::name_patterns::NamePatterns;

/// Where a name comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NameOrigin<'a> {
    /// The user typed it, or wrote it into a file that is trusted.
    Typed,
    /// `--from` made it of what is stored below this reference.
    Listed(&'a str),
}

/// The patterns of `--names`.
#[derive(Debug)]
pub(crate) struct AllowedNames(NamePatterns);

impl AllowedNames {
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, Error> {
        NamePatterns::parse(patterns).map(Self)
    }

    /// Whether `--from` makes a variable of this name: without `--names`, of any.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.matches(name)
    }

    /// Refuses a reserved name for a value that comes from a provider. With `--files`, the variable
    /// has another name than the secret: either may be allowed.
    ///
    /// # Errors
    /// What the name controls, and the ways out.
    pub(crate) fn check(&self, name: &str, variable: &str, origin: NameOrigin<'_>) -> Result<(), Error> {
        match group(variable, origin).filter(|_| !self.0.matches(name) && !self.0.matches(variable)) {
            Some(group) => Err(refused(variable, group.controls, origin)),
            None => Ok(()),
        }
    }
}

fn refused(name: &str, controls: &str, origin: NameOrigin<'_>) -> Error {
    let error = |message| Error::new(ErrorKind::InvalidInput, message);
    match origin {
        NameOrigin::Typed => error(format!("{name} takes no value from a provider: it controls {controls}"))
            .with_hint(format!("--names {name} allows it")),
        NameOrigin::Listed(from) => error(format!("{name} of {from} is refused: it controls {controls}")).with_hint(
            "--prefix TEXT puts TEXT in front of all names; --names PATTERN lists the names that --from makes, and \
             allows this one",
        ),
    }
}

/// The group that a name belongs to, unless it is a credential that may have its value from a
/// provider. Case makes no difference: it makes none to Windows, and curl and npm read lower case.
fn group(name: &str, origin: NameOrigin<'_>) -> Option<&'static NameGroup> {
    let upper = name.to_ascii_uppercase();
    let is_credential = CREDENTIAL_SUFFIXES.iter().any(|ending| upper.ends_with(ending));
    let may_have = |group: &NameGroup| match group.credentials {
        CredentialPolicy::Refuse => false,
        CredentialPolicy::AllowTyped => matches!(origin, NameOrigin::Typed),
        CredentialPolicy::Allow => true,
    };
    let group = GROUPS.iter().find(|group| group.has(&upper))?;
    (!is_credential || !may_have(group)).then_some(group)
}

impl NameGroup {
    fn has(&self, upper: &str) -> bool {
        self.names.contains(&upper) || self.prefixes.iter().any(|beginning| upper.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests;
