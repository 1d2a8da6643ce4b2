//! One Arrow IPC file being written: a column `input_ids` of non-nullable lists of token ids.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, RecordBatch, UInt16Array, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::checksums::ChecksummingWriter;
use crate::error::{Error, Result};
use crate::manifest::{ShardEntry, TokenDtype};

/// The only column of a shard.
pub(crate) const COLUMN: &str = "input_ids";

/// Where a shard is being written and what it holds so far.
pub(crate) struct ShardWriter {
    path: PathBuf,
    dtype: TokenDtype,
    schema: Arc<Schema>,
    writer: FileWriter<BufWriter<ChecksummingWriter<File>>>,
    sequences_per_record_batch: usize,
    ids: Vec<u32>,
    ends: Vec<i32>,
    sequences: u64,
    tokens: u64,
}

impl ShardWriter {
    /// Starts the file at `path`, which must not matter to anybody yet.
    pub(crate) fn create(path: PathBuf, dtype: TokenDtype, sequences_per_record_batch: usize) -> Result<Self> {
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        let schema = Arc::new(schema(dtype));
        let buffered = BufWriter::with_capacity(1 << 20, ChecksummingWriter::new(file));
        let writer = FileWriter::try_new(buffered, &schema).map_err(arrow_error(&path))?;
        let (ids, ends, sequences, tokens) = (Vec::new(), vec![0], 0, 0);
        Ok(Self { path, dtype, schema, writer, sequences_per_record_batch, ids, ends, sequences, tokens })
    }

    /// Tokens in it so far.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Adds one sequence. Its ids fit the dtype, and a record batch of such sequences has less than 2³¹ tokens.
    pub(crate) fn push(&mut self, ids: &[u32]) -> Result<()> {
        self.ids.extend_from_slice(ids);
        self.ends.push(i32::try_from(self.ids.len()).expect("record batches are bounded far below 2^31 tokens"));
        self.sequences += 1;
        self.tokens += ids.len() as u64;
        if self.ends.len() > self.sequences_per_record_batch {
            self.write_record_batch()?;
        }
        Ok(())
    }

    /// Completes the file and sees it onto the disk. `name` is what it will be called.
    pub(crate) fn finish(mut self, name: String) -> Result<ShardEntry> {
        if self.ends.len() > 1 {
            self.write_record_batch()?;
        }
        self.writer.finish().map_err(arrow_error(&self.path))?;
        let buffered = self.writer.into_inner().map_err(arrow_error(&self.path))?;
        let checksumming = buffered.into_inner().map_err(|error| Error::io("write", &self.path)(error.into_error()))?;
        let (file, bytes, checksums) = checksumming.into_parts();
        file.sync_all().map_err(Error::io("sync", &self.path))?;
        let xxh3_64 = checksums.iter().map(|checksum| format!("{checksum:016x}")).collect();
        Ok(ShardEntry { name, sequences: self.sequences, tokens: self.tokens, bytes, xxh3_64 })
    }

    fn write_record_batch(&mut self) -> Result<()> {
        let values: ArrayRef = match self.dtype {
            TokenDtype::Uint16 => Arc::new(UInt16Array::from_iter_values(self.ids.drain(..).map(|id| id as u16))),
            TokenDtype::Uint32 => Arc::new(UInt32Array::from_iter_values(self.ids.drain(..))),
        };
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let lists = ListArray::new(item(self.dtype), OffsetBuffer::new(ScalarBuffer::from(ends)), values, None);
        let record_batch = RecordBatch::try_new(self.schema.clone(), vec![Arc::new(lists)]);
        record_batch.and_then(|batch| self.writer.write(&batch)).map_err(arrow_error(&self.path))
    }
}

fn schema(dtype: TokenDtype) -> Schema {
    Schema::new(vec![Field::new(COLUMN, DataType::List(item(dtype)), false)])
}

fn item(dtype: TokenDtype) -> Arc<Field> {
    let data_type = match dtype {
        TokenDtype::Uint16 => DataType::UInt16,
        TokenDtype::Uint32 => DataType::UInt32,
    };
    Arc::new(Field::new("item", data_type, false))
}

/// Arrow wraps what the system said (a full disk, say); unwrap it, so that its error number survives.
fn arrow_error(path: &Path) -> impl FnOnce(ArrowError) -> Error {
    let path = path.to_owned();
    move |error| {
        let source = match error {
            ArrowError::IoError(_, source) => source,
            other => io::Error::other(other),
        };
        Error::Io { action: "write", path, source }
    }
}
