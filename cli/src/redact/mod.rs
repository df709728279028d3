//! Values taken out of a stream of bytes, as it flows.

mod matcher;
mod redactor;

pub(crate) use matcher::Matcher;
pub(crate) use redactor::Redactor;
