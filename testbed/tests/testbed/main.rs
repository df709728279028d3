//! The testbed's own tests: what other tests rest on must itself be known to hold.
//!
//! - `support`: a raw client and an upstream that echoes
//! - `faults`: each fault, as a client sees it
//! - `recording`: counts, recorded requests and held ones
//! - `servers`: moto, its end with its owner, seeding it, and the metadata service

mod faults;
mod recording;
mod servers;
mod support;
