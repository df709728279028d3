//! Names of variables that a value from a provider takes only where `--names` allows it.
//!
//! Whoever may write a secret decides its value, and with `--from` its name too. Under most names a
//! value is data. Under some it makes a program run code, read other files or send requests
//! elsewhere: whoever may write one secret would control the job that reads it.

mod table;

use s1crets::{Error, ErrorKind};

use self::table::{CREDENTIALS, Credentials, GROUPS, Group};
use crate::filter::Filter;

/// Where a name comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    /// The user typed it, or wrote it into a file that is trusted.
    ByUser,
    /// `--from` made it of what is stored below this reference.
    ByFrom(&'a str),
}

/// The patterns of `--names`.
#[derive(Debug)]
pub(crate) struct Allowed(Filter);

impl Allowed {
    pub(crate) fn typed(patterns: &[String]) -> Result<Self, Error> {
        Filter::typed(patterns).map(Self)
    }

    /// Whether `--from` makes a variable of this name: without `--names`, of any.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.matches(name)
    }

    /// Refuses a reserved name for a value that comes from a provider. With `--files`, the variable
    /// has another name than the secret: either may be allowed.
    ///
    /// # Errors
    /// What the name controls, and the ways out.
    pub(crate) fn check(&self, name: &str, variable: &str, named: Named<'_>) -> Result<(), Error> {
        match group(variable, named).filter(|_| !self.0.matches(name) && !self.0.matches(variable)) {
            Some(group) => Err(refused(variable, group.controls, named)),
            None => Ok(()),
        }
    }
}

fn refused(name: &str, controls: &str, named: Named<'_>) -> Error {
    let error = |message| Error::new(ErrorKind::InvalidInput, message);
    match named {
        Named::ByUser => error(format!("{name} takes no value from a provider: it controls {controls}"))
            .with_hint(format!("--names {name} allows it")),
        Named::ByFrom(from) => error(format!("{name} of {from} is refused: it controls {controls}")).with_hint(
            "--prefix TEXT puts TEXT in front of all names; --names PATTERN lists the names that --from makes, and \
             allows this one",
        ),
    }
}

/// The group that a name belongs to, unless it is a credential that may have its value from a
/// provider. Case makes no difference: it makes none to Windows, and curl and npm read lower case.
fn group(name: &str, named: Named<'_>) -> Option<&'static Group> {
    let upper = name.to_ascii_uppercase();
    let is_credential = CREDENTIALS.iter().any(|ending| upper.ends_with(ending));
    let may_have = |group: &Group| match group.credentials {
        Credentials::Refused => false,
        Credentials::Typed => matches!(named, Named::ByUser),
        Credentials::Taken => true,
    };
    let group = GROUPS.iter().find(|group| group.has(&upper))?;
    (!is_credential || !may_have(group)).then_some(group)
}

impl Group {
    fn has(&self, upper: &str) -> bool {
        self.names.contains(&upper) || self.families.iter().any(|beginning| upper.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests;
