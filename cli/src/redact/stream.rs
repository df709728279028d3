//! The stream: what may be shown now, and what has to wait.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::needles::{Found, Needles};

/// What stands in the place of a value.
const MARK: &[u8] = b"***";

/// Takes values out of a stream, however it is cut into pieces.
///
/// Every byte that is part of a needle is taken out, those of needles that overlap too; a mark stands for each run of
/// them. What may be the beginning of a needle waits until that is decided: by the next bytes, or by the end. It is
/// never shown because the stream pauses; and nothing else waits, so that a prompt shows at once.
pub(crate) struct Redactor {
    needles: Arc<Needles>,
    /// What waits.
    held: Zeroizing<Vec<u8>>,
    /// How much of it is part of a run whose mark is out.
    covered: usize,
}

impl Redactor {
    pub(crate) fn new(needles: Arc<Needles>) -> Self {
        Self { needles, held: Zeroizing::default(), covered: 0 }
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
            next = self.needles.candidate(&self.held, next);
            if next >= self.held.len() {
                break self.held.len();
            }
            match self.needles.at(&self.held[next..]) {
                Found::Open(_) if !end => break next,
                Found::Open(length) | Found::Needle(length) if length > 0 => {
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
        redact::needles::{LONGEST, counted},
    };

    fn needles(needles: &[impl AsRef<[u8]>]) -> Arc<Needles> {
        in_pieces(needles, LONGEST)
    }

    fn in_pieces(needles: &[impl AsRef<[u8]>], longest: usize) -> Arc<Needles> {
        Arc::new(Needles::in_pieces(needles.iter().map(AsRef::as_ref), longest))
    }

    /// What comes out of these pieces, piece by piece.
    fn flow<'a>(needles: &Arc<Needles>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut redactor = Redactor::new(needles.clone());
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

    fn whole(needles: &Arc<Needles>, text: &str) -> String {
        flow(needles, [text.as_bytes()]).concat()
    }

    #[test]
    fn all_of_every_value_goes_where_they_overlap_too() {
        let found = needles(&["abcd", "cdef", "abcdefgh", "wxyz"]);
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
        let found = needles(&["secret", "secretly"]);
        let pieces = ["Password: ", "sec", "ret", "l", "!", "s"].map(str::as_bytes);
        assert_eq!(flow(&found, pieces), ["Password: ", "", "", "", "***l!", "", "s"]);
        let found = needles(&["secret"]);
        assert_eq!(flow(&found, ["a secret".as_bytes()]), ["a ***", ""]);
        assert_eq!(flow(&found, ["a secre".as_bytes(), b" "]), ["a ", "secre ", ""]);
    }

    #[test]
    fn without_needles_all_flows() {
        assert_eq!(flow(&needles(&[""; 0]), ["a".as_bytes(), b"bcdefg"]), ["a", "bcdefg", ""]);
    }

    /// The hazard: a comparison of the whole secret at every place. The more of a text is taken out, the more is compared.
    #[test]
    fn a_periodic_secret_costs_a_bounded_number_of_steps_at_each_place() {
        let secrets = |unit: &str| [64, 1, 4].map(|kib| unit.as_bytes().repeat(kib * 1024 / unit.len()));
        for unit in ["a", "ab", "abcabcabd", &"ab".repeat(300)] {
            let found = needles(&secrets(unit));
            let text = unit.repeat((200 << 10) / unit.len());
            for piece in [usize::MAX, 4096, 1] {
                counted::taken();
                let shown = flow(&found, text.as_bytes().chunks(piece.min(text.len()))).concat();
                let steps = counted::taken() / text.len();
                assert!(shown.len() < 2 * LONGEST && shown.starts_with("***"), "{unit}: {} bytes", shown.len());
                assert!(steps <= 20 * LONGEST, "{unit}, pieces of {piece}: {steps} bytes compared at each place");
            }
        }
    }

    #[test]
    fn secrets_with_a_long_common_beginning_cost_a_bounded_number_of_steps() {
        let secrets: Vec<_> = (0..500).map(|index| format!("{}{index:03}", "key/".repeat(4096))).collect();
        let nested: Vec<_> = (4..1000).map(|length| "a".repeat(length)).collect();
        let (found, text) =
            (needles(&[secrets, nested].concat()), "key/".repeat(20_000) + &"aaaaaaaaaab".repeat(5_000));
        counted::taken();
        let shown = whole(&found, &text);
        let steps = counted::taken() / text.len();
        assert!(steps <= 20 * LONGEST, "{steps} bytes compared at each place");
        assert!(!shown.contains("aaaa"), "the short ones are found");
    }

    /// Nor does more wait than a needle can be long, or be copied at each write.
    #[test]
    fn no_more_than_a_piece_of_a_long_secret_waits() {
        let secret: String = (0..20_000).map(|index| format!("{index:x}.")).collect();
        let mut redactor = Redactor::new(needles(&[&secret]));
        let mut out = Vec::new();
        for byte in secret.as_bytes() {
            redactor.push(&[*byte], &mut out);
            assert!(redactor.held.len() < LONGEST, "{} bytes wait", redactor.held.len());
        }
        redactor.finish(&mut out);
        assert_eq!(out, MARK);
    }

    #[test]
    fn a_long_secret_with_blanks_in_it_is_taken_out_and_blanks_alone_are_not() {
        let secret = format!("{{{}\"key\":{}\"value\"{}true}}", " ".repeat(1000), "\n".repeat(600), "\n  ".repeat(300));
        let found = needles(&[&secret]);
        let shown = whole(&found, &secret);
        assert!(!shown.contains(['{', 'k', ':', 'v', '}']), "{shown}");
        let blanks = format!("{}\n{}.", " ".repeat(2000), "\n".repeat(2000));
        assert_eq!(whole(&found, &blanks), blanks);
        assert_eq!(flow(&found, ["line\n".as_bytes()]), ["line\n", ""]);
    }

    /// Needles and texts of few letters, so that they meet, overlap and hold each other.
    fn small() -> impl Strategy<Value = (Vec<String>, String)> {
        let needles = proptest::collection::vec("[ab*]{1,9}", 0..6);
        (needles, "[ab*c]{0,60}")
    }

    /// Every byte within an occurrence of a needle, by looking at each place for each needle.
    fn plainly(needles: &[String], text: &str) -> String {
        let needles = needles.iter().filter(|needle| needle.len() >= MIN_LENGTH);
        let mut found: Vec<_> = needles
            .flat_map(|needle| {
                let places = 0..text.len().saturating_sub(needle.len() - 1);
                places.filter(|at| text[*at..].starts_with(needle.as_str())).map(|at| (at, at + needle.len()))
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
        fn it_is_what_a_plain_look_at_every_place_gives((needles, text) in small()) {
            let found = self::needles(&needles);
            prop_assert_eq!(whole(&found, &text), plainly(&needles, &text));
        }

        #[test]
        fn a_cut_at_every_place_changes_nothing((needles, text) in small()) {
            let found = self::needles(&needles);
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
            let found = in_pieces(&[&secret], 8);
            let text = [before.as_str(), &secret, &after].concat();
            // What the other does not hide comes before and after what it hides, in this order.
            let left = plainly(&[secret], &text);
            let shown = whole(&found, &text);
            prop_assert!(!shown.contains(&text[before.len()..text.len() - after.len()]), "{}", shown);
            prop_assert!(shown.replace("***", "").len() <= left.replace("***", "").len(), "{} for {}", shown, left);
            prop_assert_eq!(flow(&found, text.as_bytes().chunks(1)).concat(), shown);
        }

        #[test]
        fn no_needle_is_left(needles in proptest::collection::vec("[a-d]{4,9}", 1..8), text in "[a-d]{0,99}") {
            let found = self::needles(&needles);
            let shown = whole(&found, &text);
            prop_assert!(!needles.iter().any(|needle| shown.contains(needle.as_str())), "{}", shown);
        }

        /// What waits is no more than what may be a beginning.
        #[test]
        fn only_beginnings_wait((needles, text) in small()) {
            let found = self::needles(&needles);
            let mut redactor = Redactor::new(found);
            redactor.push(text.as_bytes(), &mut Vec::new());
            let held = String::from_utf8(redactor.held.to_vec()).expect("text");
            let begins = |needle: &String| needle.len() > held.len() && needle.starts_with(&held);
            prop_assert!(held.is_empty() || needles.iter().any(begins), "{}", held);
        }
    }
}
