#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| s1crets::fuzzing::disk_record(bytes));
