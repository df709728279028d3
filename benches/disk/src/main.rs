//! Times reads from the disk cache, compared with cacache's sync read of the same bytes. Also times
//! whole runs of the command, compared with a program that does nothing.
//!
//! Run it with `cargo xtask bench disk`, which builds the command first.
#![allow(clippy::print_stdout, reason = "it prints results")]

#[cfg(unix)]
mod measure;

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure::run()
}

#[cfg(not(unix))]
fn main() {
    println!("the disk cache needs Unix");
}
