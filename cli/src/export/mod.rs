//! Output formats of `export`: variables for shells, service managers, CI systems and programs.
//!
//! [`Format`] holds a table with one row per format: which names it accepts ([`name_rules`]), which
//! values it can represent ([`value_rules`]), and how it writes them.
//!
//! # Invariants
//!
//! - A reader gets each value exactly as it is, or nothing. A name or value that the format can't
//!   represent is refused before a byte is written.
//! - A value can't leave its quotes: no reader executes, expands or splits it.
//! - [`encodings`](crate::encodings) covers what each format writes for a value, so that CI masks
//!   and `run --redact` find it.
//!
//! The tests read each format back: with real shells and parsers, or by the documented rules.

mod ci;
mod docker;
mod dotenv;
mod format;
mod json_yaml;
mod name_rules;
mod shell;
mod systemd;
#[cfg(test)]
mod tests;
mod value_rules;

pub(crate) use format::{Document, Entry, Format};
pub(crate) use shell::posix_quote;
