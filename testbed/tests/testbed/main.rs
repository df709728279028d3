//! Tests of the testbed itself, because all other tests rely on it.
//!
//! - `support`: a raw client and an upstream that echoes
//! - `faults`: each fault of the proxy, as a client sees it
//! - `recording`: how the proxy counts, records and holds requests
//! - `servers`: moto, how it stops, `AwsSeed`, and the metadata service

mod faults;
mod recording;
mod servers;
mod support;
