//! What a read from the cache on disk takes: in a process, beside cacache's own sync read of the same bytes; and as a whole run
//! of the command, beside a program that does nothing.
//!
//! `cargo xtask bench disk`, which builds the command first and tells where it is.
#![allow(clippy::print_stdout, reason = "it prints figures")]

#[cfg(unix)]
mod figures;

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    figures::print()
}

#[cfg(not(unix))]
fn main() {
    println!("there is no cache on disk here");
}
