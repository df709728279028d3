//! Names of environment variables.

#[cfg(unix)]
use s1crets::{Error, ErrorKind};

/// What [`is_valid`] takes, for people.
pub(crate) const RULE: &str = "letters, digits and '_', no digit first";

/// Whether every shell takes this as a variable's name.
pub(crate) fn is_valid(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Refuses what no variable can be called.
#[cfg(unix)]
pub(crate) fn check(name: &str) -> Result<(), Error> {
    match is_valid(name) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, format!("{name:?} is no variable's name: {RULE}"))),
    }
}

/// A name made of the levels of a path or of a key: `db/root-password` becomes `DB_ROOT_PASSWORD`.
pub(crate) fn from_path(prefix: &str, levels: &str) -> String {
    let word = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
    prefix.chars().chain(levels.chars().map(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_begin_with_no_digit() {
        for name in ["A", "_", "a1", "DB_PASSWORD"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "É", "A=", "A\0"] {
            assert!(!is_valid(name), "{name:?}");
        }
    }

    #[test]
    fn levels_become_words() {
        assert_eq!(from_path("", "db/root-password"), "DB_ROOT_PASSWORD");
        assert_eq!(from_path("App_", "é.1"), "App___1");
    }
}
