//! A file of rows as chunks.

use std::fs;
use std::sync::Arc;

use crate::chunk::{Chunk, ChunkText, Position, Source};
use crate::error::{Error, Result};
use crate::input_files::InputFile;
use crate::parquet_rows::ParquetRows;

/// A file of rows.
pub(crate) struct OpenRows {
    rows: ParquetRows,
    source: Arc<Source>,
    /// Where the next chunk starts.
    next: Position,
    file_bytes: u64,
}

impl OpenRows {
    /// Opens the file of number `next.source` at the row `next.offset`.
    pub(crate) fn open(
        file: &InputFile,
        text_column: &str,
        source: Arc<Source>,
        next: Position,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let InputFile { path, compression, .. } = file;
        let rows = ParquetRows::open(path, *compression, text_column, next.offset, watch)?;
        let file_bytes = fs::metadata(path).map_err(Error::io("read", path))?.len();
        Ok(Self { rows, source, next, file_bytes })
    }

    /// The next chunk of some `chunk_bytes`, or none at the end. Where it ends depends on where it starts alone.
    pub(crate) fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<Chunk>> {
        let (mut documents, mut bytes) = (Vec::new(), 0);
        while bytes < chunk_bytes {
            let Some(rows) = self.rows.next_rows()? else { break };
            bytes += rows.iter().map(|row| row.as_ref().map_or(0, String::len) + 1).sum::<usize>();
            documents.extend(rows);
        }
        if documents.is_empty() {
            return Ok(None);
        }
        let position = self.next;
        self.next.first += documents.len() as u64;
        self.next.offset += documents.len() as u64;
        // Rows do not lie behind each other in the file: each stands for its share.
        let up_to =
            |row: u64| (u128::from(self.file_bytes) * u128::from(row) / u128::from(self.rows.rows().max(1))) as u64;
        let bytes = up_to(self.next.offset) - up_to(position.offset);
        let (source, first) = (self.source.clone(), position.first);
        Ok(Some(Chunk { source, first, text: ChunkText::Documents(documents), bytes, position }))
    }
}
