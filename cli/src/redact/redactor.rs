//! Streaming redactor: replaces every match in a stream by `***`, however the stream is cut.
//!
//! # Invariants
//!
//! - No byte of a match is written. Matches that overlap form one run, with one mark for it.
//! - The output does not depend on how the input is cut into pieces.
//! - Only a partial match at the end of the input is held back: less than [`MAX_PATTERN_LENGTH`]
//!   bytes. So a prompt without a newline appears at once.
//! - Held bytes wait for more input or for the end, however long the stream pauses. Otherwise a
//!   program could print a value with a pause in it.
//!
//! [`MAX_PATTERN_LENGTH`]: super::matcher::MAX_PATTERN_LENGTH

use std::sync::Arc;

use super::matcher::{Match, Matcher};
use crate::wiping_buf::WipingBuf;

/// Written in place of a run of matches.
const MARK: &[u8] = b"***";

/// Redacts one stream. Bytes that it has decided on or still holds back are wiped.
pub(crate) struct Redactor {
    matcher: Arc<Matcher>,
    /// Input that may be the beginning of a match.
    held: WipingBuf,
    /// How many bytes of `held`, from its beginning, belong to a run whose mark is written already.
    covered: usize,
}

impl Redactor {
    pub(crate) fn new(matcher: Arc<Matcher>) -> Self {
        Self { matcher, held: WipingBuf::default(), covered: 0 }
    }

    /// Takes the next piece of input and appends all decided output to `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.held.extend(piece);
        self.advance(false, out);
    }

    /// Ends the input and appends the rest of the output to `out`.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.advance(true, out);
    }

    fn advance(&mut self, at_end: bool, out: &mut Vec<u8>) {
        let mut cursor = Cursor { written: self.covered, covered: self.covered };
        let mut next = 0;
        let decided = loop {
            next = self.matcher.next_candidate(&self.held, next);
            if next >= self.held.len() {
                break self.held.len();
            }
            match self.matcher.match_at(&self.held[next..]) {
                Match::Partial(_) if !at_end => break next,
                Match::Partial(length) | Match::Full(length) if length > 0 => {
                    cursor.redact(&self.held, next, next + length, out);
                }
                _ => {}
            }
            next += 1;
        };
        cursor.copy_until(&self.held, decided, out);
        self.covered = cursor.covered.saturating_sub(decided);
        self.held.remove_front(decided);
    }
}

/// How far the output has come within the held bytes.
struct Cursor {
    /// All bytes before this position are in the output, as they are or as a mark.
    written: usize,
    /// The end of the last run of matches.
    covered: usize,
}

impl Cursor {
    /// Covers a match. Matches come in the order of their beginnings.
    fn redact(&mut self, text: &[u8], begin: usize, end: usize, out: &mut Vec<u8>) {
        if begin >= self.covered {
            self.copy_until(text, begin, out);
            out.extend_from_slice(MARK);
        }
        self.covered = self.covered.max(end);
        self.written = self.covered;
    }

    fn copy_until(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) {
        if end > self.written {
            out.extend_from_slice(&text[self.written..end]);
            self.written = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        encodings::MIN_LENGTH,
        redact::matcher::{MAX_PATTERN_LENGTH, counted},
    };

    fn matcher_of(patterns: &[impl AsRef<[u8]>]) -> Arc<Matcher> {
        with_max_length(patterns, MAX_PATTERN_LENGTH)
    }

    fn with_max_length(patterns: &[impl AsRef<[u8]>], max_length: usize) -> Arc<Matcher> {
        Arc::new(Matcher::with_max_length(patterns.iter().map(AsRef::as_ref), max_length))
    }

    /// The output for each piece, then the rest at the end.
    fn redact_pieces<'a>(matcher: &Arc<Matcher>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut redactor = Redactor::new(matcher.clone());
        let mut outputs: Vec<_> = pieces
            .into_iter()
            .map(|piece| {
                let mut out = Vec::new();
                redactor.push(piece, &mut out);
                out
            })
            .collect();
        let mut last = Vec::new();
        redactor.finish(&mut last);
        outputs.push(last);
        outputs.into_iter().map(|out| String::from_utf8(out).expect("text")).collect()
    }

    fn redact(matcher: &Arc<Matcher>, text: &str) -> String {
        redact_pieces(matcher, [text.as_bytes()]).concat()
    }

    #[test]
    fn overlapping_matches_are_redacted_as_one_run() {
        let matcher = matcher_of(&["abcd", "cdef", "abcdefgh", "wxyz"]);
        for (text, shown) in [
            ("", ""),
            ("abc", "abc"),
            ("-abcd-", "-***-"),
            ("abcdef", "***"),
            ("abcdefg", "***g"),
            ("abcdefgh", "***"),
            ("abcdabcd", "******"),
            ("abcdwxyz", "******"),
            ("ababcd", "ab***"),
            ("wxywxyz", "wxy***"),
        ] {
            assert_eq!(redact(&matcher, text), shown, "{text}");
        }
    }

    #[test]
    fn a_prompt_is_written_at_once_and_a_partial_match_is_held_back() {
        let matcher = matcher_of(&["secret", "secretly"]);
        let pieces = ["Password: ", "sec", "ret", "l", "!", "s"].map(str::as_bytes);
        assert_eq!(redact_pieces(&matcher, pieces), ["Password: ", "", "", "", "***l!", "", "s"]);
        let matcher = matcher_of(&["secret"]);
        assert_eq!(redact_pieces(&matcher, ["a secret".as_bytes()]), ["a ***", ""]);
        assert_eq!(redact_pieces(&matcher, ["a secre".as_bytes(), b" "]), ["a ", "secre ", ""]);
    }

    #[test]
    fn without_patterns_everything_passes() {
        assert_eq!(redact_pieces(&matcher_of(&[""; 0]), ["a".as_bytes(), b"bcdefg"]), ["a", "bcdefg", ""]);
    }

    /// The hazard: the whole secret is compared at every position of a text that consists of it.
    #[test]
    fn a_periodic_secret_takes_bounded_work_per_byte() {
        let secrets = |unit: &str| [64, 1, 4].map(|kib| unit.as_bytes().repeat(kib * 1024 / unit.len()));
        for unit in ["a", "ab", "abcabcabd", &"ab".repeat(300)] {
            let matcher = matcher_of(&secrets(unit));
            let text = unit.repeat((200 << 10) / unit.len());
            for piece in [usize::MAX, 4096, 1] {
                counted::take();
                let shown = redact_pieces(&matcher, text.as_bytes().chunks(piece.min(text.len()))).concat();
                let steps = counted::take() / text.len();
                assert!(
                    shown.len() < 2 * MAX_PATTERN_LENGTH && shown.starts_with("***"),
                    "{unit}: {} bytes",
                    shown.len()
                );
                assert!(steps <= 20 * MAX_PATTERN_LENGTH, "{unit}, pieces of {piece}: {steps} bytes compared per byte");
            }
        }
    }

    #[test]
    fn secrets_with_a_long_common_prefix_take_bounded_work_per_byte() {
        let long: Vec<_> = (0..500).map(|index| format!("{}{index:03}", "key/".repeat(4096))).collect();
        let nested: Vec<_> = (4..1000).map(|length| "a".repeat(length)).collect();
        let (matcher, text) =
            (matcher_of(&[long, nested].concat()), "key/".repeat(20_000) + &"aaaaaaaaaab".repeat(5_000));
        counted::take();
        let shown = redact(&matcher, &text);
        let steps = counted::take() / text.len();
        assert!(steps <= 20 * MAX_PATTERN_LENGTH, "{steps} bytes compared per byte");
        assert!(!shown.contains("aaaa"), "the short ones are found");
    }

    /// Otherwise every write would copy all of what is held.
    #[test]
    fn less_than_one_pattern_of_a_long_secret_is_held_back() {
        let secret: String = (0..20_000).map(|index| format!("{index:x}.")).collect();
        let mut redactor = Redactor::new(matcher_of(&[&secret]));
        let mut out = Vec::new();
        for byte in secret.as_bytes() {
            redactor.push(&[*byte], &mut out);
            assert!(redactor.held.len() < MAX_PATTERN_LENGTH, "{} bytes are held", redactor.held.len());
        }
        redactor.finish(&mut out);
        assert_eq!(out, MARK);
    }

    #[test]
    fn a_long_secret_with_whitespace_is_redacted_and_whitespace_alone_is_not() {
        let secret = format!("{{{}\"key\":{}\"value\"{}true}}", " ".repeat(1000), "\n".repeat(600), "\n  ".repeat(300));
        let matcher = matcher_of(&[&secret]);
        let shown = redact(&matcher, &secret);
        assert!(!shown.contains(['{', 'k', ':', 'v', '}']), "{shown}");
        let blanks = format!("{}\n{}.", " ".repeat(2000), "\n".repeat(2000));
        assert_eq!(redact(&matcher, &blanks), blanks);
        assert_eq!(redact_pieces(&matcher, ["line\n".as_bytes()]), ["line\n", ""]);
    }

    /// Patterns and texts of few letters, so that matches are frequent, overlap and nest.
    fn small() -> impl Strategy<Value = (Vec<String>, String)> {
        let patterns = proptest::collection::vec("[ab*]{1,9}", 0..6);
        (patterns, "[ab*c]{0,60}")
    }

    /// Redacts by looking for each pattern at each position.
    fn naive(patterns: &[String], text: &str) -> String {
        let patterns = patterns.iter().filter(|pattern| pattern.len() >= MIN_LENGTH);
        let mut found: Vec<_> = patterns
            .flat_map(|pattern| {
                let positions = 0..text.len().saturating_sub(pattern.len() - 1);
                positions.filter(|at| text[*at..].starts_with(pattern.as_str())).map(|at| (at, at + pattern.len()))
            })
            .collect();
        found.sort_unstable();
        let (mut shown, mut end) = (String::new(), 0);
        for (from, to) in found {
            if from >= end {
                shown += &text[end..from];
                shown += "***";
            }
            end = end.max(to);
        }
        shown + &text[end..]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_output_is_that_of_a_naive_search((patterns, text) in small()) {
            let matcher = matcher_of(&patterns);
            prop_assert_eq!(redact(&matcher, &text), naive(&patterns, &text));
        }

        #[test]
        fn the_output_does_not_depend_on_where_the_stream_is_cut((patterns, text) in small()) {
            let matcher = matcher_of(&patterns);
            let shown = redact(&matcher, &text);
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                prop_assert_eq!(&redact_pieces(&matcher, [left, right]).concat(), &shown);
            }
            prop_assert_eq!(&redact_pieces(&matcher, text.as_bytes().chunks(1)).concat(), &shown);
            prop_assert_eq!(&redact_pieces(&matcher, text.as_bytes().chunks(7)).concat(), &shown);
        }

        #[test]
        fn a_secret_split_into_patterns_is_hidden_like_a_whole_one(secret in "[ab]{8,40}", before in "[abc]{0,20}", after in "[abc]{0,20}") {
            let matcher = with_max_length(&[&secret], 8);
            let text = [before.as_str(), &secret, &after].concat();
            let left = naive(&[secret], &text);
            let shown = redact(&matcher, &text);
            prop_assert!(!shown.contains(&text[before.len()..text.len() - after.len()]), "{}", shown);
            prop_assert!(shown.replace("***", "").len() <= left.replace("***", "").len(), "{} for {}", shown, left);
            prop_assert_eq!(redact_pieces(&matcher, text.as_bytes().chunks(1)).concat(), shown);
        }

        #[test]
        fn no_pattern_is_left_in_the_output(patterns in proptest::collection::vec("[a-d]{4,9}", 1..8), text in "[a-d]{0,99}") {
            let matcher = matcher_of(&patterns);
            let shown = redact(&matcher, &text);
            prop_assert!(!patterns.iter().any(|pattern| shown.contains(pattern.as_str())), "{}", shown);
        }

        #[test]
        fn only_partial_matches_are_held_back((patterns, text) in small()) {
            let matcher = matcher_of(&patterns);
            let mut redactor = Redactor::new(matcher);
            redactor.push(text.as_bytes(), &mut Vec::new());
            let held = String::from_utf8(redactor.held.to_vec()).expect("text");
            let begins = |pattern: &String| pattern.len() > held.len() && pattern.starts_with(&held);
            prop_assert!(held.is_empty() || patterns.iter().any(begins), "{}", held);
        }
    }
}
