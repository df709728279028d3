//! Starts the real servers that the tests of `s1crets` talk to, and the one that breaks them.
//!
//! - [`Moto`] is AWS: a real server process, started on a free port and gone with its owner.
//! - [`FaultProxy`] stands before it: it counts calls, and delays, drops or spoils the chosen ones.
//! - [`FakeImds`] is the instance metadata service, which moto does not play well enough.
//! - [`AwsSeed`] plants what a test reads, without the SDK that is under test.
//! - [`python`] keeps the virtual environment that moto lives in.
//!
//! Everything listens on the loopback interface alone. A server that can't be started makes the
//! test panic with what to do about it: a testbed has nobody to hand an error to.

mod aws;
mod client;
mod http;
mod imds;
mod moto;
mod proxy;
pub mod python;
mod server;

pub use aws::{AwsSeed, SeedError, unique};
pub use http::Request;
pub use imds::FakeImds;
pub use moto::{MOTO_VARIABLE, Moto};
pub use proxy::{Fault, FaultProxy, Hold, Scripted, UsualError};
