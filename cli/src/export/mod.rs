//! Names with values, as others read them: shells, service managers, CI systems, programs.
//!
//! Each format is a line of one table: which names it has, which values it can say, and how it says them. What it can't
//! say is refused before a byte is written, so that a reader gets each value as it is or nothing at all.

mod ci;
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
pub(crate) use shell::quote;
