//! Starts the real servers that the tests of `s1crets` talk to, and the one that breaks them.
//!
//! - [`Moto`] is AWS: a real server process, started on a free port and gone with its owner.
//! - [`OpenBao`] is Vault: a real server too, in memory or as in production, with TLS by an [`Authority`].
//! - [`FaultProxy`] stands before it: it counts calls, and delays, drops or spoils the chosen ones.
//! - [`FakeImds`] is the instance metadata service, which moto does not play well enough.
//! - [`Stub`] answers as a test says, for what no real server does on demand; [`JwtIssuer`] signs.
//! - [`Tunnel`] is a proxy for connections with TLS; [`TlsFront`] speaks TLS for a server that doesn't.
//! - [`AwsSeed`] plants what a test reads, without the SDK that is under test.
//! - [`python`] keeps the virtual environment that both live in.
//!
//! Everything listens on the loopback interface alone. A server that can't be started makes the
//! test panic with what to do about it: a testbed has nobody to hand an error to.

mod authority;
mod aws;
mod client;
mod http;
mod imds;
mod jwt;
mod moto;
mod openbao;
mod proxy;
pub mod python;
mod server;
mod stub;
mod tls_front;
mod tunnel;

pub use authority::Authority;
pub use aws::{AwsSeed, SeedError, unique};
pub use http::Request;
pub use imds::FakeImds;
pub use jwt::JwtIssuer;
pub use moto::{MOTO_VARIABLE, Moto};
pub use openbao::OpenBao;
pub use proxy::{Exchange, Fault, FaultProxy, Hold, Scripted, UsualError};
pub use stub::{Answer, Stub};
pub use tls_front::TlsFront;
pub use tunnel::Tunnel;
