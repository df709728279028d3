//! What is shown in a log is masked by its forms: each format's way to write a value has to be one of them.

use clap::ValueEnum;
use proptest::prelude::*;

use super::{super::Format, secret, texts, written};
use crate::forms::{Added, Forms, SHORTEST};

#[test]
fn each_format_writes_a_value_in_a_form_that_is_looked_for() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) };
    // The lines of a longer one are looked for by themselves.
    let lines = texts().prop_map(|text| text.replace(['\r', '\n'], "-"));
    proptest!(config, |(value in lines)| {
        let length = value.trim_ascii().len();
        prop_assume!(length >= SHORTEST);
        let mut forms = Forms::default();
        prop_assert_eq!(forms.add(&secret(&value)), Added::Whole);
        for format in Format::value_variants() {
            let Some(out) = written(*format, &[&value]) else { continue };
            let is_in = |form: &[u8]| form.len() >= length && out.windows(form.len()).any(|part| part == form);
            prop_assert!(forms.iter().any(is_in), "{:?}: {}", format, String::from_utf8_lossy(&out));
        }
    });
}
