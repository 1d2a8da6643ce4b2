//! What the encoding threads work on: chunks of bounded size, each of whole documents, and where they come from.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::manifest::PartEntry;

/// Text in a chunk: small enough to keep many threads busy and a stop quick, large enough to hide the hand-over.
pub const CHUNK_BYTES: usize = 256 * 1024;
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
    /// The next chunk, or none at the end. `watch` is called now and then where that takes long.
    ///
    /// # Errors
    /// Whatever reading them meets, and what `watch` returns.
    fn next_chunk(&mut self, watch: &mut dyn FnMut() -> Result<()>) -> Result<Option<Chunk>>;
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
