//! The library from outside, against real servers: one binary, so that all tests share one moto.
//!
//! A test is named after what could go wrong. It uses names of its own, counts calls at a proxy of its own, and waits
//! for conditions, never for a while.
#![allow(clippy::unwrap_used)]

mod conformance; // the contract of `Provider`, held by every provider, bare and behind the cache
mod counts; // how many calls AWS gets: what a bill and a rate limit notice

mod support; // providers on moto through a fault proxy, and little assertions
