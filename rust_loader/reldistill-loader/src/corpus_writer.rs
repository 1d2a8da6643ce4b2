//! Sequences into shards, shards into a corpus.

use std::path::Path;

use crate::corpus_folder::{OutputFolder, shard_name};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::manifest::{FORMAT, FORMAT_VERSION, Manifest, Options, ShardEntry, SkippedRecord, TokenDtype, Totals};
use crate::shard_writer::ShardWriter;

/// A record batch aims at this many tokens: the unit that other readers load at once.
const RECORD_BATCH_TOKENS: usize = 1 << 20;
const MOST_SEQUENCES_PER_RECORD_BATCH: usize = 4096;

/// A corpus being written. Dropped before [`CorpusWriter::finish`], it leaves nothing.
pub(crate) struct CorpusWriter {
    folder: OutputFolder,
    dtype: TokenDtype,
    sequences_per_record_batch: usize,
    shard_tokens: u64,
    current: Option<ShardWriter>,
    finished: Vec<ShardEntry>,
    sequences: u64,
    tokens: u64,
}

impl CorpusWriter {
    /// Claims the output folder.
    pub(crate) fn create(
        output: &Path,
        overwrite: bool,
        dtype: TokenDtype,
        max_length: usize,
        shard_tokens: u64,
    ) -> Result<Self> {
        Ok(Self {
            folder: OutputFolder::claim(output, overwrite)?,
            dtype,
            sequences_per_record_batch: (RECORD_BATCH_TOKENS / max_length).clamp(1, MOST_SEQUENCES_PER_RECORD_BATCH),
            shard_tokens,
            current: None,
            finished: Vec::new(),
            sequences: 0,
            tokens: 0,
        })
    }

    /// Adds one sequence; a shard that would grow beyond its bound is closed before.
    pub(crate) fn push(&mut self, ids: &[u32]) -> Result<()> {
        let length = ids.len() as u64;
        if self.current.as_ref().is_some_and(|shard| shard.tokens() + length > self.shard_tokens) {
            self.close_shard()?;
        }
        let shard = match &mut self.current {
            Some(shard) => shard,
            empty => empty.insert(ShardWriter::create(
                self.folder.temporary_shard(self.finished.len()),
                self.dtype,
                self.sequences_per_record_batch,
            )?),
        };
        shard.push(ids)?;
        self.sequences += 1;
        self.tokens += length;
        Ok(())
    }

    /// Sequences so far.
    pub(crate) fn sequences(&self) -> u64 {
        self.sequences
    }

    /// Tokens so far.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Makes the corpus appear under its final names.
    ///
    /// # Errors
    /// [`Error::NothingToWrite`] if there is no sequence, or [`Error::Io`].
    pub(crate) fn finish(
        mut self,
        encoder: &Encoder,
        options: Options,
        sources: Vec<String>,
        totals: Totals,
        skipped: Vec<SkippedRecord>,
    ) -> Result<(Manifest, String)> {
        if self.sequences == 0 {
            return Err(Error::NothingToWrite { documents: totals.documents });
        }
        self.close_shard()?;
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            version: FORMAT_VERSION,
            tokenizer: encoder.entry().clone(),
            options,
            sources,
            totals: Totals { sequences: self.sequences, tokens: self.tokens, ..totals },
            skipped,
            dtype: self.dtype,
            sequences_per_record_batch: self.sequences_per_record_batch as u64,
            shards: self.finished,
            checksum: String::new(),
        };
        manifest.seal();
        let text = manifest.to_json();
        self.folder.publish(manifest.shards.len(), &text)?;
        Ok((manifest, text))
    }

    fn close_shard(&mut self) -> Result<()> {
        if let Some(shard) = self.current.take() {
            self.finished.push(shard.finish(shard_name(self.finished.len()))?);
        }
        Ok(())
    }
}
