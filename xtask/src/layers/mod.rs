//! `cargo xtask layers`: checks that no module of `src/` imports upwards, and finds import cycles.
//!
//! [`rules`] lists the layers. The check parses every module that `src/lib.rs` leads to. It
//! resolves `use` items and all other paths into the library, and compares them with the list:
//!
//! - a top-level module imports from lower layers only;
//! - within a folder, files and subfolders don't import each other in a cycle that is not listed;
//! - the members of an independent folder, such as the vendors in `providers`, don't import each
//!   other at all.
//!
//! Code under `#[cfg(test)]` is exempt, hence every `tests.rs` and `tests/` as well. The code of
//! all features is checked at once. The command needs no check: it is a crate of its own, and sees
//! only the public API.
//!
//! The check sees paths, and nothing that follows from types. A method call is no import, and a
//! name behind a glob re-export counts as the module that re-exports it.

mod check;
mod imports;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;
mod tree;

use std::{collections::BTreeMap, io, process::ExitCode};

use self::{rules::RULES, tree::Library};
use crate::workspace::root;

/// Prints each violation, and fails if there is one.
pub(crate) fn run() -> io::Result<ExitCode> {
    let library = Library::read(root())?;
    let violations = check::violations(&library, RULES);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("layers OK: {} modules, no upward import, no unlisted cycle", library.modules.len());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("xtask: the layers in xtask/src/layers/rules.rs are violated {} times", violations.len());
    Ok(ExitCode::FAILURE)
}

/// Prints how many imports each top-level module has from each other one, lowest layer first.
pub(crate) fn graph() -> io::Result<ExitCode> {
    let library = Library::read(root())?;
    let rank = |module: &str| RULES.layers.iter().position(|layer| layer.contains(&module));
    let mut counts = BTreeMap::<_, usize>::new();
    for edge in library.edges() {
        let (from, to) = (edge.from.top().to_owned(), edge.to.top().to_owned());
        if from != to {
            let is_root = edge.from.0.is_empty();
            *counts.entry((is_root, rank(&from), from, rank(&to), to)).or_default() += 1;
        }
    }
    for ((_, _, from, _, to), count) in counts {
        println!("{from} → {to} {count}");
    }
    Ok(ExitCode::SUCCESS)
}
