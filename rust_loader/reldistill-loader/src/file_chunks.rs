//! Files as chunks of bounded size, each of whole lines or rows: what the encoding threads work on.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::compression::{Compression, Content, read_error};
use crate::error::{Error, Result};
use crate::input_files::{InputFile, TextFormat};
use crate::paragraphs::is_blank;
use crate::parquet_rows::ParquetRows;
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
}

/// Reads files one after the other.
pub struct FileChunks {
    files: Vec<InputFile>,
    text_column: String,
    next_file: usize,
    open: Option<OpenFile>,
    bytes_total: u64,
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
    next_line: u64,
    /// Bytes of the file that chunks stood for so far.
    reported: u64,
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
    next_row: u64,
    file_bytes: u64,
}

impl FileChunks {
    /// Looks at each file, so that one that is missing is known before hours of work. `text_column` is that of
    /// Parquet files.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(files: Vec<InputFile>, text_column: &str) -> Result<Self> {
        let mut bytes_total = 0;
        for file in &files {
            bytes_total += fs::metadata(&file.path).map_err(Error::io("read", &file.path))?.len();
        }
        Ok(Self { files, text_column: text_column.to_owned(), next_file: 0, open: None, bytes_total })
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

    fn open_next(&mut self) -> Result<Option<OpenFile>> {
        let Some(InputFile { path, name, format, compression }) = self.files.get(self.next_file) else {
            return Ok(None);
        };
        self.next_file += 1;
        let source = Arc::new(Source { name: name.clone(), path: Some(path.clone()) });
        Ok(Some(match format {
            TextFormat::Parquet => OpenFile::Rows(OpenRows {
                rows: ParquetRows::open(path, *compression, &self.text_column)?,
                source,
                next_row: 1,
                file_bytes: fs::metadata(path).map_err(Error::io("read", path))?.len(),
            }),
            TextFormat::Lines | TextFormat::Paragraphs | TextFormat::JsonLines => OpenFile::Lines(OpenLines {
                path: path.clone(),
                compression: *compression,
                content: Content::open(path, *compression)?,
                source,
                format: *format,
                next_line: 1,
                reported: 0,
                too_long: None,
            }),
        }))
    }
}

impl ChunkSource for FileChunks {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if self.open.is_none() {
                self.open = self.open_next()?;
            }
            let Some(file) = &mut self.open else { return Ok(None) };
            if let Some(chunk) = file.next_chunk()? {
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
}

impl OpenFile {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        match self {
            Self::Lines(lines) => lines.next_chunk(),
            Self::Rows(rows) => rows.next_chunk(),
        }
    }
}

impl OpenLines {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let first = self.next_line;
        let failed = read_error(&self.path, self.compression);
        let mut bytes = Vec::new();
        // Where the document starts that is being read, and its lines so far.
        let (mut document, mut lines) = (0, 0);
        while self.too_long.is_none() && (bytes.len() < CHUNK_BYTES || document < bytes.len()) {
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
                self.next_line += std::mem::take(&mut lines);
            }
        }
        if !bytes.is_empty() {
            let size = self.stands_for(bytes.len() as u64);
            let text = match self.format {
                TextFormat::JsonLines => ChunkText::JsonLines(bytes),
                TextFormat::Paragraphs => ChunkText::Paragraphs(bytes),
                TextFormat::Lines | TextFormat::Parquet => ChunkText::Lines(bytes),
            };
            return Ok(Some(Chunk { source: self.source.clone(), first, text, bytes: size }));
        }
        Ok(self.too_long.take().map(|TooLong { bytes, lines }| {
            self.next_line += lines;
            let bytes = self.stands_for(bytes);
            let cause = format!("longer than {} MiB; {}", LONGEST_LINE >> 20, self.how_to_divide());
            Chunk { source: self.source.clone(), first, text: ChunkText::Documents(vec![Err(cause)]), bytes }
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

    /// Bytes of the file behind so many bytes of text.
    fn stands_for(&mut self, bytes: u64) -> u64 {
        if self.compression == Compression::None {
            return bytes;
        }
        let now = self.content.file_bytes();
        now - std::mem::replace(&mut self.reported, now)
    }
}

impl OpenRows {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let (mut documents, mut bytes) = (Vec::new(), 0);
        while bytes < CHUNK_BYTES {
            let Some(rows) = self.rows.next_rows()? else { break };
            bytes += rows.iter().map(|row| row.as_ref().map_or(0, String::len) + 1).sum::<usize>();
            documents.extend(rows);
        }
        if documents.is_empty() {
            return Ok(None);
        }
        let first = self.next_row;
        self.next_row += documents.len() as u64;
        // Rows do not lie behind each other in the file: each stands for its share.
        let up_to =
            |row: u64| (u128::from(self.file_bytes) * u128::from(row) / u128::from(self.rows.rows().max(1))) as u64;
        let bytes = up_to(self.next_row - 1) - up_to(first - 1);
        Ok(Some(Chunk { source: self.source.clone(), first, text: ChunkText::Documents(documents), bytes }))
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
