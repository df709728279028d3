//! What s1crets costs, each figure beside that of a rival in the same run: `cargo xtask bench [NAME…]`.
//!
//! A group of rows is a file and a name in [`GROUPS`]. The output is Markdown, for `docs/performance.md`.

mod calls; // how many calls the backend gets
mod cold; // a read that nothing is held of, against the bare call
mod expiry; // reads while a value expires
mod hot; // reads from memory
mod measure; // contenders in turn
mod memory; // what a held secret takes
mod outage; // reads while the backend is away
mod rivals; // the clients to compare with, and where they read from

use std::{env, process::ExitCode};

/// A name, and what it measures and prints.
type Group = (&'static str, fn());

const GROUPS: &[Group] = &[
    ("hot", hot::run),
    ("cold", cold::run),
    ("calls", calls::run),
    ("expiry", expiry::run),
    ("outage", outage::run),
    ("memory", memory::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !GROUPS.iter().any(|(group, _)| group == name)) {
        let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
        eprintln!("there is no group {unknown:?}; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|group| group == name) {
            println!("\n### {name}\n");
            run();
        }
    }
    ExitCode::SUCCESS
}
