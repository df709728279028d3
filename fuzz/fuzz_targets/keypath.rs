//! Key paths: any steps into any document succeed or fail cleanly, and a planted value is found.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&str, Vec<&str>, &str)| {
    let (document, steps, value) = input;
    s1crets::fuzzing::keypath(document, &steps, value);
});
