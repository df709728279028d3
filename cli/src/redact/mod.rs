//! Values taken out of a stream of bytes, as it flows.

mod needles;
mod stream;

pub(crate) use needles::Needles;
pub(crate) use stream::Redactor;
