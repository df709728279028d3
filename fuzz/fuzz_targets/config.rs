//! Config files: any text is read or refused with a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| s1crets::fuzzing::config(text));
