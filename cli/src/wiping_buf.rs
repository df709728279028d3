//! Bytes that leave no copy behind.

use std::{
    io::{self, Write},
    mem,
    ops::Deref,
};

use zeroize::Zeroize;

/// A buffer that is wiped when dropped, and where it was when it moves because it grows.
#[derive(Default)]
pub(crate) struct WipingBuf(Vec<u8>);

impl Write for WipingBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(4096));
            larger.extend_from_slice(&self.0);
            mem::replace(&mut self.0, larger).zeroize();
        }
        self.0.extend_from_slice(bytes);
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
    fn what_is_written_is_held_however_it_grows() {
        let mut buffer = WipingBuf::default();
        let expected: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        expected.chunks(7).for_each(|piece| buffer.write_all(piece).expect("memory"));
        assert_eq!(&*buffer, expected);
    }
}
