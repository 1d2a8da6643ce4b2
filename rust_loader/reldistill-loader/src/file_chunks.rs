//! Files as chunks of bounded size, each of whole lines or rows: what the encoding threads work on.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::compression::{Compression, Content, read_error};
use crate::error::{Error, Result};
use crate::input_files::{InputFile, TextFormat};
use crate::manifest::PartEntry;
use crate::paragraphs::is_blank;
use crate::parquet_rows::ParquetRows;
use crate::parts::{Part, inputs_fingerprint};
use crate::tokenize::TextDocuments;

/// Text in a chunk: small enough to keep many threads busy and a stop quick, large enough to hide the hand-over.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// The longest line or paragraph that is taken as one document. While it is encoded it needs about 110 times its size in memory
/// (measured on 6 MB of English with BERT's and RoBERTa's tokenizers), and that in each thread.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// Some consecutive documents.
#[derive(Debug)]
pub struct Chunk {
    /// Where they come from.
    pub source: Arc<Source>,
    /// Number of the first line or document in its source, from 1.
    pub first: u64,
    /// The documents.
    pub text: ChunkText,
    /// Bytes of the input that this chunk stands for.
    pub bytes: u64,
    /// Where it starts.
    pub position: Position,
}

/// Where a chunk starts: what it takes to read on from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Number of the source, from 0.
    pub source: usize,
    /// How much of the source lies before it: bytes of text, unpacked; rows; or documents.
    pub offset: u64,
    /// Number of its first line, row or document in the source, from 1.
    pub first: u64,
    /// Bytes of a packed file that the chunks before it stood for.
    pub file_bytes: u64,
}

/// Where documents come from.
#[derive(Debug)]
pub struct Source {
    /// Its name in the manifest.
    pub name: String,
    /// The file, if it is one.
    pub path: Option<PathBuf>,
}

/// Documents as they were read.
#[derive(Debug)]
pub enum ChunkText {
    /// Lines of a text file, each one a document.
    Lines(Vec<u8>),
    /// Lines of a text file, whose documents blank lines separate. None goes on in the next chunk.
    Paragraphs(Vec<u8>),
    /// Lines of a `.jsonl` file.
    JsonLines(Vec<u8>),
    /// Documents, or what is wrong with them.
    Documents(Vec<std::result::Result<String, String>>),
}

/// Where chunks come from: files here, a Python iterable elsewhere.
pub trait ChunkSource {
    /// The next chunk, or none at the end.
    ///
    /// # Errors
    /// Whatever reading them meets.
    fn next_chunk(&mut self) -> Result<Option<Chunk>>;
    /// Names for the manifest.
    fn names(&self) -> Vec<String>;
    /// Bytes of the whole input, if that is known.
    fn bytes_total(&self) -> Option<u64>;
    /// What tells these documents from any others, so that an interrupted build of them can be continued; none if
    /// nothing does.
    fn identity(&self) -> Option<String>;
    /// Goes to where a chunk of the same documents started; the next chunk starts there too. `watch` is called now and
    /// then, for what cannot be jumped over.
    ///
    /// # Errors
    /// Whatever reading them meets, and what `watch` returns.
    fn seek(&mut self, position: &Position, watch: &mut dyn FnMut() -> Result<()>) -> Result<()>;
    /// Which part of a larger input this is, if it is not the whole.
    fn part(&self) -> Option<&PartEntry> {
        None
    }
}

/// Reads files one after the other.
pub struct FileChunks {
    files: Vec<InputFile>,
    text_column: String,
    next_file: usize,
    open: Option<OpenFile>,
    bytes_total: u64,
    identity: String,
    part: Option<PartEntry>,
    chunk_bytes: usize,
}

enum OpenFile {
    Lines(OpenLines),
    Rows(OpenRows),
}

/// A file of lines.
struct OpenLines {
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

/// A file of rows.
struct OpenRows {
    rows: ParquetRows,
    source: Arc<Source>,
    /// Where the next chunk starts.
    next: Position,
    file_bytes: u64,
}

impl FileChunks {
    /// Looks at each file, so that one that is missing is known before hours of work. `text_column` is that of
    /// Parquet files.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(files: Vec<InputFile>, text_column: &str) -> Result<Self> {
        Self::of(files, text_column, None)
    }

    /// Says what is one document of a `.txt` file; a line, if this is not called.
    #[must_use]
    pub fn with_text_documents(mut self, documents: TextDocuments) -> Self {
        let format = match documents {
            TextDocuments::Lines => TextFormat::Lines,
            TextDocuments::Paragraphs => TextFormat::Paragraphs,
        };
        for file in &mut self.files {
            if matches!(file.format, TextFormat::Lines | TextFormat::Paragraphs) {
                file.format = format;
            }
        }
        self
    }

    /// Those of the files that belong to a part: whole ones, contiguous, by their sizes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of_part(files: Vec<InputFile>, text_column: &str, part: Part) -> Result<Self> {
        Self::of(files, text_column, Some(part))
    }

    fn of(mut files: Vec<InputFile>, text_column: &str, part: Option<Part>) -> Result<Self> {
        let mut seen = Vec::with_capacity(files.len());
        for InputFile { path, name, .. } in &files {
            let status = fs::metadata(path).map_err(Error::io("read", path))?;
            let place = fs::canonicalize(path).map_err(Error::io("read", path))?;
            let changed = status.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let changed = changed.map(|since| since.as_nanos());
            seen.push((name.clone(), status.len(), place.to_string_lossy().into_owned(), changed));
        }
        let part = part.map(|part| {
            let inputs = inputs_fingerprint(seen.iter().map(|(name, size, ..)| (name.as_str(), *size)));
            let range = part.files(&seen.iter().map(|(_, size, ..)| *size).collect::<Vec<_>>());
            files = files.drain(range.clone()).collect();
            seen = seen.drain(range).collect();
            PartEntry { number: part.number(), of: part.of(), inputs }
        });
        Ok(Self {
            files,
            text_column: text_column.to_owned(),
            next_file: 0,
            open: None,
            bytes_total: seen.iter().map(|(_, size, ..)| size).sum(),
            identity: serde_json::to_string(&seen).expect("strings and numbers are JSON"),
            part,
            chunk_bytes: CHUNK_BYTES,
        })
    }

    /// The same in chunks of another size than [`CHUNK_BYTES`]; a corpus does not depend on it.
    #[must_use]
    pub fn in_chunks_of(self, chunk_bytes: usize) -> Self {
        Self { chunk_bytes, ..self }
    }

    /// Opens the file that `next` names, there; none behind the last one.
    fn open_at(&mut self, next: Position, watch: &mut dyn FnMut() -> Result<()>) -> Result<Option<OpenFile>> {
        let Some(InputFile { path, name, format, compression }) = self.files.get(next.source) else {
            return Ok(None);
        };
        self.next_file = next.source + 1;
        let source = Arc::new(Source { name: name.clone(), path: Some(path.clone()) });
        Ok(Some(match format {
            TextFormat::Parquet => OpenFile::Rows(OpenRows {
                rows: ParquetRows::open(path, *compression, &self.text_column, next.offset)?,
                source,
                next,
                file_bytes: fs::metadata(path).map_err(Error::io("read", path))?.len(),
            }),
            TextFormat::Lines | TextFormat::Paragraphs | TextFormat::JsonLines => OpenFile::Lines(OpenLines {
                path: path.clone(),
                compression: *compression,
                content: Content::open_at(path, *compression, next.offset, watch)?,
                source,
                format: *format,
                next,
                too_long: None,
            }),
        }))
    }
}

impl ChunkSource for FileChunks {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if self.open.is_none() {
                let next = Position { source: self.next_file, first: 1, ..Position::default() };
                self.open = self.open_at(next, &mut || Ok(()))?;
            }
            let Some(file) = &mut self.open else { return Ok(None) };
            if let Some(chunk) = file.next_chunk(self.chunk_bytes)? {
                return Ok(Some(chunk));
            }
            self.open = None;
        }
    }

    fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).collect()
    }

    fn bytes_total(&self) -> Option<u64> {
        Some(self.bytes_total)
    }

    fn identity(&self) -> Option<String> {
        Some(self.identity.clone())
    }

    fn seek(&mut self, position: &Position, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.open = self.open_at(*position, watch)?;
        Ok(())
    }

    fn part(&self) -> Option<&PartEntry> {
        self.part.as_ref()
    }
}

impl OpenFile {
    fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<Chunk>> {
        match self {
            Self::Lines(lines) => lines.next_chunk(chunk_bytes),
            Self::Rows(rows) => rows.next_chunk(chunk_bytes),
        }
    }
}

impl OpenLines {
    fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<Chunk>> {
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

impl OpenRows {
    fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<Chunk>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
        chunks_of(TextDocuments::Lines, content)
    }

    fn paragraphs(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
        chunks_of(TextDocuments::Paragraphs, content)
    }

    fn chunks_of(documents: TextDocuments, content: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, content).unwrap();
        let (format, compression) = (TextFormat::Lines, Compression::None);
        let file = InputFile { path, name: "a.txt".into(), format, compression };
        let mut source = FileChunks::new(vec![file], "text").unwrap().with_text_documents(documents);
        assert_eq!(source.bytes_total(), Some(content.len() as u64));
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(chunk) = source.next_chunk().unwrap() {
            bytes += chunk.bytes;
            found.push(match chunk.text {
                ChunkText::Lines(lines) | ChunkText::Paragraphs(lines) => (chunk.first, lines),
                ChunkText::Documents(faults) => (chunk.first, faults[0].clone().unwrap_err().into_bytes()),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(bytes, content.len() as u64);
        found
    }

    #[test]
    fn chunks_end_at_line_ends_and_know_their_first_line() {
        let content: Vec<u8> = (0..100_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        let found = chunks(&content);
        assert!(found.len() > 3);
        let mut lines = 1;
        for (first, bytes) in &found {
            assert_eq!(*first, lines);
            assert_eq!(bytes.last(), Some(&b'\n'));
            lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        }
        assert_eq!(found.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>(), content);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(chunks(b"a\nb"), [(1, b"a\nb".to_vec())]);
        assert_eq!(chunks(b""), []);
    }

    #[test]
    fn a_line_beyond_all_bounds_is_passed_over_alone() {
        let mut content = b"a\n".to_vec();
        content.extend(std::iter::repeat_n(b'x', LONGEST_LINE + 2));
        content.extend(b"\nb\n");
        let too_long = b"longer than 16 MiB; put its documents on lines of their own".to_vec();
        assert_eq!(chunks(&content), [(1, b"a\n".to_vec()), (2, too_long), (3, b"b\n".to_vec())]);
    }

    #[test]
    fn chunks_of_paragraphs_end_at_blank_lines() {
        let paragraph =
            |number: usize| "some words\n".repeat(1 + number % 40) + ["\n", " \r\n\n", "\u{3000}\n"][number % 3];
        let content: String = (0..5000).map(paragraph).collect();
        let found = paragraphs(content.as_bytes());
        assert!(found.len() > 3);
        let mut lines = 1;
        for (first, bytes) in &found {
            assert_eq!(*first, lines);
            assert!(is_blank(bytes.split_inclusive(|&byte| byte == b'\n').next_back().unwrap()));
            lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        }
        assert_eq!(found.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>(), content.as_bytes());
    }

    #[test]
    fn a_paragraph_may_be_longer_than_a_chunk() {
        let content = "x".repeat(CHUNK_BYTES).into_bytes();
        let content = [&content[..], b"\n", &content, b"\n\nb"].concat();
        assert_eq!(paragraphs(&content), [(1, content[..content.len() - 1].to_vec()), (4, b"b".to_vec())]);
    }

    #[test]
    fn a_paragraph_beyond_all_bounds_is_passed_over_alone() {
        let line = [vec![b'x'; LONGEST_LINE / 2 - 1], vec![b'\n']].concat();
        let longest = [&line[..], &line[1..], b"y"].concat();
        assert_eq!(longest.len(), LONGEST_LINE);
        let too_long = b"longer than 16 MiB; put blank lines between its documents".to_vec();
        // Just within the bounds, then beyond them by a byte, then by a line, then by one that alone is too long.
        let within = [b"a\n\n", &longest[..], b"\n \n"].concat();
        assert_eq!(paragraphs(&within), [(1, within.clone())]);
        for over in [&b"z\n"[..], b"\nz\n", &[b"\n", &[b'x'; LONGEST_LINE + 9][..], b"\nz"].concat()] {
            let content = [b"a\n\n", &longest[..], over, b"z\n\nb\n"].concat();
            let first_of_b = content.iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert_eq!(
                paragraphs(&content),
                [(1, b"a\n\n".to_vec()), (3, too_long.clone()), (first_of_b, b"b\n".to_vec())]
            );
        }
        let endless = [&longest[..], b"z"].concat();
        assert_eq!(paragraphs(&endless), [(1, too_long.clone())]);
    }
}
