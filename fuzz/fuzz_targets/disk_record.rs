//! Records of the disk cache: any bytes are read or refused, and what was read round-trips.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| s1crets::fuzzing::disk_record(bytes));
