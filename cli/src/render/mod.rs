//! Templates with secrets in them.
//!
//! A template is run until it asks for nothing that was not read yet: what it asks for is noted and an empty text put in
//! its place, then all that was noted is read at once, in as few calls as the backends allow. Most templates take two runs,
//! one whose loops or references depend on secrets a few more.

mod engine;
mod filters;
mod lookup;

pub(crate) use engine::{Template, on_deep_stack};
