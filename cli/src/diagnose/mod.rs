//! Checks behind `explain` and `doctor`. They see names, sizes and times, but never a value or the
//! keys of a JSON secret.

mod ci;
mod file_modes;
mod hints;
mod providers;

pub(crate) use ci::system as ci_system;
pub(crate) use file_modes::{Exposure, exposure};
pub(crate) use hints::hint;
pub(crate) use providers::{Connections, Instance, connections, instance, instances, set_variables};
