//! Replaces values in a stream of bytes by `***`, for `run --redact`.

mod matcher;
mod redactor;

pub(crate) use matcher::Matcher;
pub(crate) use redactor::Redactor;
