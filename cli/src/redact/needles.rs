//! What is looked for: which needle begins at a place, and where none can.

use std::{collections::HashMap, fmt, ops::Range};

use zeroize::Zeroizing;

use crate::forms::{Forms, SHORTEST};

/// The needles, in the order of their bytes.
///
/// Most places are ruled out by one look into a small table, by their next four bytes: no needle is shorter. That is
/// independent of the place before, which an automaton's next state is not, and of the length of the needles, which the
/// size of an automaton is not. What the table lets through is looked up among those four bytes, and then compared.
pub(crate) struct Needles {
    sorted: Vec<Zeroizing<Vec<u8>>>,
    /// For each, the longest other one that it begins with.
    shorter: Vec<Option<usize>>,
    by_head: HashMap<[u8; SHORTEST], Range<usize>>,
    /// A bit for the hash of each head.
    table: Box<[u64; WORDS]>,
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

/// 16 KiB: in the nearest cache, and nine of ten bits free with thousands of needles.
const WORDS: usize = 1 << (HASH_BITS - 6);
const HASH_BITS: u32 = 17;

/// How many places are looked at together, and how many bytes their heads take.
const PLACES: usize = 8;
const PIECE: usize = PLACES + SHORTEST - 1;

impl Needles {
    pub(crate) fn new(forms: &Forms) -> Self {
        Self::of(forms.iter().map(<[u8]>::to_vec).collect())
    }

    /// Needles of at least [`SHORTEST`] bytes; shorter ones are left out.
    pub(super) fn of(mut needles: Vec<Vec<u8>>) -> Self {
        needles.retain(|needle| needle.len() >= SHORTEST);
        needles.sort_unstable();
        needles.dedup();
        let shorter = shorter(&needles);
        let (mut by_head, mut table) = (HashMap::<_, Range<usize>>::new(), Box::new([0; WORDS]));
        for (index, needle) in needles.iter().enumerate() {
            let head = head(needle).expect("no needle is shorter than a head");
            by_head.entry(head).or_insert(index..index).end = index + 1;
            let (word, bit) = place(head);
            table[word] |= 1 << bit;
        }
        Self { sorted: needles.into_iter().map(Zeroizing::new).collect(), shorter, by_head, table }
    }

    /// The first place from `from` on where a needle may begin, or may go on beyond the end.
    pub(super) fn candidate(&self, text: &[u8], from: usize) -> usize {
        let whole = text.len().saturating_sub(SHORTEST - 1).max(from);
        let mut at = from;
        // Several places are ruled out by one branch: none of them waits for the look at the one before.
        while let Some(piece) = text.get(at..).and_then(<[u8]>::first_chunk::<PIECE>) {
            if piece.windows(SHORTEST).fold(0, |bits, head| bits | self.bit(head)) != 0 {
                break;
            }
            at += PLACES;
        }
        let heads = text.get(at..).unwrap_or_default().windows(SHORTEST);
        heads.into_iter().position(|head| self.bit(head) != 0).map_or(whole, |further| at + further)
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
        let after = range.start + self.sorted[range.clone()].partition_point(|needle| needle.as_slice() <= text);
        let longest = self.longest(text, range.start..after);
        match self.sorted.get(after).is_some_and(|next| next.starts_with(text)) {
            true => Found::Open(longest),
            false if longest > 0 => Found::Needle(longest),
            false => Found::None,
        }
    }

    /// The table's bit for a head.
    fn bit(&self, head: &[u8]) -> u64 {
        let (word, bit) = place([head[0], head[1], head[2], head[3]]);
        self.table[word] >> bit & 1
    }

    /// The longest of the needles up to the last one of the range, which sorts right before `text`.
    fn longest(&self, text: &[u8], range: Range<usize>) -> usize {
        let mut next = if range.is_empty() { None } else { Some(range.end - 1) };
        while let Some(index) = next {
            if text.starts_with(&self.sorted[index]) {
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

fn head(text: &[u8]) -> Option<[u8; SHORTEST]> {
    text.first_chunk().copied()
}

/// Where the table has the bit of a head.
fn place(head: [u8; SHORTEST]) -> (usize, u32) {
    // Multiplication by an odd number with well-mixed bits (Knuth's), of which the upper bits depend on all of the head.
    let hash = u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS);
    ((hash >> 6) as usize, hash & 63)
}

/// For each needle the last one before it that it begins with: sorted, those come right before it, shortest first.
fn shorter(sorted: &[Vec<u8>]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let find = |(index, needle): (usize, &Vec<u8>)| {
        while open.last().is_some_and(|last| !needle.starts_with(&sorted[*last])) {
            open.pop();
        }
        let shorter = open.last().copied();
        open.push(index);
        shorter
    };
    sorted.iter().enumerate().map(find).collect()
}
