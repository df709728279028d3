//! A proxy in front of a server that records requests and injects faults.
//!
//! The proxy reads a request whole and records it. The request waits while the test [holds](Hold)
//! the proxy. Then the first scripted fault that matches is applied, or the request is forwarded.

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
