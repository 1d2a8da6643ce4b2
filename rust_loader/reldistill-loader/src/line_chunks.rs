//! Text in pieces of bounded size, each of whole lines: what the encoding threads work on.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::input_files::{InputFile, TextFormat};

/// Text in a chunk: small enough to keep many threads busy and a stop quick, large enough to hide the hand-over.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// The longest line that is taken as one document. While it is encoded it needs about 110 times its size in memory
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
    /// Lines of a `.jsonl` file.
    JsonLines(Vec<u8>),
    /// Documents from elsewhere.
    Documents(Vec<String>),
    /// A single line, left out for its length.
    TooLong,
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
pub struct LineChunks {
    files: Vec<InputFile>,
    next_file: usize,
    open: Option<OpenFile>,
    bytes_total: u64,
}

struct OpenFile {
    path: PathBuf,
    reader: BufReader<File>,
    source: Arc<Source>,
    format: TextFormat,
    next_line: u64,
    /// Size of a line beyond all bounds that was passed over and not reported yet.
    too_long: Option<u64>,
}

impl LineChunks {
    /// Looks at each file, so that one that is missing is known before hours of work.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(files: Vec<InputFile>) -> Result<Self> {
        let mut bytes_total = 0;
        for file in &files {
            bytes_total += fs::metadata(&file.path).map_err(Error::io("read", &file.path))?.len();
        }
        Ok(Self { files, next_file: 0, open: None, bytes_total })
    }

    fn open_next(&mut self) -> Result<Option<OpenFile>> {
        let Some(file) = self.files.get(self.next_file) else { return Ok(None) };
        self.next_file += 1;
        let opened = File::open(&file.path).map_err(Error::io("open", &file.path))?;
        Ok(Some(OpenFile {
            path: file.path.clone(),
            reader: BufReader::with_capacity(1 << 20, opened),
            source: Arc::new(Source { name: file.name.clone(), path: Some(file.path.clone()) }),
            format: file.format.clone(),
            next_line: 1,
            too_long: None,
        }))
    }
}

impl ChunkSource for LineChunks {
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
        let first = self.next_line;
        let mut bytes = Vec::new();
        while self.too_long.is_none() && bytes.len() < CHUNK_BYTES {
            let start = bytes.len();
            let mut bounded = (&mut self.reader).take(LONGEST_LINE as u64 + 1);
            let read = bounded.read_until(b'\n', &mut bytes).map_err(Error::io("read", &self.path))?;
            if read == 0 {
                break;
            }
            if read > LONGEST_LINE && bytes.last() != Some(&b'\n') {
                bytes.truncate(start);
                let rest = self.reader.skip_until(b'\n').map_err(Error::io("read", &self.path))?;
                self.too_long = Some((read + rest) as u64);
            } else {
                self.next_line += 1;
            }
        }
        if !bytes.is_empty() {
            let size = bytes.len() as u64;
            let text = match self.format {
                TextFormat::Lines => ChunkText::Lines(bytes),
                TextFormat::JsonLines => ChunkText::JsonLines(bytes),
            };
            return Ok(Some(Chunk { source: self.source.clone(), first, text, bytes: size }));
        }
        Ok(self.too_long.take().map(|size| {
            self.next_line += 1;
            Chunk { source: self.source.clone(), first, text: ChunkText::TooLong, bytes: size }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, content).unwrap();
        let file = InputFile { path, name: "a.txt".into(), format: TextFormat::Lines };
        let mut source = LineChunks::new(vec![file]).unwrap();
        assert_eq!(source.bytes_total(), Some(content.len() as u64));
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(chunk) = source.next_chunk().unwrap() {
            bytes += chunk.bytes;
            found.push(match chunk.text {
                ChunkText::Lines(lines) => (chunk.first, lines),
                ChunkText::TooLong => (chunk.first, b"too long".to_vec()),
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
        assert_eq!(chunks(&content), [(1, b"a\n".to_vec()), (2, b"too long".to_vec()), (3, b"b\n".to_vec())]);
    }
}
