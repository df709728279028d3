//! What is looked for: which needle begins at a place, and where none can.
//!
//! # Cost
//!
//! A place costs a bounded number of steps, whatever the values are. If the text goes on as a needle does, for as long as
//! the needle is, at one place after the other, then a search that compares at each place takes the length of the needle
//! times that of the text: minutes for 100 MiB beside a value of 64 KiB that is one character repeated. Automata don't, but have a state
//! for every byte of every needle. Here no needle is longer than [`LONGEST`]: of a longer text, pieces of that length are
//! looked for. They overlap, so that the whole text is one run.

use std::{cmp::Ordering, collections::HashMap, fmt, ops::Range};

use zeroize::Zeroizing;

use crate::encodings::{Encodings, MIN_LENGTH};

/// The needles, in the order of their bytes.
///
/// Most places are ruled out by one look into a small table, by their next four bytes: no needle is shorter. That is
/// independent of the place before, which an automaton's next state is not, and of the length of the needles, which the
/// size of an automaton is not. What the table lets through is looked up among those four bytes, and then compared.
pub(crate) struct Needles {
    sorted: Vec<Zeroizing<Vec<u8>>>,
    /// For each, the longest other one that it begins with.
    shorter: Vec<Option<usize>>,
    by_head: HashMap<[u8; MIN_LENGTH], Range<usize>>,
    /// A bit for the hash of each head.
    table: Box<[u64; WORDS]>,
    /// The same for a longer hash: what it lets through is most often a head, however many there are.
    wide: Box<[u64]>,
}

/// What begins at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No needle.
    None,
    /// A needle of this length; none is longer.
    Needle(usize),
    /// It depends on what comes next. If nothing does, it is a needle of this length, or none if 0.
    Open(usize),
}

/// The longest needle. A comparison of so many bytes takes some ten nanoseconds; most private keys are a few pieces.
pub(super) const LONGEST: usize = 512;

/// 16 KiB: in the nearest cache, and nine of ten bits free with thousands of needles.
const WORDS: usize = 1 << (HASH_BITS - 6);
const HASH_BITS: u32 = 17;

/// 128 KiB. It is asked for what the table lets through.
const WIDE_BITS: u32 = 20;

/// How many places are looked at together, and how many bytes their heads take.
const PLACES: usize = 8;
const PIECE: usize = PLACES + MIN_LENGTH - 1;

impl Needles {
    pub(crate) fn new(encodings: &Encodings) -> Self {
        Self::in_pieces(encodings.iter(), LONGEST)
    }

    /// Needles of no more than `longest` bytes for texts of any length; none for those shorter than [`MIN_LENGTH`].
    pub(super) fn in_pieces<'a>(texts: impl Iterator<Item = &'a [u8]>, longest: usize) -> Self {
        let pieces = texts.flat_map(|text| pieces(text, longest));
        let mut needles: Vec<_> = pieces.filter(|piece| piece.len() >= MIN_LENGTH).collect();
        needles.sort_unstable();
        needles.dedup();
        let shorter = shorter(&needles);
        let (mut by_head, mut table) = (HashMap::<_, Range<usize>>::new(), Box::new([0; WORDS]));
        let mut wide = vec![0; 1 << (WIDE_BITS - 6)].into_boxed_slice();
        for (index, needle) in needles.iter().enumerate() {
            let head = head(needle).expect("no needle is shorter than a head");
            by_head.entry(head).or_insert(index..index).end = index + 1;
            let (word, bit) = place(head, HASH_BITS);
            table[word] |= 1 << bit;
            let (word, bit) = place(head, WIDE_BITS);
            wide[word] |= 1 << bit;
        }
        let sorted = needles.into_iter().map(|needle| Zeroizing::new(needle.to_vec())).collect();
        Self { sorted, shorter, by_head, table, wide }
    }

    /// The first place from `from` on where a needle may begin, or may go on beyond the end.
    pub(super) fn candidate(&self, text: &[u8], from: usize) -> usize {
        let whole = text.len().saturating_sub(MIN_LENGTH - 1).max(from);
        let mut at = from;
        // Several places are ruled out by one branch: none of them waits for the look at the one before.
        while let Some(piece) = text.get(at..).and_then(<[u8]>::first_chunk::<PIECE>) {
            if piece.windows(MIN_LENGTH).fold(0, |bits, head| bits | self.bit(head)) != 0
                && let Some(further) = self.first_head(piece)
            {
                return at + further;
            }
            at += PLACES;
        }
        self.first_head(text.get(at..).unwrap_or_default()).map_or(whole, |further| at + further)
    }

    /// The first place at which a needle may begin.
    // Not inlined: the loop that rules out most places is slower with it.
    #[inline(never)]
    fn first_head(&self, text: &[u8]) -> Option<usize> {
        text.windows(MIN_LENGTH).position(|head| self.bit(head) != 0 && self.is_head(head))
    }

    /// The longest needle that `text` begins with.
    pub(super) fn at(&self, text: &[u8]) -> Found {
        let range = match head(text) {
            Some(head) => match self.by_head.get(&head) {
                Some(range) => range.clone(),
                None => return Found::None,
            },
            None => 0..self.sorted.len(),
        };
        let after = range.start + self.sorted[range.clone()].partition_point(|needle| order(needle, text).is_le());
        let longest = self.longest(text, range.start..after);
        match self.sorted.get(after).is_some_and(|next| shared(next, text) == text.len()) {
            true => Found::Open(longest),
            false if longest > 0 => Found::Needle(longest),
            false => Found::None,
        }
    }

    /// The table's bit for a head.
    fn bit(&self, head: &[u8]) -> u64 {
        let (word, bit) = place([head[0], head[1], head[2], head[3]], HASH_BITS);
        self.table[word] >> bit & 1
    }

    /// Whether it is a head, but for a few that are not.
    fn is_head(&self, head: &[u8]) -> bool {
        let (word, bit) = place([head[0], head[1], head[2], head[3]], WIDE_BITS);
        self.wide[word] >> bit & 1 != 0
    }

    /// The longest of the needles up to the last one of the range, which sorts right before `text`.
    fn longest(&self, text: &[u8], range: Range<usize>) -> usize {
        let mut next = if range.is_empty() { None } else { Some(range.end - 1) };
        // All that follow are beginnings of the first one: it is compared, and they by their length.
        let shared = next.map_or(0, |last| shared(&self.sorted[last], text));
        while let Some(index) = next {
            if self.sorted[index].len() <= shared {
                return self.sorted[index].len();
            }
            next = self.shorter[index];
        }
        0
    }
}

impl fmt::Debug for Needles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Needles").field("count", &self.sorted.len()).finish_non_exhaustive()
    }
}

fn head(text: &[u8]) -> Option<[u8; MIN_LENGTH]> {
    text.first_chunk().copied()
}

/// Where a table of so many bits has the bit of a head.
fn place(head: [u8; MIN_LENGTH], bits: u32) -> (usize, u32) {
    // Multiplication by an odd number with well-mixed bits (Knuth's), of which the upper bits depend on all of the head.
    let hash = u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> (32 - bits);
    ((hash >> 6) as usize, hash & 63)
}

/// The pieces of a text, each of `longest` bytes, the last one at its end. They overlap. Blanks at the beginning of a piece
/// are left out, or output would wait at each of them. What is then shorter than a needle may be is not looked for, as short
/// lines are not.
fn pieces(text: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
    let last = text.len().saturating_sub(longest);
    let begins = (0..last).step_by(longest - longest / 8).chain([last]);
    begins.map(move |begin| text[begin..text.len().min(begin + longest)].trim_ascii_start())
}

/// How a needle sorts beside a text.
fn order(needle: &[u8], text: &[u8]) -> Ordering {
    count(needle.len().min(text.len()));
    needle.cmp(text)
}

/// With how many bytes both begin.
fn shared(needle: &[u8], text: &[u8]) -> usize {
    let length = needle.len().min(text.len());
    count(length);
    match needle[..length] == text[..length] {
        true => length,
        false => needle.iter().zip(text).take_while(|(one, other)| one == other).count(),
    }
}

/// For each needle the last one before it that it begins with: sorted, those come right before it, shortest first.
fn shorter(sorted: &[&[u8]]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let find = |(index, needle): (usize, &&[u8])| {
        while open.last().is_some_and(|last| !needle.starts_with(sorted[*last])) {
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
    pub(in crate::redact) fn taken() -> usize {
        BYTES.take()
    }
}
