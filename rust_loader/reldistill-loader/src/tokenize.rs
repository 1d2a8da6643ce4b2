//! Text into a corpus: read, encode in threads, write in the order of the text.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::chunk::{ChunkSource, Source};
use crate::corpus_folder::OutputFolder;
use crate::corpus_writer::{CorpusWriter, sequences_per_record_batch};
use crate::encoder::Encoder;
use crate::encoding_threads::{EncodedChunk, EncodingThreads, Outcome};
use crate::error::{Error, Result};
use crate::joiner::Joiner;
use crate::journal::{ChunkStart, Recipe};
use crate::manifest::{Manifest, Options, PartEntry, SkippedRecord, Totals};
use crate::parts::Part;
use crate::watch::{WATCH_INTERVAL, Watch};

/// A shard that would grow beyond this many tokens is closed.
const SHARD_TOKENS: u64 = 64 << 20;
/// Skipped records that the manifest lists; the rest is only counted.
pub(crate) const LISTED_SKIPS: usize = 20;
/// Threads, beyond which more are surely a mistake.
const MOST_THREADS: usize = 1024;

/// What to do with a record that is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stop with an error that names it.
    Raise,
    /// Leave it out, count it and list the first few in the manifest.
    Skip,
}

/// What becomes of documents that are shorter than a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Documents {
    /// Each is a sequence of its own.
    Split,
    /// Consecutive ones of a source become one sequence, with the tokenizer's end marks between them.
    Join,
}

/// What is one document of a `.txt` file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextDocuments {
    /// A line.
    #[default]
    Lines,
    /// Consecutive lines that are not blank, with the line ends between them.
    Paragraphs,
}

impl TextDocuments {
    /// Whether it is what a manifest leaves unsaid.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where documents are cut that are longer than a sequence. No token is lost, and ids do not change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Windows {
    /// Where a sequence is full.
    #[default]
    Tokens,
    /// Behind the last sentence that fits (UAX #29); one that alone is longer is cut where the sequence is full.
    Sentences,
    /// Behind the last line that fits; one that alone is longer is cut where the sequence is full.
    Lines,
}

impl Windows {
    /// Whether it is what a manifest leaves unsaid.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Its name in manifests and arguments.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Sentences => "sentences",
            Self::Lines => "lines",
        }
    }
}

/// What decides the result, and how it is made.
#[derive(Debug, Clone)]
pub struct TokenizeOptions {
    /// Greatest number of tokens in a sequence, special tokens included.
    pub max_length: usize,
    /// What becomes of documents that are shorter than that.
    pub documents: Documents,
    /// The field of a `.jsonl` record or the column of a `.parquet` file that holds the text.
    pub text_column: String,
    /// What is one document of a `.txt` file; [`FileChunks`](crate::FileChunks) has to be told as well.
    pub text_documents: TextDocuments,
    /// Where documents are cut that are longer than a sequence.
    pub windows: Windows,
    /// Threads that encode; 0 for as many as there are processors. They do not alter the result.
    pub threads: usize,
    /// Stop after this many sequences.
    pub max_sequences: Option<u64>,
    /// Replace a corpus that is in the output folder.
    pub overwrite: bool,
    /// What to do with a broken record.
    pub on_error: OnError,
    /// A shard that would grow beyond this many tokens is closed.
    pub shard_tokens: u64,
}

impl Default for TokenizeOptions {
    fn default() -> Self {
        Self {
            max_length: 512,
            documents: Documents::Split,
            text_column: "text".to_owned(),
            text_documents: TextDocuments::Lines,
            windows: Windows::Tokens,
            threads: 0,
            max_sequences: None,
            overwrite: false,
            on_error: OnError::Raise,
            shard_tokens: SHARD_TOKENS,
        }
    }
}

impl TokenizeOptions {
    fn check(&self) -> Result<()> {
        let wrong = |name, value: &dyn ToString, allowed: &str| {
            Err(Error::Argument { name, value: value.to_string(), allowed: allowed.to_owned() })
        };
        if self.threads > MOST_THREADS {
            return wrong("threads", &self.threads, "pass a number from 1 to 1024, or 0 for one per processor");
        }
        if self.max_sequences == Some(0) {
            return wrong("max_sequences", &0, "pass a number from 1, or None for all");
        }
        if self.shard_tokens == 0 {
            return wrong("shard_tokens", &0, "pass a number from 1");
        }
        Ok(())
    }

    fn for_manifest(&self) -> Options {
        Options {
            max_length: self.max_length as u64,
            documents: self.documents,
            max_sequences: self.max_sequences,
            text_column: self.text_column.clone(),
            text_documents: self.text_documents,
            windows: self.windows,
        }
    }

    fn thread_count(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of text that have been written as tokens.
    pub bytes_done: u64,
    /// Bytes of text in all, if known.
    pub bytes_total: Option<u64>,
    /// Documents so far.
    pub documents: u64,
    /// Sequences so far.
    pub sequences: u64,
    /// Tokens so far.
    pub tokens: u64,
    /// Sequences among them that were found in the output folder, of an interrupted build.
    pub continued: u64,
}

/// Makes a corpus of what `source` gives; returns its manifest and the manifest's text.
///
/// The bytes written are a function of text, tokenizer and options; threads and time have no part in it, nor has how
/// often the build was interrupted: where `output` holds finished shards of the same build, it goes on behind them.
/// Memory is bounded by a few chunks a thread. `watch` is called at the start, some eight times a second and at the end.
///
/// # Errors
/// Those of the options, the output folder, the source and, with [`OnError::Raise`], the first broken record in the
/// order of the text; whatever `watch` returns. Nothing is left under its final name then; finished shards stay under
/// another one, to be gone on with, if the source has an identity.
///
/// A source that is a part of a larger input is written to a folder of its own in `output`, and may give no sequence.
pub fn tokenize(
    source: &mut dyn ChunkSource,
    encoder: Encoder,
    output: &Path,
    options: &TokenizeOptions,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<(Manifest, String)> {
    options.check()?;
    let encoder = Arc::new(encoder.with_windows(options.windows)?);
    let joiner = match options.documents {
        Documents::Split => None,
        Documents::Join => Some(Joiner::new(&encoder, options.max_length)?),
    };
    let part = source.part().cloned();
    let recipe = source.identity().map(|documents| recipe(&encoder, options, part.as_ref(), &documents));
    let folder = match (&part, options.max_sequences) {
        (None, _) => OutputFolder::claim(output, options.overwrite)?,
        (Some(PartEntry { number, of, .. }), None) => {
            OutputFolder::claim_part(output, Part::new(*number, *of)?, options.overwrite)?
        }
        (Some(_), Some(most)) => {
            let allowed = "a part takes all of its files: leave the bound out, or build without parts".to_owned();
            return Err(Error::Argument { name: "max_sequences", value: most.to_string(), allowed });
        }
    };
    let bytes_total = source.bytes_total();
    let mut watch = Watch::new(watch);
    let (dtype, max_length, shard_tokens) = (encoder.dtype(), options.max_length, options.shard_tokens);
    // Records that an earlier build left out are an error for this one, unless it leaves them out as well.
    let is_welcome = |start: &ChunkStart| options.on_error == OnError::Skip || start.totals.skipped_records == 0;
    let nothing = Progress { bytes_total, ..Progress::default() };
    watch.now(&nothing)?;
    let (writer, start) = CorpusWriter::open(folder, recipe, dtype, max_length, shard_tokens, is_welcome, &mut || {
        watch.now_and_then(|| nothing)
    })?;
    let (totals, skipped) = (Totals::default(), Vec::new());
    let mut build = Build { writer, options, joiner, totals, skipped, bytes_done: 0 };
    if let Some(start) = start {
        let position = start.position;
        build.restore(start);
        watch.now(&build.progress(bytes_total))?;
        source.seek(&position, &mut || watch.now_and_then(|| build.progress(bytes_total)))?;
    }

    let thread_count = options.thread_count();
    let mut threads = EncodingThreads::start(encoder.clone(), &options.text_column, thread_count)
        .map_err(Error::io("start threads to encode for", output))?;
    let most_in_flight = 2 * thread_count as u64 + 1;
    let mut exhausted = false;
    while !build.is_full() {
        while !exhausted && threads.in_flight() < most_in_flight {
            match source.next_chunk(&mut || watch.now_and_then(|| build.progress(bytes_total)))? {
                Some(chunk) => threads.submit(chunk),
                None => exhausted = true,
            }
            if watch.is_due() {
                break;
            }
        }
        if exhausted && threads.in_flight() == 0 {
            break;
        }
        if let Some(encoded) = threads.take(WATCH_INTERVAL) {
            build.write(encoded)?;
        }
        watch.now_and_then(|| build.progress(bytes_total))?;
    }
    drop(threads);
    watch.now(&build.progress(bytes_total))?;
    build.write_pending()?;
    build.finish(&encoder, source.names(), part)
}

/// What decides the bytes, as one short text.
fn recipe(encoder: &Encoder, options: &TokenizeOptions, part: Option<&PartEntry>, documents: &str) -> String {
    Recipe {
        tokenizer: encoder.entry(),
        options: &options.for_manifest(),
        shard_tokens: options.shard_tokens,
        sequences_per_record_batch: sequences_per_record_batch(options.max_length),
        part,
        documents,
    }
    .fingerprint()
}

/// A corpus in the making.
struct Build<'a> {
    writer: CorpusWriter,
    options: &'a TokenizeOptions,
    joiner: Option<Joiner>,
    totals: Totals,
    skipped: Vec<SkippedRecord>,
    bytes_done: u64,
}

impl Build<'_> {
    fn is_full(&self) -> bool {
        self.options.max_sequences.is_some_and(|most| self.writer.sequences() >= most)
    }

    /// Takes up the state that a build had where a chunk starts.
    fn restore(&mut self, start: ChunkStart) {
        let ChunkStart { position: _, totals, skipped, pending, bytes_done } = start;
        if let (Some(joiner), Some(pending)) = (&mut self.joiner, pending) {
            joiner.restore(pending);
        }
        (self.totals, self.skipped, self.bytes_done) = (totals, skipped, bytes_done);
    }

    fn write(&mut self, encoded: EncodedChunk) -> Result<()> {
        let EncodedChunk { source, first, bytes, position, outcomes, ids, ends } = encoded;
        self.writer.start_chunk(ChunkStart {
            position,
            totals: self.totals_so_far(),
            skipped: self.skipped.clone(),
            pending: self.joiner.as_ref().map(|joiner| joiner.pending().clone()),
            bytes_done: self.bytes_done,
        });
        if self.joiner.as_mut().is_some_and(|joiner| joiner.is_new(position.source)) {
            self.write_pending()?;
        }
        let (mut start, mut ends) = (0, ends.into_iter());
        for (number, outcome) in (first..).zip(outcomes) {
            if self.is_full() {
                break;
            }
            match outcome {
                Outcome::Blank => {}
                Outcome::Fault(cause) => self.fault(&source, number, cause)?,
                Outcome::Document(sequences) => {
                    self.totals.documents += 1;
                    self.totals.empty_documents += u64::from(sequences == 0);
                    for end in ends.by_ref().take(sequences) {
                        if !self.is_full() {
                            self.push(&ids[start..end])?;
                        }
                        start = end;
                    }
                }
            }
        }
        self.bytes_done += bytes;
        Ok(())
    }

    fn push(&mut self, ids: &[u32]) -> Result<()> {
        match &mut self.joiner {
            None => self.writer.push(ids),
            Some(joiner) => match joiner.join(ids) {
                Some(full) => self.writer.push(&full),
                None => Ok(()),
            },
        }
    }

    /// Writes what waits to be joined with more.
    fn write_pending(&mut self) -> Result<()> {
        match self.joiner.as_mut().and_then(Joiner::take) {
            Some(pending) if !self.is_full() => self.writer.push(&pending),
            _ => Ok(()),
        }
    }

    fn fault(&mut self, source: &Source, number: u64, cause: String) -> Result<()> {
        match (self.options.on_error, &source.path) {
            (OnError::Raise, Some(path)) => Err(Error::BadLine { path: path.clone(), line: number, cause }),
            (OnError::Raise, None) => Err(Error::BadDocument { source_name: source.name.clone(), number, cause }),
            (OnError::Skip, _) => {
                self.totals.skipped_records += 1;
                if self.skipped.len() < LISTED_SKIPS {
                    self.skipped.push(SkippedRecord { source: source.name.clone(), line: number, cause });
                }
                Ok(())
            }
        }
    }

    fn totals_so_far(&self) -> Totals {
        Totals { sequences: self.writer.sequences(), tokens: self.writer.tokens(), ..self.totals }
    }

    fn progress(&self, bytes_total: Option<u64>) -> Progress {
        let found = self.writer.found();
        Progress {
            bytes_done: self.bytes_done,
            bytes_total,
            documents: self.totals.documents,
            // The text of a shard's last chunk is encoded again; what is in the shard is there meanwhile.
            sequences: self.writer.sequences().max(found.sequences),
            tokens: self.writer.tokens().max(found.tokens),
            continued: found.sequences,
        }
    }

    fn finish(self, encoder: &Encoder, sources: Vec<String>, part: Option<PartEntry>) -> Result<(Manifest, String)> {
        self.writer.finish(encoder, self.options.for_manifest(), sources, part, self.totals, self.skipped)
    }
}
