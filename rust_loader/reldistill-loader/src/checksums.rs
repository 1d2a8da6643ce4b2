//! XXH3-64 of each block of a file: made while it is written, held against it on first touch.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::mapped_file::MappedFile;

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
/// A block is brought into memory, then verified, then never looked at again. So a file that is altered or cut short
/// while it is open is found out wherever it had not been read yet. What happens to a block after it was verified is not
/// seen: altered bytes are read as they are, and touching those that were cut off kills the process.
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
    pub(crate) fn verify(&self, file: &MappedFile, range: Range<usize>) -> Result<(), String> {
        if range.is_empty() {
            return Ok(());
        }
        for block in range.start / BLOCK_BYTES..=(range.end - 1) / BLOCK_BYTES {
            self.verify_block(file, block)?;
        }
        Ok(())
    }

    /// Verifies one block, unless that has been done.
    pub(crate) fn verify_block(&self, file: &MappedFile, block: usize) -> Result<(), String> {
        let (word, bit) = (&self.verified[block / 64], 1u64 << (block % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = block * BLOCK_BYTES;
        let end = file.len().min(start + BLOCK_BYTES);
        let wrong = |cause: String| format!("block {block} (bytes {start} to {end}) {cause}");
        file.fault_in(&(start..end)).map_err(|cause| wrong(format!("cannot be read: {cause}")))?;
        let found = xxh3_64(&file[start..end]);
        if found != self.expected[block] {
            let cause = || format!("its checksum is {found:016x}, not {:016x}", self.expected[block]);
            // What is left of a page whose file was cut short within it reads as zeros.
            return Err(wrong(format!("is damaged: {}", file.shortened().unwrap_or_else(cause))));
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use tempfile::TempDir;

    use super::*;

    fn mapped(bytes: &[u8]) -> (TempDir, MappedFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let file = MappedFile::new(path.clone(), &File::open(path).unwrap()).unwrap();
        (folder, file)
    }

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
        let (_folder, file) = mapped(&bytes);
        assert_eq!(verifier.verify(&file, 0..BLOCK_BYTES), Ok(()));
        assert_eq!(verifier.verify(&file, 2 * BLOCK_BYTES..bytes.len()), Ok(()));
        let message = verifier.verify(&file, BLOCK_BYTES - 1..BLOCK_BYTES + 1).unwrap_err();
        assert!(message.starts_with("block 1 (bytes 262144 to 524288) is damaged: its checksum is "), "{message}");
        assert_eq!(verifier.verify(&file, 5..5), Ok(()));
    }

    #[test]
    fn a_verified_block_is_not_read_again() {
        let bytes = [1; 10];
        let verifier = BlockVerifier::new(vec![xxh3_64(&bytes)]);
        let (folder, file) = mapped(&bytes);
        verifier.verify(&file, 0..1).unwrap();
        fs::write(folder.path().join("file"), [0; 10]).unwrap();
        assert_eq!(verifier.verify(&file, 0..10), Ok(()));
    }

    // Elsewhere touching what was cut off is a signal that nothing can be done about.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_cut_short_while_it_is_open_is_an_error_of_each_block_that_was_not_verified() {
        let bytes = vec![7; 3 * BLOCK_BYTES];
        let verifier = BlockVerifier::new(bytes.chunks(BLOCK_BYTES).map(xxh3_64).collect());
        let (folder, file) = mapped(&bytes);
        verifier.verify_block(&file, 0).unwrap();
        let left = BLOCK_BYTES + 10;
        File::options().write(true).open(folder.path().join("file")).unwrap().set_len(left as u64).unwrap();
        assert_eq!(verifier.verify_block(&file, 0), Ok(()));
        let cut = format!("the file was cut short while it was open, from {} bytes to {left}", bytes.len());
        for (block, range) in [(1, "262144 to 524288"), (2, "524288 to 786432")] {
            let expected = format!("block {block} (bytes {range}) cannot be read: {cut}");
            assert_eq!(verifier.verify_block(&file, block), Err(expected));
        }
    }
}
