//! The stream: what may be shown now, and what has to wait.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::matcher::{Match, Matcher};

/// What stands in the place of a value.
const MARK: &[u8] = b"***";

/// Takes values out of a stream, however it is cut into pieces.
///
/// Every byte that is part of a pattern is taken out, those of patterns that overlap too; a mark stands for each run of
/// them. What may be the beginning of a pattern waits until that is decided: by the next bytes, or by the end. It is
/// never shown because the stream pauses; and nothing else waits, so that a prompt shows at once.
pub(crate) struct Redactor {
    matcher: Arc<Matcher>,
    /// What waits.
    held: Zeroizing<Vec<u8>>,
    /// How much of it is part of a run whose mark is out.
    covered: usize,
}

impl Redactor {
    pub(crate) fn new(matcher: Arc<Matcher>) -> Self {
        Self { matcher, held: Zeroizing::default(), covered: 0 }
    }

    /// Takes the next piece in, and adds what may be shown to `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(piece);
        self.flow(false, out);
    }

    /// Nothing follows: adds what waited to `out`.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.flow(true, out);
    }

    fn flow(&mut self, end: bool, out: &mut Vec<u8>) {
        let mut run = Run { shown: self.covered, covered: self.covered };
        let mut next = 0;
        let decided = loop {
            next = self.matcher.next_candidate(&self.held, next);
            if next >= self.held.len() {
                break self.held.len();
            }
            match self.matcher.match_at(&self.held[next..]) {
                Match::Partial(_) if !end => break next,
                Match::Partial(length) | Match::Full(length) if length > 0 => {
                    run.cover(&self.held, next, next + length, out);
                }
                _ => {}
            }
            next += 1;
        };
        run.show(&self.held, decided, out);
        self.covered = run.covered.saturating_sub(decided);
        let rest = self.held.len() - decided;
        self.held.copy_within(decided.., 0);
        self.held.truncate(rest);
    }
}

/// The run of taken bytes that was found last.
struct Run {
    /// Up to here all is out: shown, or marked.
    shown: usize,
    covered: usize,
}

impl Run {
    fn cover(&mut self, text: &[u8], begin: usize, end: usize, out: &mut Vec<u8>) {
        if begin >= self.covered {
            self.show(text, begin, out);
            out.extend_from_slice(MARK);
        }
        self.covered = self.covered.max(end);
        self.shown = self.covered;
    }

    fn show(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) {
        if end > self.shown {
            out.extend_from_slice(&text[self.shown..end]);
            self.shown = end;
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

    fn patterns(patterns: &[impl AsRef<[u8]>]) -> Arc<Matcher> {
        with_max_length(patterns, MAX_PATTERN_LENGTH)
    }

    fn with_max_length(patterns: &[impl AsRef<[u8]>], longest: usize) -> Arc<Matcher> {
        Arc::new(Matcher::with_max_length(patterns.iter().map(AsRef::as_ref), longest))
    }

    /// What comes out of these pieces, piece by piece.
    fn flow<'a>(patterns: &Arc<Matcher>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut redactor = Redactor::new(patterns.clone());
        let mut flown: Vec<_> = pieces
            .into_iter()
            .map(|piece| {
                let mut out = Vec::new();
                redactor.push(piece, &mut out);
                out
            })
            .collect();
        let mut last = Vec::new();
        redactor.finish(&mut last);
        flown.push(last);
        flown.into_iter().map(|out| String::from_utf8(out).expect("text")).collect()
    }

    fn whole(patterns: &Arc<Matcher>, text: &str) -> String {
        flow(patterns, [text.as_bytes()]).concat()
    }

    #[test]
    fn all_of_every_value_goes_where_they_overlap_too() {
        let found = patterns(&["abcd", "cdef", "abcdefgh", "wxyz"]);
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
            assert_eq!(whole(&found, text), shown, "{text}");
        }
    }

    #[test]
    fn a_prompt_shows_at_once_and_a_beginning_waits() {
        let found = patterns(&["secret", "secretly"]);
        let pieces = ["Password: ", "sec", "ret", "l", "!", "s"].map(str::as_bytes);
        assert_eq!(flow(&found, pieces), ["Password: ", "", "", "", "***l!", "", "s"]);
        let found = patterns(&["secret"]);
        assert_eq!(flow(&found, ["a secret".as_bytes()]), ["a ***", ""]);
        assert_eq!(flow(&found, ["a secre".as_bytes(), b" "]), ["a ", "secre ", ""]);
    }

    #[test]
    fn without_needles_all_flows() {
        assert_eq!(flow(&patterns(&[""; 0]), ["a".as_bytes(), b"bcdefg"]), ["a", "bcdefg", ""]);
    }

    /// The hazard: a comparison of the whole secret at every place. The more of a text is taken out, the more is compared.
    #[test]
    fn a_periodic_secret_costs_a_bounded_number_of_steps_at_each_place() {
        let secrets = |unit: &str| [64, 1, 4].map(|kib| unit.as_bytes().repeat(kib * 1024 / unit.len()));
        for unit in ["a", "ab", "abcabcabd", &"ab".repeat(300)] {
            let found = patterns(&secrets(unit));
            let text = unit.repeat((200 << 10) / unit.len());
            for piece in [usize::MAX, 4096, 1] {
                counted::take();
                let shown = flow(&found, text.as_bytes().chunks(piece.min(text.len()))).concat();
                let steps = counted::take() / text.len();
                assert!(
                    shown.len() < 2 * MAX_PATTERN_LENGTH && shown.starts_with("***"),
                    "{unit}: {} bytes",
                    shown.len()
                );
                assert!(
                    steps <= 20 * MAX_PATTERN_LENGTH,
                    "{unit}, pieces of {piece}: {steps} bytes compared at each place"
                );
            }
        }
    }

    #[test]
    fn secrets_with_a_long_common_beginning_cost_a_bounded_number_of_steps() {
        let secrets: Vec<_> = (0..500).map(|index| format!("{}{index:03}", "key/".repeat(4096))).collect();
        let nested: Vec<_> = (4..1000).map(|length| "a".repeat(length)).collect();
        let (found, text) =
            (patterns(&[secrets, nested].concat()), "key/".repeat(20_000) + &"aaaaaaaaaab".repeat(5_000));
        counted::take();
        let shown = whole(&found, &text);
        let steps = counted::take() / text.len();
        assert!(steps <= 20 * MAX_PATTERN_LENGTH, "{steps} bytes compared at each place");
        assert!(!shown.contains("aaaa"), "the short ones are found");
    }

    /// Nor does more wait than a pattern can be long, or be copied at each write.
    #[test]
    fn no_more_than_a_piece_of_a_long_secret_waits() {
        let secret: String = (0..20_000).map(|index| format!("{index:x}.")).collect();
        let mut redactor = Redactor::new(patterns(&[&secret]));
        let mut out = Vec::new();
        for byte in secret.as_bytes() {
            redactor.push(&[*byte], &mut out);
            assert!(redactor.held.len() < MAX_PATTERN_LENGTH, "{} bytes wait", redactor.held.len());
        }
        redactor.finish(&mut out);
        assert_eq!(out, MARK);
    }

    #[test]
    fn a_long_secret_with_blanks_in_it_is_taken_out_and_blanks_alone_are_not() {
        let secret = format!("{{{}\"key\":{}\"value\"{}true}}", " ".repeat(1000), "\n".repeat(600), "\n  ".repeat(300));
        let found = patterns(&[&secret]);
        let shown = whole(&found, &secret);
        assert!(!shown.contains(['{', 'k', ':', 'v', '}']), "{shown}");
        let blanks = format!("{}\n{}.", " ".repeat(2000), "\n".repeat(2000));
        assert_eq!(whole(&found, &blanks), blanks);
        assert_eq!(flow(&found, ["line\n".as_bytes()]), ["line\n", ""]);
    }

    /// Matcher and texts of few letters, so that they meet, overlap and hold each other.
    fn small() -> impl Strategy<Value = (Vec<String>, String)> {
        let patterns = proptest::collection::vec("[ab*]{1,9}", 0..6);
        (patterns, "[ab*c]{0,60}")
    }

    /// Every byte within an occurrence of a pattern, by looking at each place for each pattern.
    fn plainly(patterns: &[String], text: &str) -> String {
        let patterns = patterns.iter().filter(|pattern| pattern.len() >= MIN_LENGTH);
        let mut found: Vec<_> = patterns
            .flat_map(|pattern| {
                let places = 0..text.len().saturating_sub(pattern.len() - 1);
                places.filter(|at| text[*at..].starts_with(pattern.as_str())).map(|at| (at, at + pattern.len()))
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
        fn it_is_what_a_plain_look_at_every_place_gives((patterns, text) in small()) {
            let found = self::patterns(&patterns);
            prop_assert_eq!(whole(&found, &text), plainly(&patterns, &text));
        }

        #[test]
        fn a_cut_at_every_place_changes_nothing((patterns, text) in small()) {
            let found = self::patterns(&patterns);
            let shown = whole(&found, &text);
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                prop_assert_eq!(&flow(&found, [left, right]).concat(), &shown);
            }
            prop_assert_eq!(&flow(&found, text.as_bytes().chunks(1)).concat(), &shown);
            prop_assert_eq!(&flow(&found, text.as_bytes().chunks(7)).concat(), &shown);
        }

        /// Secrets that are looked for in pieces are hidden where they would be as a whole.
        #[test]
        fn pieces_hide_all_that_the_whole_would(secret in "[ab]{8,40}", before in "[abc]{0,20}", after in "[abc]{0,20}") {
            let found = with_max_length(&[&secret], 8);
            let text = [before.as_str(), &secret, &after].concat();
            // What the other does not hide comes before and after what it hides, in this order.
            let left = plainly(&[secret], &text);
            let shown = whole(&found, &text);
            prop_assert!(!shown.contains(&text[before.len()..text.len() - after.len()]), "{}", shown);
            prop_assert!(shown.replace("***", "").len() <= left.replace("***", "").len(), "{} for {}", shown, left);
            prop_assert_eq!(flow(&found, text.as_bytes().chunks(1)).concat(), shown);
        }

        #[test]
        fn no_needle_is_left(patterns in proptest::collection::vec("[a-d]{4,9}", 1..8), text in "[a-d]{0,99}") {
            let found = self::patterns(&patterns);
            let shown = whole(&found, &text);
            prop_assert!(!patterns.iter().any(|pattern| shown.contains(pattern.as_str())), "{}", shown);
        }

        /// What waits is no more than what may be a beginning.
        #[test]
        fn only_beginnings_wait((patterns, text) in small()) {
            let found = self::patterns(&patterns);
            let mut redactor = Redactor::new(found);
            redactor.push(text.as_bytes(), &mut Vec::new());
            let held = String::from_utf8(redactor.held.to_vec()).expect("text");
            let begins = |pattern: &String| pattern.len() > held.len() && pattern.starts_with(&held);
            prop_assert!(held.is_empty() || patterns.iter().any(begins), "{}", held);
        }
    }
}
