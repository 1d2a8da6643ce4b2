//! A file of lines as chunks.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::chunk::{Chunk, ChunkText, Position, Source};
use crate::compression::{Compression, Content, read_error};
use crate::error::Result;
use crate::input_files::{InputFile, TextFormat};
use crate::paragraphs::is_blank;

/// The longest line or paragraph that is taken as one document. While it is encoded it needs about 110 times its size in
/// memory (measured on 6 MB of English with BERT's and RoBERTa's tokenizers), and that in each thread.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// A file of lines.
pub(crate) struct OpenLines {
    path: PathBuf,
    compression: Compression,
    content: Content,
    source: Arc<Source>,
    format: TextFormat,
    /// Where the next chunk starts.
    next: Position,
    /// A document beyond all bounds that was passed over and not reported yet.
    too_long: Option<TooLong>,
}

/// Size of what was passed over.
struct TooLong {
    bytes: u64,
    lines: u64,
}

impl OpenLines {
    /// Opens the file of number `next.source` at `next`.
    pub(crate) fn open(
        file: &InputFile,
        source: Arc<Source>,
        next: Position,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let InputFile { path, compression, format, .. } = file;
        Ok(Self {
            path: path.clone(),
            compression: *compression,
            content: Content::open_at(path, *compression, next.offset, watch)?,
            source,
            format: *format,
            next,
            too_long: None,
        })
    }

    /// The next chunk of some `chunk_bytes`, or none at the end. Where it ends depends on where it starts alone.
    pub(crate) fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<Chunk>> {
        let position = self.next;
        let failed = read_error(&self.path, self.compression);
        let mut bytes = Vec::new();
        // Where the document starts that is being read, and its lines so far.
        let (mut document, mut lines) = (0, 0);
        while self.too_long.is_none() && (bytes.len() < chunk_bytes || document < bytes.len()) {
            let start = bytes.len();
            let reader = &mut self.content.reader;
            let read = reader.take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut bytes).map_err(&failed)?;
            if read == 0 {
                break;
            }
            lines += 1;
            let ended = bytes.last() == Some(&b'\n');
            let last = match self.format {
                TextFormat::Paragraphs => is_blank(&bytes[start..]),
                _ => true,
            };
            let within_bounds = |size: usize| size - usize::from(ended) <= LONGEST_LINE;
            if !within_bounds(read) || (!last && !within_bounds(bytes.len() - document)) {
                let (rest, more_lines) = self.pass_over(ended).map_err(&failed)?;
                let bytes_so_far = (bytes.len() - document) as u64;
                self.too_long = Some(TooLong { bytes: bytes_so_far + rest, lines: lines + more_lines });
                bytes.truncate(document);
            } else if last {
                document = bytes.len();
                self.next.first += std::mem::take(&mut lines);
            }
        }
        if !bytes.is_empty() {
            let size = self.pass(bytes.len() as u64);
            let text = match self.format {
                TextFormat::JsonLines => ChunkText::JsonLines(bytes),
                TextFormat::Paragraphs => ChunkText::Paragraphs(bytes),
                TextFormat::Lines | TextFormat::Parquet => ChunkText::Lines(bytes),
            };
            return Ok(Some(Chunk { source: self.source.clone(), first: position.first, text, bytes: size, position }));
        }
        Ok(self.too_long.take().map(|TooLong { bytes, lines }| {
            self.next.first += lines;
            let bytes = self.pass(bytes);
            let cause = format!("longer than {} MiB; {}", LONGEST_LINE >> 20, self.how_to_divide());
            let (source, first) = (self.source.clone(), position.first);
            Chunk { source, first, text: ChunkText::Documents(vec![Err(cause)]), bytes, position }
        }))
    }

    /// Passes over the rest of a document, of a line that has `ended` or not; gives the bytes and further lines of it.
    fn pass_over(&mut self, ended: bool) -> io::Result<(u64, u64)> {
        let reader = &mut self.content.reader;
        let (mut bytes, mut lines) = (0, 0);
        if !ended {
            bytes += reader.skip_until(b'\n')? as u64;
        }
        let mut line = Vec::new();
        while self.format == TextFormat::Paragraphs && !(lines > 0 && is_blank(&line)) {
            line.clear();
            let read = reader.take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            lines += 1;
            if line.last() != Some(&b'\n') {
                bytes += reader.skip_until(b'\n')? as u64;
            }
        }
        Ok((bytes, lines))
    }

    fn how_to_divide(&self) -> &'static str {
        match self.format {
            TextFormat::Paragraphs => "put blank lines between its documents",
            _ => "put its documents on lines of their own",
        }
    }

    /// Moves on by so many bytes of text; gives the bytes of the file that they stand for.
    fn pass(&mut self, bytes: u64) -> u64 {
        self.next.offset += bytes;
        if self.compression == Compression::None {
            return bytes;
        }
        let now = self.content.file_bytes().max(self.next.file_bytes);
        now - std::mem::replace(&mut self.next.file_bytes, now)
    }
}
