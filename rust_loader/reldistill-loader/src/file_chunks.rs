//! Files as chunks, one file after the other.

use std::fs;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::chunk::{CHUNK_BYTES, Chunk, ChunkSource, Position, Source};
use crate::error::{Error, Result};
use crate::input_files::{InputFile, TextFormat};
use crate::line_chunks::OpenLines;
use crate::manifest::PartEntry;
use crate::parts::{Part, inputs_fingerprint};
use crate::row_chunks::OpenRows;
use crate::tokenize::TextDocuments;

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
        let Some(file) = self.files.get(next.source) else { return Ok(None) };
        self.next_file = next.source + 1;
        let source = Arc::new(Source { name: file.name.clone(), path: Some(file.path.clone()) });
        Ok(Some(match file.format {
            TextFormat::Parquet => OpenFile::Rows(OpenRows::open(file, &self.text_column, source, next, watch)?),
            TextFormat::Lines | TextFormat::Paragraphs | TextFormat::JsonLines => {
                OpenFile::Lines(OpenLines::open(file, source, next, watch)?)
            }
        }))
    }
}

impl ChunkSource for FileChunks {
    fn next_chunk(&mut self, watch: &mut dyn FnMut() -> Result<()>) -> Result<Option<Chunk>> {
        loop {
            if self.open.is_none() {
                let next = Position { source: self.next_file, first: 1, ..Position::default() };
                self.open = self.open_at(next, watch)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ChunkText;
    use crate::compression::Compression;
    use crate::line_chunks::LONGEST_LINE;
    use crate::paragraphs::is_blank;

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
        while let Some(chunk) = source.next_chunk(&mut || Ok(())).unwrap() {
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
