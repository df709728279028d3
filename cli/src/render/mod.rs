//! Renders Jinja templates that look up secrets, for `s1crets render`.
//!
//! # How secrets are read
//!
//! A template engine is synchronous, and which secrets a template needs is known only while it
//! runs. So a template is run repeatedly:
//!
//! 1. In a run, a look-up of a secret that isn't known yet is noted, and yields an empty text.
//! 2. All secrets noted are then read at once, in as few calls as the backends allow.
//! 3. The first run that has all it needs yields the output.
//!
//! Most templates take two runs. If a reference or a loop depends on a secret, they take more.

mod engine;
mod filters;
mod hints;
mod lookup;

pub(crate) use engine::{Template, on_deep_stack};
