//! References: any text is parsed or refused, and what was parsed round-trips.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::reference(text));
