//! Names of environment variables: which are valid, and how one is made from a path.

#[cfg(unix)]
use s1crets::{Error, ErrorKind};

/// What [`is_valid`] accepts, for error messages.
pub(crate) const RULE: &str = "letters, digits and '_', not starting with a digit";

/// Whether every shell accepts this as the name of a variable.
pub(crate) fn is_valid(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// # Errors
/// `InvalidInput` if the name is not valid.
#[cfg(unix)]
pub(crate) fn check(name: &str) -> Result<(), Error> {
    match is_valid(name) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, format!("invalid variable name {name:?}: use {RULE}"))),
    }
}

/// Makes a name from a path or a key: `db/root-password` becomes `DB_ROOT_PASSWORD`. The prefix
/// stays as it is.
pub(crate) fn from_path(prefix: &str, path: &str) -> String {
    let word = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
    prefix.chars().chain(path.chars().map(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_letters_digits_and_underscores_and_no_leading_digit() {
        for name in ["A", "_", "a1", "DB_PASSWORD"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "É", "A=", "A\0"] {
            assert!(!is_valid(name), "{name:?}");
        }
    }

    #[test]
    fn a_path_becomes_an_upper_case_name() {
        assert_eq!(from_path("", "db/root-password"), "DB_ROOT_PASSWORD");
        assert_eq!(from_path("App_", "é.1"), "App___1");
    }
}
