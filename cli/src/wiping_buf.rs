//! A growable buffer that leaves no copy of its bytes in freed memory.

use std::{
    io::{self, Write},
    mem,
    ops::Deref,
};

use zeroize::Zeroize;

/// A byte buffer that wipes its memory when dropped, and its old memory when it grows.
///
/// `Zeroizing<Vec<u8>>` wipes only the last allocation: a `Vec` that grows frees the old one as it
/// is.
#[derive(Default)]
pub(crate) struct WipingBuf(Vec<u8>);

impl WipingBuf {
    /// Appends bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(4096));
            larger.extend_from_slice(&self.0);
            mem::replace(&mut self.0, larger).zeroize();
        }
        self.0.extend_from_slice(bytes);
    }

    /// Removes bytes at the front. What they leave free is wiped.
    pub(crate) fn remove_front(&mut self, count: usize) {
        let rest = self.0.len() - count;
        self.0.copy_within(count.., 0);
        self.0[rest..].zeroize();
        self.0.truncate(rest);
    }
}

impl Write for WipingBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deref for WipingBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for WipingBuf {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_removed_at_the_front_leave_the_rest() {
        let mut buffer = WipingBuf::default();
        buffer.extend(b"secret, rest");
        buffer.remove_front(8);
        assert_eq!(&*buffer, b"rest");
        buffer.remove_front(4);
        assert!(buffer.is_empty());
    }

    #[test]
    fn growing_keeps_all_bytes_written() {
        let mut buffer = WipingBuf::default();
        let expected: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        expected.chunks(7).for_each(|piece| buffer.write_all(piece).expect("memory"));
        assert_eq!(&*buffer, expected);
    }
}
