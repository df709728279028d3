//! The fault proxy: stands before a server, counts what passes, and spoils what a test chooses.
//!
//! A request takes this way: it is read whole and recorded, waits while the test [holds](Hold)
//! the proxy, and then meets the first scripted fault that fits it, or is forwarded.

mod error_reply;
mod fault;
mod forward;
mod gate;
mod log;
mod script;
mod serve;

pub use fault::{Fault, UsualError};
pub use gate::Hold;
pub use log::Exchange;
pub use script::Scripted;
pub use serve::FaultProxy;
