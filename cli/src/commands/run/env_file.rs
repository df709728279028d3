//! Reads the files of `--env-file`.

mod parse;

use std::{collections::HashMap, fs, path::Path};

use zeroize::Zeroizing;

use self::parse::{Pair, ParseError, parse};
use crate::{
    args::Global,
    report::{self, Failure},
};

/// The names and values of an env file, in the order of its lines: of a name that occurs again, the
/// later value counts. Warns about such names.
///
/// # Errors
/// `Failure::Io` if it can't be read, `Failure::Usage` with the line if it is malformed.
pub(super) fn read(path: &Path, global: &Global) -> Result<Vec<(String, Zeroizing<String>)>, Failure> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::io(format!("can't read the env file {}", path.display()), error))?;
    let malformed = |ParseError { line, why }| Failure::Usage(format!("{}: line {line}: {why}", path.display()));
    let pairs = parse(&text).map_err(malformed)?;
    for warning in repeated(&pairs) {
        report::warning(&format!("{}: {warning}", path.display()), global);
    }
    Ok(pairs.into_iter().map(|Pair { name, value, .. }| (name, value)).collect())
}

/// A warning for each line that sets a name again.
fn repeated(pairs: &[Pair]) -> Vec<String> {
    let mut lines = HashMap::new();
    let again = pairs.iter().filter_map(|Pair { name, line, .. }| {
        let before = lines.insert(name, line)?;
        Some(format!("line {line} sets {name} again, after line {before}; the later value counts"))
    });
    again.collect()
}
