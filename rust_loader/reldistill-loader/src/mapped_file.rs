//! A file mapped into memory, read so that trouble with it is an error and not a signal.

use std::fs::{self, File};
use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

const CACHE_LINE_BYTES: usize = 64;

/// A map of a whole file. It dereferences to the file's bytes.
///
/// Touching a page that the system cannot bring in kills the process by SIGBUS: the file was cut short after it was
/// mapped, or its disk fails. [`MappedFile::fault_in`] asks the system first, and gets an answer in place of a signal.
/// What it cannot cover: bytes that were brought in before, and are dropped from memory or cut off afterwards.
pub(crate) struct MappedFile {
    path: PathBuf,
    map: Mmap,
}

impl MappedFile {
    /// Maps an open file; `path` is where it was found.
    pub(crate) fn new(path: PathBuf, file: &File) -> io::Result<Self> {
        // SAFETY: a map is sound while nobody alters or shortens the file under it. This crate never does: shards are
        // written under another name, and replacing a corpus unlinks the old file, whose content lives on in the map.
        // Against others who do, `fault_in` and the checksums guard a block until it is verified, and nothing after.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self { path, map })
    }

    /// Where the file was found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the processor to have bytes in its cache soon. It never faults, waits or fails.
    pub(crate) fn fetch_ahead(&self, range: &Range<usize>) {
        for line in self.map[range.clone()].chunks(CACHE_LINE_BYTES) {
            fetch(line.as_ptr());
        }
    }

    /// Brings bytes of the file into memory and maps them; says why that is impossible.
    ///
    /// Where the system has no such call (Linux before 5.14, other systems) it does nothing.
    pub(crate) fn fault_in(&self, range: &Range<usize>) -> Result<(), String> {
        match populate(&self.map, range) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.shortened().unwrap_or_else(|| format!("the disk may be failing ({error})"))),
        }
    }

    /// Says so if the file has become shorter since it was mapped.
    pub(crate) fn shortened(&self) -> Option<String> {
        // Asked by name: a descriptor for each shard of a large corpus would be more than a process may hold.
        let now = fs::metadata(&self.path).ok()?.len();
        let mapped = self.map.len();
        (now < mapped as u64).then(|| format!("the file was cut short while it was open, from {mapped} bytes to {now}"))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// An error means that touching these bytes would have been a SIGBUS.
#[cfg(target_os = "linux")]
fn populate(map: &Mmap, range: &Range<usize>) -> io::Result<()> {
    match map.advise_range(memmap2::Advice::PopulateRead, range.start, range.len()) {
        // Any other error is about the call and not about the file: an older system (EINVAL), no memory at the moment.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EIO | libc::EHWPOISON)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn populate(_map: &Mmap, _range: &Range<usize>) -> io::Result<()> {
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn fetch(address: *const u8) {
    // SAFETY: the instruction is part of every x86-64, and only a hint: no address can make it fault.
    unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
fn fetch(_address: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(bytes: &[u8]) -> (tempfile::TempDir, MappedFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let file = MappedFile::new(path.clone(), &File::open(path).unwrap()).unwrap();
        (folder, file)
    }

    #[test]
    fn bytes_are_those_of_the_file() {
        let bytes: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
        let (_folder, file) = mapped(&bytes);
        assert_eq!(file.fault_in(&(70_001..70_003)), Ok(()));
        assert_eq!(file.fault_in(&(0..bytes.len())), Ok(()));
        assert!(*file == bytes[..]);
        assert_eq!(file.shortened(), None);
    }

    // Elsewhere the second call does nothing, as documented, and the test has nothing to show.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_cut_short_is_said_to_be_and_not_touched() {
        let (_folder, file) = mapped(&[7; 100_000]);
        File::options().write(true).open(file.path()).unwrap().set_len(50_000).unwrap();
        assert_eq!(file.fault_in(&(0..40_000)), Ok(()));
        let expected = "the file was cut short while it was open, from 100000 bytes to 50000";
        // On a system that cannot answer, touching the byte afterwards would end this process.
        assert_eq!(file.fault_in(&(80_000..80_001)).unwrap_err(), expected);
        assert_eq!(file.shortened().unwrap(), expected);
    }
}
