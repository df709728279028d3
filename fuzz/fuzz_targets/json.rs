//! JSON: what our parser accepts, serde_json accepts too, with the same meaning.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::json(text));
