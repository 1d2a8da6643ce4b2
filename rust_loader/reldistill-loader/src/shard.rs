//! One shard of a corpus, mapped into memory and verified as it is touched.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checksums::{BLOCK_BYTES, BlockVerifier};
use crate::corpus::Verify;
use crate::error::{Error, Result};
use crate::manifest::{ShardEntry, TokenDtype};
use crate::mapped_file::MappedFile;
use crate::shard_layout::{BatchBlock, BatchLayout, footer_range, read_batch, read_footer};

/// The ids of a sequence where they lie in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenIds<'a> {
    /// Two bytes each.
    Uint16(&'a [u16]),
    /// Four bytes each.
    Uint32(&'a [u32]),
}

impl TokenIds<'_> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            TokenIds::Uint16(ids) => ids.len(),
            TokenIds::Uint32(ids) => ids.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Appends them to a vector.
    pub fn append_to(self, ids: &mut Vec<u32>) {
        match self {
            TokenIds::Uint16(slice) => ids.extend(slice.iter().map(|&id| u32::from(id))),
            TokenIds::Uint32(slice) => ids.extend_from_slice(slice),
        }
    }
}

/// A mapped shard.
pub(crate) struct Shard {
    map: MappedFile,
    dtype: TokenDtype,
    sequences: usize,
    sequences_per_record_batch: usize,
    /// `None` if nothing is to be verified.
    verifier: Option<BlockVerifier>,
    record_batches: Vec<(BatchBlock, KnownLayout)>,
}

impl Shard {
    /// Maps a shard and reads its footer.
    ///
    /// # Errors
    /// [`Error::Shard`] if it is missing, has another size than the manifest says or a damaged footer, [`Error::Io`].
    pub(crate) fn open(
        path: PathBuf,
        entry: &ShardEntry,
        dtype: TokenDtype,
        sequences_per_record_batch: u64,
        verify: Verify,
    ) -> Result<Self> {
        let damaged = |cause: String| Error::Shard { path: path.clone(), cause };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it is missing".into())),
            opened => opened.map_err(Error::io("open", &path))?,
        };
        // Touching a map beyond the end of its file kills the process: size first.
        let bytes = file.metadata().map_err(Error::io("read", &path))?.len();
        if bytes != entry.bytes {
            return Err(damaged(format!("it has {bytes} bytes, the manifest says {}", entry.bytes)));
        }
        let map = MappedFile::new(path.clone(), &file).map_err(Error::io("map", &path))?;

        let verifier = match verify {
            Verify::None => None,
            Verify::FirstTouch | Verify::Full => Some(BlockVerifier::new(entry.block_checksums().map_err(damaged)?)),
        };
        // Both ends are looked at before it is known which blocks to verify.
        let ends = [0..map.len().min(1), map.len().saturating_sub(1)..map.len()];
        for end in &ends {
            map.fault_in(end).map_err(|cause| damaged(format!("it cannot be read: {cause}")))?;
        }
        let footer = footer_range(&map).map_err(|cause| {
            // That a block is damaged says more than what follows from it.
            let verified = verifier
                .iter()
                .try_for_each(|verifier| ends.iter().try_for_each(|end| verifier.verify(&map, end.clone())));
            damaged(verified.err().unwrap_or(cause))
        })?;
        if let Some(verifier) = &verifier {
            verifier.verify(&map, footer.clone()).map_err(damaged)?;
        }
        let blocks = read_footer(&map, footer, dtype).map_err(damaged)?;
        let needed = entry.sequences.div_ceil(sequences_per_record_batch);
        if blocks.len() as u64 != needed {
            return Err(damaged(format!("it has {} record batches in place of {needed}", blocks.len())));
        }
        Ok(Self {
            dtype,
            verifier,
            sequences: to_usize(entry.sequences),
            sequences_per_record_batch: to_usize(sequences_per_record_batch),
            record_batches: blocks.into_iter().map(|block| (block, KnownLayout::default())).collect(),
            map,
        })
    }

    /// Verifies all of it; `watch` is called after each few blocks.
    pub(crate) fn verify_all(&self, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        const BLOCKS_AT_ONCE: usize = (64 << 20) / BLOCK_BYTES;
        let Some(verifier) = &self.verifier else { return Ok(()) };
        for block in 0..verifier.blocks() {
            verifier.verify_block(&self.map, block).map_err(|cause| self.damaged(cause))?;
            if block % BLOCKS_AT_ONCE == BLOCKS_AT_ONCE - 1 {
                watch()?;
            }
        }
        for record_batch in 0..self.record_batches.len() {
            self.layout(record_batch)?;
        }
        watch()
    }

    /// How its ids are stored.
    pub(crate) fn dtype(&self) -> TokenDtype {
        self.dtype
    }

    /// Which bytes are the ids of a sequence, by its number in this shard.
    pub(crate) fn place(&self, sequence: usize) -> Result<Range<usize>> {
        let layout = self.layout(sequence / self.sequences_per_record_batch)?;
        let row = sequence % self.sequences_per_record_batch;
        let at = layout.offsets.start + 4 * row;
        self.verify(&(at..at + 8))?;
        let [start, end] = *aligned::<i32>(&self.map[at..at + 8]) else { unreachable!("eight bytes are two offsets") };
        let width = self.dtype.bytes();
        let tokens = layout.values.len() / width;
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(first), Ok(last)) if first < last && last <= tokens => {
                Ok(layout.values.start + first * width..layout.values.start + last * width)
            }
            _ => Err(self.damaged(format!("sequence {sequence} is from {start} to {end} of {tokens} tokens"))),
        }
    }

    /// Hints that [`Shard::ids`] will be asked for these bytes soon.
    pub(crate) fn fetch_ahead(&self, bytes: &Range<usize>) {
        self.map.fetch_ahead(bytes);
    }

    /// The ids that lie in `bytes`, as [`Shard::place`] gave them.
    pub(crate) fn ids(&self, bytes: Range<usize>) -> Result<TokenIds<'_>> {
        self.verify(&bytes)?;
        let bytes = &self.map[bytes];
        Ok(match self.dtype {
            TokenDtype::Uint16 => TokenIds::Uint16(aligned(bytes)),
            TokenDtype::Uint32 => TokenIds::Uint32(aligned(bytes)),
        })
    }

    fn layout(&self, record_batch: usize) -> Result<BatchLayout> {
        let (block, known) = &self.record_batches[record_batch];
        if let Some(layout) = known.get() {
            return Ok(layout);
        }
        self.verify(&block.metadata)?;
        let before = record_batch * self.sequences_per_record_batch;
        let sequences = (self.sequences - before).min(self.sequences_per_record_batch);
        let layout = read_batch(&self.map, block, sequences, self.dtype).map_err(|cause| self.damaged(cause))?;
        known.set(&layout);
        Ok(layout)
    }

    fn verify(&self, bytes: &Range<usize>) -> Result<()> {
        match &self.verifier {
            Some(verifier) => verifier.verify(&self.map, bytes.clone()).map_err(|cause| self.damaged(cause)),
            None => Ok(()),
        }
    }

    fn damaged(&self, cause: String) -> Error {
        Error::Shard { path: self.map.path().to_owned(), cause }
    }
}

/// Numbers of sequences come from a manifest that was held against a file, and a file fits the address space.
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Types of which each bit pattern is a value.
trait Plain {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for i32 {}

/// Bytes of a map as what they hold. Maps start at a page, and `shard_layout` accepts only aligned buffers.
fn aligned<T: Plain>(bytes: &[u8]) -> &[T] {
    // SAFETY: each bit pattern is a value of T, and align_to keeps to alignment and bounds.
    let (before, values, after) = unsafe { bytes.align_to::<T>() };
    assert!(before.is_empty() && after.is_empty(), "buffers are aligned");
    values
}

/// A [`BatchLayout`] once it is known. Threads that find it at once store the same numbers, so no lock is needed, and
/// none is wanted: see [`BlockVerifier`].
#[derive(Default)]
struct KnownLayout {
    offsets_start: AtomicU64,
    offsets_end: AtomicU64,
    values_start: AtomicU64,
    /// 0 until the others are set.
    values_end: AtomicU64,
}

impl KnownLayout {
    fn get(&self) -> Option<BatchLayout> {
        let values_end = self.values_end.load(Ordering::Acquire);
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed) as usize;
        (values_end != 0).then(|| BatchLayout {
            offsets: load(&self.offsets_start)..load(&self.offsets_end),
            values: load(&self.values_start)..values_end as usize,
        })
    }

    fn set(&self, layout: &BatchLayout) {
        self.offsets_start.store(layout.offsets.start as u64, Ordering::Relaxed);
        self.offsets_end.store(layout.offsets.end as u64, Ordering::Relaxed);
        self.values_start.store(layout.values.start as u64, Ordering::Relaxed);
        self.values_end.store(layout.values.end as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::shard_writer::ShardWriter;

    const NAME: &str = "shard-00000.arrow";

    struct Written {
        folder: TempDir,
        entry: ShardEntry,
        dtype: TokenDtype,
        per_batch: usize,
    }

    impl Written {
        fn new(sequences: &[Vec<u32>], dtype: TokenDtype, per_batch: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = ShardWriter::create(folder.path().join(NAME), dtype, per_batch).unwrap();
            sequences.iter().for_each(|ids| writer.push(ids).unwrap());
            let entry = writer.finish(NAME.to_owned()).unwrap();
            Self { folder, entry, dtype, per_batch }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join(NAME)
        }

        fn open(&self, verify: Verify) -> Result<Shard> {
            Shard::open(self.path(), &self.entry, self.dtype, self.per_batch as u64, verify)
        }

        fn flip(&self, byte: usize, bit: u8) {
            let mut bytes = fs::read(self.path()).unwrap();
            bytes[byte] ^= 1 << bit;
            fs::write(self.path(), bytes).unwrap();
        }
    }

    fn ids(shard: &Shard, sequence: usize) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        shard.ids(shard.place(sequence)?)?.append_to(&mut ids);
        Ok(ids)
    }

    fn sequences() -> impl Strategy<Value = Vec<Vec<u32>>> {
        prop::collection::vec(prop::collection::vec(0u32..=0xffff, 1..40), 1..60)
    }

    fn dtype() -> impl Strategy<Value = TokenDtype> {
        prop_oneof![Just(TokenDtype::Uint16), Just(TokenDtype::Uint32)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(sequences in sequences(), dtype in dtype(), per_batch in 1usize..20) {
            let shard = Written::new(&sequences, dtype, per_batch).open(Verify::FirstTouch).unwrap();
            for (number, expected) in sequences.iter().enumerate() {
                prop_assert_eq!(&ids(&shard, number).unwrap(), expected);
            }
        }

        #[test]
        fn a_flipped_bit_is_an_error_and_never_other_ids(
            sequences in sequences(), dtype in dtype(), at: prop::sample::Index, bit in 0u8..8
        ) {
            let written = Written::new(&sequences, dtype, 7);
            written.flip(at.index(written.entry.bytes as usize), bit);
            if let Ok(shard) = written.open(Verify::FirstTouch) {
                for (number, expected) in sequences.iter().enumerate() {
                    if let Ok(found) = ids(&shard, number) {
                        prop_assert_eq!(&found, expected);
                    }
                }
            }
            let verified = written.open(Verify::Full).and_then(|shard| shard.verify_all(&mut || Ok(())));
            prop_assert!(verified.is_err());
        }

        #[test]
        fn unverified_damage_is_never_a_panic(
            sequences in sequences(), dtype in dtype(), flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..30)
        ) {
            let written = Written::new(&sequences, dtype, 7);
            for (at, bit) in flips {
                written.flip(at.index(written.entry.bytes as usize), bit);
            }
            if let Ok(shard) = written.open(Verify::None) {
                for number in 0..sequences.len() {
                    let _ = ids(&shard, number);
                }
            }
        }
    }

    #[test]
    fn threads_that_touch_a_shard_first_all_at_once_read_the_same() {
        let sequences: Vec<Vec<u32>> = (0..3000).map(|number| vec![number % 900; 1 + number as usize % 60]).collect();
        let written = Written::new(&sequences, TokenDtype::Uint16, 16);
        for _ in 0..5 {
            let shard = written.open(Verify::FirstTouch).unwrap();
            std::thread::scope(|scope| {
                for first in 0..4 {
                    let (shard, sequences) = (&shard, &sequences);
                    scope.spawn(move || {
                        for number in (0..sequences.len()).map(|number| (number * 7 + first) % sequences.len()) {
                            assert_eq!(ids(shard, number).unwrap(), sequences[number]);
                        }
                    });
                }
            });
        }
    }

    fn cause(result: Result<Shard>) -> String {
        match result {
            Err(Error::Shard { cause, .. }) => cause,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it opened"),
        }
    }

    fn written() -> Written {
        Written::new(&[vec![5, 6, 7], vec![8; 11]], TokenDtype::Uint16, 4)
    }

    #[test]
    fn a_missing_shard_is_named() {
        let written = written();
        fs::remove_file(written.path()).unwrap();
        assert_eq!(cause(written.open(Verify::None)), "it is missing");
    }

    #[test]
    fn a_truncated_shard_is_not_mapped() {
        let written = written();
        File::options().write(true).open(written.path()).unwrap().set_len(100).unwrap();
        let expected = format!("it has 100 bytes, the manifest says {}", written.entry.bytes);
        assert_eq!(cause(written.open(Verify::None)), expected);
    }

    #[test]
    fn another_dtype_than_the_manifests_is_refused() {
        let mut written = written();
        written.dtype = TokenDtype::Uint32;
        assert_eq!(cause(written.open(Verify::FirstTouch)), "its ids are uint16, the manifest says uint32");
    }

    #[test]
    fn another_number_of_record_batches_is_refused() {
        let mut written = written();
        written.entry.sequences = 9;
        assert_eq!(cause(written.open(Verify::FirstTouch)), "it has 1 record batches in place of 3");
    }

    #[test]
    fn another_number_of_sequences_is_refused() {
        let mut written = written();
        written.entry.sequences = 3;
        let shard = written.open(Verify::FirstTouch).unwrap();
        let Err(Error::Shard { cause, .. }) = shard.place(0) else { panic!("it has a place") };
        assert_eq!(cause, "its record batch has 2 sequences in place of 3");
    }

    #[test]
    fn more_sequences_than_offsets_can_count_are_refused() {
        let mut written = Written::new(&vec![vec![5, 6, 7]; 11], TokenDtype::Uint16, 20);
        let mut bytes = fs::read(written.path()).unwrap();
        // Its record batch says -1 in place of 11, and so does a manifest that was made up: as unsigned, 2^64 - 1.
        for at in 0..bytes.len() - 8 {
            if bytes[at..at + 8] == 11i64.to_le_bytes() {
                bytes[at..at + 8].copy_from_slice(&(-1i64).to_le_bytes());
            }
        }
        fs::write(written.path(), bytes).unwrap();
        (written.entry.sequences, written.per_batch) = (u64::MAX, usize::MAX);
        let shard = written.open(Verify::None).unwrap();
        let Err(Error::Shard { cause, .. }) = shard.place(0) else { panic!("it has a place") };
        assert_eq!(cause, "its record batch has -1 sequences in place of 18446744073709551615");
    }

    #[test]
    fn a_file_that_is_not_arrow_is_refused() {
        let mut written = written();
        fs::write(written.path(), [0; 4]).unwrap();
        written.entry.bytes = 4;
        assert_eq!(cause(written.open(Verify::None)), "too short for an Arrow file");
        fs::write(written.path(), [0; 40]).unwrap();
        written.entry.bytes = 40;
        assert_eq!(cause(written.open(Verify::None)), "not an Arrow file: no ARROW1 at both ends");
    }

    #[test]
    fn damage_of_either_end_is_that_of_its_block() {
        let written = written();
        for at in [0, written.entry.bytes as usize - 1, written.entry.bytes as usize - 7] {
            written.flip(at, 6);
            let cause = cause(written.open(Verify::FirstTouch));
            assert!(cause.starts_with("block 0 (bytes 0 to ") && cause.contains("is damaged"), "{cause}");
            written.flip(at, 6);
        }
        assert!(written.open(Verify::FirstTouch).is_ok());
    }

    #[test]
    fn offsets_out_of_range_are_refused_even_unverified() {
        let written = written();
        let bytes = fs::read(written.path()).unwrap();
        let offsets: Vec<u8> = [0i32, 3, 14].iter().flat_map(|offset| offset.to_le_bytes()).collect();
        let at = bytes.windows(offsets.len()).position(|window| window == offsets).unwrap();
        written.flip(at + 5, 0);
        let shard = written.open(Verify::None).unwrap();
        let Err(Error::Shard { cause, .. }) = shard.place(0) else { panic!("it has a place") };
        assert_eq!(cause, "sequence 0 is from 0 to 259 of 14 tokens");
    }
}
