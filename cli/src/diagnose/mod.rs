//! What `explain` and `doctor` find out. Names, sizes and times: never a value, and of a JSON secret not even its keys.

mod ci;
mod file_modes;
mod hints;
mod providers;

pub(crate) use ci::system as ci_system;
pub(crate) use file_modes::{Exposure, exposure};
pub(crate) use hints::hint;
pub(crate) use providers::{Connections, Instance, connections, instance, instances, set_variables};
