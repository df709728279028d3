#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::reference(text));
