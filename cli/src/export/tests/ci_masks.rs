//! CI masks cover what each format writes: the encodings of a value include it.

use clap::ValueEnum;
use proptest::prelude::*;

use super::{super::Format, secret, texts, written};
use crate::encodings::{Added, Encodings, MIN_LENGTH};

#[test]
fn what_each_format_writes_is_covered_by_an_encoding() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) };
    // A value of several lines is masked line by line, so one line is enough here.
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
