//! Real and fake servers for the tests and benches of `s1crets`.
//!
//! - [`Moto`] emulates AWS. It is a server process on a free port, and ends with its owner.
//! - [`OpenBao`] is a real Vault-compatible server, in memory or with Raft storage and TLS.
//! - [`BaoProxy`] is `bao proxy` in front of it, which adds a token of its own.
//! - [`FaultProxy`] forwards to a server, records requests, and injects faults into some of them.
//! - [`FakeImds`] is the EC2 instance metadata service. moto's lacks too much.
//! - [`Stub`] is an HTTP server that answers with a function of the test.
//! - [`Tunnel`] is a `CONNECT` proxy, and [`TlsFront`] adds TLS to a server without it.
//! - [`Authority`] issues TLS certificates, and [`JwtIssuer`] signs JWTs.
//! - [`AwsSeed`] stores values in moto, without the SDK that is under test.
//! - [`python`] manages the virtual environment that moto and OpenBao are installed in.
//!
//! Everything listens on the loopback interface only. If a server does not start, the test panics
//! with a message that says what to do.

mod authority;
mod aws;
mod bao_proxy;
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

pub use authority::{Authority, Validity, self_signed};
pub use aws::{AwsSeed, SeedError, unique};
pub use bao_proxy::BaoProxy;
pub use http::Request;
pub use imds::FakeImds;
pub use jwt::JwtIssuer;
pub use moto::{MOTO_VARIABLE, Moto};
pub use openbao::OpenBao;
pub use proxy::{Exchange, Fault, FaultProxy, Hold, Scripted, UsualError};
pub use stub::{Answer, Stub};
pub use tls_front::TlsFront;
pub use tunnel::Tunnel;
