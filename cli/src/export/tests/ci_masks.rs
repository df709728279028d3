//! What is shown in a log is masked by its encodings: each format's way to write a value has to be one of them.

use clap::ValueEnum;
use proptest::prelude::*;

use super::{super::Format, secret, texts, written};
use crate::encodings::{Added, Encodings, MIN_LENGTH};

#[test]
fn each_format_writes_a_value_in_a_form_that_is_looked_for() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) };
    // The lines of a longer one are looked for by themselves.
    let lines = texts().prop_map(|text| text.replace(['\r', '\n'], "-"));
    proptest!(config, |(value in lines)| {
        let length = value.trim_ascii().len();
        prop_assume!(length >= MIN_LENGTH);
        let mut encodings = Encodings::default();
        prop_assert_eq!(encodings.add(&secret(&value)), Added::Complete);
        for format in Format::value_variants() {
            let Some(out) = written(*format, &[&value]) else { continue };
            let is_in = |encoding: &[u8]| encoding.len() >= length && out.windows(encoding.len()).any(|part| part == encoding);
            prop_assert!(encodings.iter().any(is_in), "{:?}: {}", format, String::from_utf8_lossy(&out));
        }
    });
}
