//! Where the ids lie in an Arrow IPC file, read from its own metadata without trusting it.
//!
//! The metadata are flatbuffers, which arrow-ipc's generated code verifies. Positions in them are only numbers, and
//! each is held against the file here, so that a damaged file ends in a message and never in a panic. (arrow-ipc's
//! own FileDecoder slices without asking, copies what is unaligned and reads all offsets of a batch to validate it.)

use std::ops::Range;

use arrow_ipc::{Block, Endianness, MetadataVersion, RecordBatch, Type, root_as_footer, root_as_message};

use crate::manifest::TokenDtype;
use crate::shard_writer::COLUMN;

const MAGIC: &[u8; 6] = b"ARROW1";
/// Length of the footer (int32) and magic at the end of the file.
const TRAILER_BYTES: usize = 10;
/// Continuation marker and length (int32 each) before the metadata of a message.
const MESSAGE_PREFIX_BYTES: usize = 8;

type Fallible<T> = Result<T, String>;

/// Bytes of a record batch's metadata and of the body behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchBlock {
    pub(crate) metadata: Range<usize>,
    pub(crate) body: Range<usize>,
}

/// Bytes of a record batch's list offsets (int32) and of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchLayout {
    pub(crate) offsets: Range<usize>,
    pub(crate) values: Range<usize>,
}

/// Bytes of the footer, magic included.
pub(crate) fn footer_range(file: &[u8]) -> Fallible<Range<usize>> {
    let magic_at = file.len().checked_sub(MAGIC.len()).filter(|&at| at >= TRAILER_BYTES);
    let magic_at = magic_at.ok_or("too short for an Arrow file")?;
    if &file[magic_at..] != MAGIC || &file[..MAGIC.len()] != MAGIC {
        return Err("not an Arrow file: no ARROW1 at both ends".into());
    }
    let length = i32::from_le_bytes(file[magic_at - 4..magic_at].try_into().expect("four bytes"));
    let start = usize::try_from(length).ok().and_then(|length| (magic_at - 4).checked_sub(length));
    start.map(|start| start..file.len()).ok_or_else(|| format!("its footer's length is {length}"))
}

/// The record batches that a footer lists, after a look at the schema.
pub(crate) fn read_footer(file: &[u8], footer: Range<usize>, dtype: TokenDtype) -> Fallible<Vec<BatchBlock>> {
    let bytes = &file[footer.start..footer.end - TRAILER_BYTES];
    let footer = root_as_footer(bytes).map_err(|error| format!("its footer is damaged: {error}"))?;
    check_schema(&footer, dtype)?;
    let blocks = footer.recordBatches().ok_or("its footer lists no record batches")?;
    blocks.iter().map(|block| batch_block(block, file.len())).collect()
}

fn check_schema(footer: &arrow_ipc::Footer<'_>, dtype: TokenDtype) -> Fallible<()> {
    let schema = footer.schema().ok_or("its footer has no schema")?;
    if schema.endianness() != Endianness::Little {
        return Err("it is big-endian".into());
    }
    let fields = schema.fields().ok_or("its schema has no fields")?;
    let column = fields.iter().next().filter(|field| fields.len() == 1 && field.name() == Some(COLUMN));
    let column = column.ok_or_else(|| format!("its columns are not just {COLUMN:?}"))?;
    let item = column.children().and_then(|children| children.iter().next());
    let integer = item.filter(|_| column.type_type() == Type::List).and_then(|item| item.type_as_int());
    match integer {
        Some(integer) if !integer.is_signed() && integer.bitWidth() == 8 * dtype.bytes() as i32 => Ok(()),
        Some(integer) => Err(format!(
            "its ids are {}int{}, the manifest says {}",
            if integer.is_signed() { "" } else { "u" },
            integer.bitWidth(),
            dtype.name()
        )),
        None => Err(format!("its column {COLUMN:?} is not a list of integers")),
    }
}

fn batch_block(block: &Block, file_bytes: usize) -> Fallible<BatchBlock> {
    let wrong = || format!("its footer places a record batch outside of the file: {block:?}");
    let start = usize::try_from(block.offset()).map_err(|_| wrong())?;
    let metadata = usize::try_from(block.metaDataLength()).map_err(|_| wrong())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| wrong())?;
    let middle = start.checked_add(metadata).filter(|_| metadata > MESSAGE_PREFIX_BYTES).ok_or_else(wrong)?;
    let end = middle.checked_add(body).filter(|&end| end <= file_bytes).ok_or_else(wrong)?;
    Ok(BatchBlock { metadata: start..middle, body: middle..end })
}

/// Where the ids of a record batch lie, which is to have `sequences` sequences.
pub(crate) fn read_batch(
    file: &[u8],
    block: &BatchBlock,
    sequences: usize,
    dtype: TokenDtype,
) -> Fallible<BatchLayout> {
    let bytes = &file[block.metadata.start + MESSAGE_PREFIX_BYTES..block.metadata.end];
    let message = root_as_message(bytes).map_err(|error| format!("its record batch is damaged: {error}"))?;
    if message.version() != MetadataVersion::V5 {
        return Err(format!("its record batch has metadata version {:?}, not V5", message.version()));
    }
    let batch = message.header_as_record_batch().ok_or("its footer places a record batch where there is none")?;
    let tokens = counted_tokens(&batch, sequences)?;
    // Validity and offsets of the list, validity and values of its items.
    let offsets = buffer(&batch, 1, &block.body, 4 * (sequences + 1), 4)?;
    let values = buffer(&batch, 3, &block.body, dtype.bytes() * tokens, dtype.bytes())?;
    Ok(BatchLayout { offsets, values })
}

fn counted_tokens(batch: &RecordBatch<'_>, sequences: usize) -> Fallible<usize> {
    if batch.compression().is_some() {
        return Err("its record batch is compressed".into());
    }
    let nodes = batch.nodes().filter(|nodes| nodes.len() == 2).ok_or("its record batch is no column of lists")?;
    let (lists, items) = (nodes.get(0), nodes.get(1));
    // Offsets are int32, which bounds both counts; this also keeps the byte counts from overflowing.
    let expected = i32::try_from(sequences).ok().map(i64::from);
    if Some(lists.length()) != expected || Some(batch.length()) != expected {
        return Err(format!("its record batch has {} sequences in place of {sequences}", lists.length()));
    }
    if lists.null_count() != 0 || items.null_count() != 0 {
        return Err("its record batch has missing values".into());
    }
    i32::try_from(items.length())
        .ok()
        .and_then(|tokens| usize::try_from(tokens).ok())
        .ok_or_else(|| format!("its record batch has {} tokens", items.length()))
}

/// The bytes of a buffer of a record batch, if it has `bytes` bytes and lies aligned within the batch's body.
fn buffer(
    batch: &RecordBatch<'_>,
    index: usize,
    body: &Range<usize>,
    bytes: usize,
    alignment: usize,
) -> Fallible<Range<usize>> {
    let buffers = batch.buffers().filter(|buffers| index < buffers.len()).ok_or("its record batch lacks a buffer")?;
    let buffer = buffers.get(index);
    let wrong = || format!("its record batch has a buffer {buffer:?} in place of one of {bytes} bytes within its body");
    let start = usize::try_from(buffer.offset()).ok().and_then(|offset| body.start.checked_add(offset));
    let start = start.filter(|start| start.is_multiple_of(alignment)).ok_or_else(wrong)?;
    let long_enough = usize::try_from(buffer.length()).is_ok_and(|length| length >= bytes);
    let end = start.checked_add(bytes).filter(|&end| long_enough && end <= body.end).ok_or_else(wrong)?;
    Ok(start..end)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::shard_writer::ShardWriter;

    const DTYPE: TokenDtype = TokenDtype::Uint16;
    const SEQUENCES: usize = 11;
    const PER_BATCH: usize = 4;

    /// A shard of three record batches.
    static SHARD: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard");
        let mut writer = ShardWriter::create(path.clone(), DTYPE, PER_BATCH).unwrap();
        (0..SEQUENCES).for_each(|sequence| writer.push(&vec![7; 1 + sequence]).unwrap());
        writer.finish("shard".to_owned()).unwrap();
        fs::read(path).unwrap()
    });

    fn blocks(file: &[u8]) -> Fallible<Vec<BatchBlock>> {
        read_footer(file, footer_range(file)?, DTYPE)
    }

    #[test]
    fn each_record_batch_is_where_its_sequences_are() {
        let blocks = blocks(&SHARD).unwrap();
        assert_eq!(blocks.len(), SEQUENCES.div_ceil(PER_BATCH));
        for (number, block) in blocks.iter().enumerate() {
            let first = number * PER_BATCH;
            let sequences = PER_BATCH.min(SEQUENCES - first);
            let layout = read_batch(&SHARD, block, sequences, DTYPE).unwrap();
            let ends = (0..=sequences).map(|count| (first..first + count).map(|sequence| 1 + sequence as i32).sum());
            let expected: Vec<u8> = ends.flat_map(i32::to_le_bytes).collect();
            assert_eq!(SHARD[layout.offsets], expected);
            assert!(SHARD[layout.values].chunks(2).all(|id| id == [7, 0]));
        }
    }

    proptest! {
        /// What stands in a damaged file is a message, or positions in the file, at which aligned numbers can be.
        #[test]
        fn positions_from_any_bytes_lie_in_the_file(
            edits in prop::collection::vec((any::<Index>(), any::<u64>(), 1usize..=8), 0..12), cut: Index, is_cut: bool
        ) {
            let mut file = SHARD.clone();
            if is_cut {
                // In the middle, so that the footer with its trailer stays.
                file.drain(..cut.index(SHARD.len()));
            }
            for (at, value, bytes) in edits {
                let at = at.index(file.len());
                file[at..].iter_mut().zip(&value.to_le_bytes()[..bytes]).for_each(|(old, new)| *old = *new);
            }
            for block in blocks(&file).unwrap_or_default() {
                prop_assert!(block.metadata.end == block.body.start && block.body.end <= file.len());
                for sequences in [PER_BATCH, SEQUENCES % PER_BATCH, usize::MAX] {
                    let Ok(layout) = read_batch(&file, &block, sequences, DTYPE) else { continue };
                    prop_assert_eq!(layout.offsets.len(), 4 * (sequences + 1));
                    prop_assert!(layout.offsets.start % 4 == 0 && layout.values.start % DTYPE.bytes() == 0);
                    for buffer in [layout.offsets, layout.values] {
                        prop_assert!(block.body.start <= buffer.start && buffer.end <= block.body.end);
                    }
                }
            }
        }
    }
}
