//! Multi-pattern matcher: finds the encodings of all values in a text, with bounded work per byte.
//!
//! # How it works
//!
//! 1. [`Matcher::next_candidate`] looks for the next position whose four bytes begin some pattern.
//!    Two bitmaps of hashed prefixes rule out nearly every position.
//! 2. [`Matcher::match_at`] takes the range of patterns with those four bytes. A binary search in
//!    it finds the last pattern that sorts no later than the text.
//! 3. `next_shorter` leads from there to the longest pattern that the text begins with.
//!
//! # Invariants
//!
//! - Patterns are sorted and unique, so those that share a prefix are adjacent: one range holds
//!   them.
//! - Every pattern that a text begins with is a prefix of the last pattern that sorts no later than
//!   the text, or is that pattern itself. So the `next_shorter` links from that one reach all of
//!   them.
//! - The bitmaps have false positives, but no false negatives: every prefix has its bit in both.
//!
//! # Cost
//!
//! Work per position is bounded by `log(number of patterns) * MAX_PATTERN_LENGTH`, whatever the
//! values are. Without a bound on the length, a value of 64 KiB of one character would take minutes
//! in 100 MiB of that character: each position would be compared over the whole value. So a longer
//! encoding is split into overlapping patterns, and a match of the whole is one run of matches.
//!
//! An Aho-Corasick automaton has linear cost too, but a state for every byte of every pattern. Each
//! of its steps also waits for the one before. The bitmaps fit the cache, and positions are
//! independent of each other. `benches/redaction` compares the two.

use std::{cmp::Ordering, collections::HashMap, fmt, ops::Range};

use zeroize::Zeroizing;

use crate::encodings::{Encodings, MIN_LENGTH};

/// A set of patterns to search for, indexed by their first four bytes. Wiped when dropped.
pub(crate) struct Matcher {
    sorted: Vec<Zeroizing<Vec<u8>>>,
    /// For each pattern, the index of the longest other pattern that it begins with.
    next_shorter: Vec<Option<usize>>,
    /// The range in `sorted` of the patterns with this prefix.
    by_prefix: HashMap<[u8; MIN_LENGTH], Range<usize>>,
    /// Bitmap of hashed prefixes, small enough for the L1 cache. It is asked at every position.
    small_table: Box<[u64; SMALL_TABLE_WORDS]>,
    /// Bitmap of longer hashes, for positions that the small table lets through. With thousands of
    /// patterns most of those are no prefixes; this one still rules them out.
    large_table: Box<[u64]>,
}

/// The result of matching the patterns at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// No pattern begins here.
    None,
    /// A pattern of this length begins here, and no longer one does.
    Full(usize),
    /// The text ends within a pattern, so more bytes decide. If none follow, the longest pattern
    /// here has this length; 0 if there is none.
    Partial(usize),
}

/// The longest pattern, in bytes. To compare this many takes about ten nanoseconds, and most
/// private keys take only a few patterns.
pub(super) const MAX_PATTERN_LENGTH: usize = 512;

/// 16 KiB: fits the L1 cache, and nine of ten bits are 0 with thousands of patterns.
const SMALL_TABLE_WORDS: usize = 1 << (SMALL_TABLE_BITS - 6);
const SMALL_TABLE_BITS: u32 = 17;

/// 128 KiB.
const LARGE_TABLE_BITS: u32 = 20;

/// How many positions are checked at once, and how many bytes their prefixes cover.
const POSITIONS: usize = 8;
const WINDOW: usize = POSITIONS + MIN_LENGTH - 1;

impl Matcher {
    pub(crate) fn new(encodings: &Encodings) -> Self {
        Self::with_max_length(encodings.iter(), MAX_PATTERN_LENGTH)
    }

    /// Splits longer texts into patterns of `max_length` bytes. Drops those below [`MIN_LENGTH`].
    pub(super) fn with_max_length<'a>(texts: impl Iterator<Item = &'a [u8]>, max_length: usize) -> Self {
        let pieces = texts.flat_map(|text| pieces(text, max_length));
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

    /// The first position at or after `from` where a pattern may begin. The last three bytes of the
    /// text are too few to tell, so the result is at most their position.
    pub(super) fn next_candidate(&self, text: &[u8], from: usize) -> usize {
        let whole = text.len().saturating_sub(MIN_LENGTH - 1).max(from);
        let mut at = from;
        // One branch rules out several positions, and none of their lookups waits for another.
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

    /// The first position whose prefix is in both tables.
    // Not inlined: that would slow down the loop that rules out most positions.
    #[inline(never)]
    fn first_known_prefix(&self, text: &[u8]) -> Option<usize> {
        text.windows(MIN_LENGTH).position(|prefix| self.small_table_bit(prefix) != 0 && self.is_known_prefix(prefix))
    }

    /// Matches the patterns at the beginning of `text`.
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

    /// The small table's bit for a prefix.
    fn small_table_bit(&self, prefix: &[u8]) -> u64 {
        let (word, bit) = table_bit([prefix[0], prefix[1], prefix[2], prefix[3]], SMALL_TABLE_BITS);
        self.small_table[word] >> bit & 1
    }

    /// Whether the large table has this prefix. A few false positives remain.
    fn is_known_prefix(&self, prefix: &[u8]) -> bool {
        let (word, bit) = table_bit([prefix[0], prefix[1], prefix[2], prefix[3]], LARGE_TABLE_BITS);
        self.large_table[word] >> bit & 1 != 0
    }

    /// The length of the longest pattern that `text` begins with; 0 if there is none. The range
    /// ends with the last pattern that sorts no later than `text`.
    fn longest_match(&self, text: &[u8], range: Range<usize>) -> usize {
        let mut next = if range.is_empty() { None } else { Some(range.end - 1) };
        // The shorter ones are prefixes of this one, so one comparison decides about all of them.
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

/// The word and the bit of a prefix in a table of `2^bits` bits.
fn table_bit(prefix: [u8; MIN_LENGTH], bits: u32) -> (usize, u32) {
    // Knuth's multiplicative hash: the upper bits of the product depend on all bytes of the prefix.
    let hash = u32::from_le_bytes(prefix).wrapping_mul(0x9E37_79B1) >> (32 - bits);
    ((hash >> 6) as usize, hash & 63)
}

/// Splits a text into overlapping pieces of at most `max_length` bytes; the last one ends with it.
///
/// Pieces lose leading whitespace: a pattern that begins with it would hold back every line end of
/// the output as a partial match.
fn pieces(text: &[u8], max_length: usize) -> impl Iterator<Item = &[u8]> {
    let last = text.len().saturating_sub(max_length);
    let begins = (0..last).step_by(max_length - max_length / 8).chain([last]);
    begins.map(move |begin| text[begin..text.len().min(begin + max_length)].trim_ascii_start())
}

/// Whether a pattern sorts before or after a text.
fn compare(pattern: &[u8], text: &[u8]) -> Ordering {
    count(pattern.len().min(text.len()));
    pattern.cmp(text)
}

/// The length of the longest common prefix.
fn common_length(pattern: &[u8], text: &[u8]) -> usize {
    let length = pattern.len().min(text.len());
    count(length);
    match pattern[..length] == text[..length] {
        true => length,
        false => pattern.iter().zip(text).take_while(|(one, other)| one == other).count(),
    }
}

/// For each pattern, the index of the longest other pattern that it begins with.
///
/// In sorted order, the prefixes of a pattern come before it, the longest last. So a stack
/// suffices.
fn next_shorter(sorted: &[&[u8]]) -> Vec<Option<usize>> {
    let mut prefixes: Vec<usize> = Vec::new();
    let find = |(index, pattern): (usize, &&[u8])| {
        while prefixes.last().is_some_and(|last| !pattern.starts_with(sorted[*last])) {
            prefixes.pop();
        }
        let shorter = prefixes.last().copied();
        prefixes.push(index);
        shorter
    };
    sorted.iter().enumerate().map(find).collect()
}

#[cfg(not(test))]
fn count(_: usize) {}

#[cfg(test)]
use counted::count;

/// Counts compared bytes, for tests that bound the work.
#[cfg(test)]
pub(super) mod counted {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::redact) fn count(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    /// The number of bytes compared on this thread since the last call.
    pub(in crate::redact) fn take() -> usize {
        BYTES.take()
    }
}
