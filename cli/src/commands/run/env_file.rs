//! Reads the files of `--env-file`.

mod parse;

use std::{fs, path::Path};

use zeroize::Zeroizing;

use self::parse::{ParseError, parse};
use crate::report::Failure;

/// The names and values of an env file, in the order of its lines.
///
/// # Errors
/// `Failure::Io` if it can't be read, `Failure::Usage` with the line if it is malformed.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::io(format!("can't read the env file {}", path.display()), error))?;
    parse(&text).map_err(|ParseError { line, why }| Failure::Usage(format!("{}: line {line}: {why}", path.display())))
}
