//! What is looked for: which pattern begins at a place, and where none can.
//!
//! # Cost
//!
//! A place costs a bounded number of steps, whatever the values are. If the text goes on as a pattern does, for as long as
//! the pattern is, at one place after the other, then a search that compares at each place takes the length of the pattern
//! times that of the text: minutes for 100 MiB beside a value of 64 KiB that is one character repeated. Automata don't, but have a state
//! for every byte of every pattern. Here no pattern is longer than [`MAX_PATTERN_LENGTH`]: of a longer text, pieces of that length are
//! looked for. They overlap, so that the whole text is one run.

use std::{cmp::Ordering, collections::HashMap, fmt, ops::Range};

use zeroize::Zeroizing;

use crate::encodings::{Encodings, MIN_LENGTH};

/// The patterns, in the order of their bytes.
///
/// Most places are ruled out by one look into a small table, by their next four bytes: no pattern is shorter. That is
/// independent of the place before, which an automaton's next state is not, and of the length of the patterns, which the
/// size of an automaton is not. What the table lets through is looked up among those four bytes, and then compared.
pub(crate) struct Matcher {
    sorted: Vec<Zeroizing<Vec<u8>>>,
    /// For each, the longest other one that it begins with.
    next_shorter: Vec<Option<usize>>,
    by_prefix: HashMap<[u8; MIN_LENGTH], Range<usize>>,
    /// A bit for the hash of each prefix.
    small_table: Box<[u64; SMALL_TABLE_WORDS]>,
    /// The same for a longer hash: what it lets through is most often a prefix, however many there are.
    large_table: Box<[u64]>,
}

/// What begins at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// No pattern.
    None,
    /// A pattern of this length; none is longer.
    Full(usize),
    /// It depends on what comes next. If nothing does, it is a pattern of this length, or none if 0.
    Partial(usize),
}

/// The longest pattern. A comparison of so many bytes takes some ten nanoseconds; most private keys are a few pieces.
pub(super) const MAX_PATTERN_LENGTH: usize = 512;

/// 16 KiB: in the nearest cache, and nine of ten bits free with thousands of patterns.
const SMALL_TABLE_WORDS: usize = 1 << (SMALL_TABLE_BITS - 6);
const SMALL_TABLE_BITS: u32 = 17;

/// 128 KiB. It is asked for what the table lets through.
const LARGE_TABLE_BITS: u32 = 20;

/// How many places are looked at together, and how many bytes their prefixes take.
const POSITIONS: usize = 8;
const WINDOW: usize = POSITIONS + MIN_LENGTH - 1;

impl Matcher {
    pub(crate) fn new(encodings: &Encodings) -> Self {
        Self::with_max_length(encodings.iter(), MAX_PATTERN_LENGTH)
    }

    /// Matcher of no more than `longest` bytes for texts of any length; none for those shorter than [`MIN_LENGTH`].
    pub(super) fn with_max_length<'a>(texts: impl Iterator<Item = &'a [u8]>, longest: usize) -> Self {
        let pieces = texts.flat_map(|text| pieces(text, longest));
        let mut patterns: Vec<_> = pieces.filter(|piece| piece.len() >= MIN_LENGTH).collect();
        patterns.sort_unstable();
        patterns.dedup();
        let next_shorter = next_shorter(&patterns);
        let (mut by_prefix, mut small_table) = (HashMap::<_, Range<usize>>::new(), Box::new([0; SMALL_TABLE_WORDS]));
        let mut large_table = vec![0; 1 << (LARGE_TABLE_BITS - 6)].into_boxed_slice();
        for (index, pattern) in patterns.iter().enumerate() {
            let prefix = prefix(pattern).expect("no pattern is shorter than a prefix");
            by_prefix.entry(prefix).or_insert(index..index).end = index + 1;
            let (word, bit) = table_bit(prefix, SMALL_TABLE_BITS);
            small_table[word] |= 1 << bit;
            let (word, bit) = table_bit(prefix, LARGE_TABLE_BITS);
            large_table[word] |= 1 << bit;
        }
        let sorted = patterns.into_iter().map(|pattern| Zeroizing::new(pattern.to_vec())).collect();
        Self { sorted, next_shorter, by_prefix, small_table, large_table }
    }

    /// The first place from `from` on where a pattern may begin, or may go on beyond the end.
    pub(super) fn next_candidate(&self, text: &[u8], from: usize) -> usize {
        let whole = text.len().saturating_sub(MIN_LENGTH - 1).max(from);
        let mut at = from;
        // Several places are ruled out by one branch: none of them waits for the look at the one before.
        while let Some(piece) = text.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            if piece.windows(MIN_LENGTH).fold(0, |bits, prefix| bits | self.small_table_bit(prefix)) != 0
                && let Some(further) = self.first_known_prefix(piece)
            {
                return at + further;
            }
            at += POSITIONS;
        }
        self.first_known_prefix(text.get(at..).unwrap_or_default()).map_or(whole, |further| at + further)
    }

    /// The first place at which a pattern may begin.
    // Not inlined: the loop that rules out most places is slower with it.
    #[inline(never)]
    fn first_known_prefix(&self, text: &[u8]) -> Option<usize> {
        text.windows(MIN_LENGTH).position(|prefix| self.small_table_bit(prefix) != 0 && self.is_known_prefix(prefix))
    }

    /// The longest pattern that `text` begins with.
    pub(super) fn match_at(&self, text: &[u8]) -> Match {
        let range = match prefix(text) {
            Some(prefix) => match self.by_prefix.get(&prefix) {
                Some(range) => range.clone(),
                None => return Match::None,
            },
            None => 0..self.sorted.len(),
        };
        let after = range.start + self.sorted[range.clone()].partition_point(|pattern| compare(pattern, text).is_le());
        let longest = self.longest_match(text, range.start..after);
        match self.sorted.get(after).is_some_and(|next| common_length(next, text) == text.len()) {
            true => Match::Partial(longest),
            false if longest > 0 => Match::Full(longest),
            false => Match::None,
        }
    }

    /// The table's bit for a prefix.
    fn small_table_bit(&self, prefix: &[u8]) -> u64 {
        let (word, bit) = table_bit([prefix[0], prefix[1], prefix[2], prefix[3]], SMALL_TABLE_BITS);
        self.small_table[word] >> bit & 1
    }

    /// Whether it is a prefix, but for a few that are not.
    fn is_known_prefix(&self, prefix: &[u8]) -> bool {
        let (word, bit) = table_bit([prefix[0], prefix[1], prefix[2], prefix[3]], LARGE_TABLE_BITS);
        self.large_table[word] >> bit & 1 != 0
    }

    /// The longest of the patterns up to the last one of the range, which sorts right before `text`.
    fn longest_match(&self, text: &[u8], range: Range<usize>) -> usize {
        let mut next = if range.is_empty() { None } else { Some(range.end - 1) };
        // All that follow are beginnings of the first one: it is compared, and they by their length.
        let common_length = next.map_or(0, |last| common_length(&self.sorted[last], text));
        while let Some(index) = next {
            if self.sorted[index].len() <= common_length {
                return self.sorted[index].len();
            }
            next = self.next_shorter[index];
        }
        0
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").field("count", &self.sorted.len()).finish_non_exhaustive()
    }
}

fn prefix(text: &[u8]) -> Option<[u8; MIN_LENGTH]> {
    text.first_chunk().copied()
}

/// Where a table of so many bits has the bit of a prefix.
fn table_bit(prefix: [u8; MIN_LENGTH], bits: u32) -> (usize, u32) {
    // Multiplication by an odd number with well-mixed bits (Knuth's), of which the upper bits depend on all of the prefix.
    let hash = u32::from_le_bytes(prefix).wrapping_mul(0x9E37_79B1) >> (32 - bits);
    ((hash >> 6) as usize, hash & 63)
}

/// The pieces of a text, each of `longest` bytes, the last one at its end. They overlap. Blanks at the beginning of a piece
/// are left out, or output would wait at each of them. What is then shorter than a pattern may be is not looked for, as short
/// lines are not.
fn pieces(text: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
    let last = text.len().saturating_sub(longest);
    let begins = (0..last).step_by(longest - longest / 8).chain([last]);
    begins.map(move |begin| text[begin..text.len().min(begin + longest)].trim_ascii_start())
}

/// How a pattern sorts beside a text.
fn compare(pattern: &[u8], text: &[u8]) -> Ordering {
    count(pattern.len().min(text.len()));
    pattern.cmp(text)
}

/// With how many bytes both begin.
fn common_length(pattern: &[u8], text: &[u8]) -> usize {
    let length = pattern.len().min(text.len());
    count(length);
    match pattern[..length] == text[..length] {
        true => length,
        false => pattern.iter().zip(text).take_while(|(one, other)| one == other).count(),
    }
}

/// For each pattern the last one before it that it begins with: sorted, those come right before it, shortest first.
fn next_shorter(sorted: &[&[u8]]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let find = |(index, pattern): (usize, &&[u8])| {
        while open.last().is_some_and(|last| !pattern.starts_with(sorted[*last])) {
            open.pop();
        }
        let shorter = open.last().copied();
        open.push(index);
        shorter
    };
    sorted.iter().enumerate().map(find).collect()
}

#[cfg(not(test))]
fn count(_: usize) {}

#[cfg(test)]
use counted::count;

/// How much was compared, for tests that bound it.
#[cfg(test)]
pub(super) mod counted {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::redact) fn count(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    /// The bytes that were compared on this thread since the last call.
    pub(in crate::redact) fn take() -> usize {
        BYTES.take()
    }
}
