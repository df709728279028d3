//! Names of environment variables: which are valid, and how one is made from a path.

#[cfg(unix)]
use s1crets::{Error, ErrorKind};

/// What [`is_valid`] accepts, for error messages.
pub(crate) const RULE: &str = "a name consists of letters, digits and '_', and doesn't begin with a digit";
/// What [`is_settable`] accepts, for error messages.
pub(crate) const SETTABLE_RULE: &str =
    "a name consists of letters, digits, '_', '.' and '-', and doesn't begin with '.' or '-'";

/// Whether every shell accepts this as the name of a variable.
pub(crate) fn is_valid(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Whether a program may be given a variable of this name. That takes no shell, so names such as
/// `spring.datasource.url` are allowed too, as in the env files of Docker, Node and python-dotenv.
///
/// It is also a safe file name: `run --files` makes one of it.
pub(crate) fn is_settable(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(|byte| word(byte) || b".-".contains(&byte)) && name.bytes().next().is_some_and(word)
}

/// # Errors
/// `InvalidInput` if the name is not [settable](is_settable).
#[cfg(unix)]
pub(crate) fn check(name: &str) -> Result<(), Error> {
    match is_settable(name) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, format!("invalid variable name {name:?}: {SETTABLE_RULE}"))),
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
            assert!(is_valid(name) && is_settable(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "É", "A=", "A\0"] {
            assert!(!is_valid(name), "{name:?}");
        }
    }

    #[test]
    fn a_program_may_be_given_names_with_dots_and_dashes() {
        for name in ["A.B", "A-B", "1A", "spring.datasource.driver-class-name", "_."] {
            assert!(is_settable(name), "{name}");
        }
        for name in ["", ".", "..", ".A", "-A", "A B", "A=", "É", "A\0", "A/B", "A\n"] {
            assert!(!is_settable(name), "{name:?}");
        }
    }

    #[test]
    fn a_path_becomes_an_upper_case_name() {
        assert_eq!(from_path("", "db/root-password"), "DB_ROOT_PASSWORD");
        assert_eq!(from_path("App_", "é.1"), "App___1");
    }
}
