//! Fetcher files: any text is read or refused, and what was read round-trips.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::fetcher_file(text));
