//! XXH3-64 of each block of a file: made while it is written, held against it on first touch.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Bytes that one checksum vouches for.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Passes bytes on and keeps a checksum of each block of them.
pub(crate) struct ChecksummingWriter<W> {
    inner: W,
    finished: Vec<u64>,
    current: Xxh3Default,
    in_current: usize,
    bytes: u64,
}

impl<W: Write> ChecksummingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, finished: Vec::new(), current: Xxh3Default::new(), in_current: 0, bytes: 0 }
    }

    /// What was written to, the bytes that were written, and their checksums by block.
    pub(crate) fn into_parts(mut self) -> (W, u64, Vec<u64>) {
        if self.in_current > 0 {
            self.close_block();
        }
        (self.inner, self.bytes, self.finished)
    }

    fn close_block(&mut self) {
        self.finished.push(self.current.digest());
        self.current.reset();
        self.in_current = 0;
    }
}

impl<W: Write> Write for ChecksummingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let mut rest = &bytes[..written];
        self.bytes += written as u64;
        while !rest.is_empty() {
            let (here, later) = rest.split_at(rest.len().min(BLOCK_BYTES - self.in_current));
            self.current.update(here);
            self.in_current += here.len();
            if self.in_current == BLOCK_BYTES {
                self.close_block();
            }
            rest = later;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Which blocks of a file have been verified so far.
///
/// Only atomics, no locks: a lock that another thread holds while the process forks stays held in the child for ever.
pub(crate) struct BlockVerifier {
    expected: Vec<u64>,
    verified: Vec<AtomicU64>,
}

impl BlockVerifier {
    pub(crate) fn new(expected: Vec<u64>) -> Self {
        let verified = (0..expected.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { expected, verified }
    }

    pub(crate) fn blocks(&self) -> usize {
        self.expected.len()
    }

    /// Verifies those blocks under `range` that have not been verified yet; says which one is damaged.
    pub(crate) fn verify(&self, bytes: &[u8], range: Range<usize>) -> Result<(), String> {
        if range.is_empty() {
            return Ok(());
        }
        for block in range.start / BLOCK_BYTES..=(range.end - 1) / BLOCK_BYTES {
            self.verify_block(bytes, block)?;
        }
        Ok(())
    }

    /// Verifies one block, unless that has been done.
    pub(crate) fn verify_block(&self, bytes: &[u8], block: usize) -> Result<(), String> {
        let (word, bit) = (&self.verified[block / 64], 1u64 << (block % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = block * BLOCK_BYTES;
        let end = bytes.len().min(start + BLOCK_BYTES);
        let found = xxh3_64(&bytes[start..end]);
        if found != self.expected[block] {
            return Err(format!(
                "block {block} (bytes {start} to {end}) is damaged: its checksum is {found:016x}, not {:016x}",
                self.expected[block]
            ));
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8], at_once: usize) -> (Vec<u8>, u64, Vec<u64>) {
        let mut writer = ChecksummingWriter::new(Vec::new());
        bytes.chunks(at_once).for_each(|piece| writer.write_all(piece).unwrap());
        writer.into_parts()
    }

    #[test]
    fn checksums_do_not_depend_on_how_bytes_arrive() {
        let bytes: Vec<u8> = (0..2 * BLOCK_BYTES + 17).map(|number| (number % 251) as u8).collect();
        let whole: Vec<u64> = bytes.chunks(BLOCK_BYTES).map(xxh3_64).collect();
        for at_once in [997, BLOCK_BYTES, bytes.len()] {
            assert_eq!(written(&bytes, at_once), (bytes.clone(), bytes.len() as u64, whole.clone()));
        }
        assert_eq!(written(&[], 1), (vec![], 0, vec![]));
    }

    #[test]
    fn a_flipped_bit_is_found_in_its_block_only() {
        let mut bytes = vec![7; 2 * BLOCK_BYTES + 1];
        let verifier = BlockVerifier::new(bytes.chunks(BLOCK_BYTES).map(xxh3_64).collect());
        bytes[BLOCK_BYTES + 3] ^= 4;
        assert_eq!(verifier.verify(&bytes, 0..BLOCK_BYTES), Ok(()));
        assert_eq!(verifier.verify(&bytes, 2 * BLOCK_BYTES..bytes.len()), Ok(()));
        let message = verifier.verify(&bytes, BLOCK_BYTES - 1..BLOCK_BYTES + 1).unwrap_err();
        assert!(message.starts_with("block 1 (bytes 262144 to 524288) is damaged"), "{message}");
        assert_eq!(verifier.verify(&bytes, 5..5), Ok(()));
    }

    #[test]
    fn a_verified_block_is_not_read_again() {
        let mut bytes = vec![1; 10];
        let verifier = BlockVerifier::new(vec![xxh3_64(&bytes)]);
        verifier.verify(&bytes, 0..1).unwrap();
        bytes[0] = 0;
        assert_eq!(verifier.verify(&bytes, 0..10), Ok(()));
    }
}
