//! Redaction: the output contains no encoding of a value, and doesn't depend on how the input is cut.
#![no_main]

#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../cli/src/encodings/mod.rs"]
mod encodings;
#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../cli/src/quoting.rs"]
mod quoting;
#[path = "../../cli/src/redact/mod.rs"]
mod redact;
#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../cli/src/wiping_buf.rs"]
mod wiping_buf;

use std::sync::Arc;

use s1crets::{Metadata, Secret};

use encodings::Encodings;
use redact::{Matcher, Redactor};

libfuzzer_sys::fuzz_target!(|input: (Vec<&[u8]>, Vec<&[u8]>)| {
    let (values, pieces) = input;
    let mut encodings = Encodings::default();
    for value in values {
        let _ = encodings.add(&Secret::binary(value, Metadata::default()));
        if let Ok(text) = std::str::from_utf8(value) {
            let _ = encodings.add(&Secret::text(text, Metadata::default()));
        }
    }
    let matcher = Arc::new(Matcher::new(&encodings));
    let whole = pieces.concat();
    let shown = redact(&matcher, &[&whole]);
    assert_eq!(redact(&matcher, &pieces), shown, "the output depends on the cuts");
    // An encoding with an asterisk is left out: a mark and the text next to it may form it.
    for encoding in encodings.iter().filter(|encoding| !encoding.contains(&b'*')) {
        assert!(!shown.windows(encoding.len()).any(|part| part == encoding), "{encoding:?} is left");
    }
});

fn redact(matcher: &Arc<Matcher>, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut redactor, mut out) = (Redactor::new(matcher.clone()), Vec::new());
    pieces.iter().for_each(|piece| redactor.push(piece, &mut out));
    redactor.finish(&mut out);
    out
}
