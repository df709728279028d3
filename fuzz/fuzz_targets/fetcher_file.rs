#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::fetcher_file(text));
