//! Sequences into shards, shards into a corpus.

use arrow_buffer::ToByteSlice;
use xxhash_rust::xxh3::Xxh3Default;

use crate::corpus::Verify;
use crate::corpus_folder::{OutputFolder, shard_name};
use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{ChunkStart, FinishedShard, Journal};
use crate::manifest::{
    FORMAT, FORMAT_VERSION, Manifest, Options, PartEntry, ShardEntry, SkippedRecord, TokenDtype, Totals,
};
use crate::shard::Shard;
use crate::shard_writer::ShardWriter;

/// A record batch aims at this many tokens: the unit that other readers load at once.
const RECORD_BATCH_TOKENS: usize = 1 << 20;
const MOST_SEQUENCES_PER_RECORD_BATCH: usize = 4096;

/// What an interrupted build left.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    /// Sequences in its shards.
    pub(crate) sequences: u64,
    /// Tokens in its shards.
    pub(crate) tokens: u64,
    ids_since_start: u64,
}

/// Sequences in a record batch.
pub(crate) fn sequences_per_record_batch(max_length: usize) -> usize {
    (RECORD_BATCH_TOKENS / max_length).clamp(1, MOST_SEQUENCES_PER_RECORD_BATCH)
}

/// A corpus being written. Dropped before [`CorpusWriter::finish`], it leaves the shards that its journal lists.
pub(crate) struct CorpusWriter {
    folder: OutputFolder,
    /// None where nothing tells whether a later build is of the same text.
    journal: Option<Journal>,
    chunk_start: Option<ChunkStart>,
    ids_since_start: Xxh3Default,
    dtype: TokenDtype,
    sequences_per_record_batch: usize,
    shard_tokens: u64,
    current: Option<ShardWriter>,
    finished: Vec<ShardEntry>,
    found: Found,
    sequences: u64,
    tokens: u64,
}

impl CorpusWriter {
    /// Starts in a folder that was claimed, or goes on with the shards in it that a build of the same `recipe` left;
    /// gives also where to take up the text then. Without a recipe it starts anew, and leaves nothing either.
    ///
    /// Each shard that is found is verified; the first that is damaged, and what follows, is written again.
    /// `is_welcome` may refuse a state of the earlier build. `watch` is called now and then.
    pub(crate) fn open(
        mut folder: OutputFolder,
        recipe: Option<String>,
        dtype: TokenDtype,
        max_length: usize,
        shard_tokens: u64,
        is_welcome: impl Fn(&ChunkStart) -> bool,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<(Self, Option<ChunkStart>)> {
        let per_batch = sequences_per_record_batch(max_length);
        let mut finished = Vec::new();
        let (mut found, mut start) = (Found::default(), None);
        for listed in recipe.iter().flat_map(|recipe| Journal::read(&folder.journal(), recipe)) {
            let number = finished.len();
            if listed.shard.name != shard_name(number) || !is_welcome(&listed.start) {
                break;
            }
            let path = folder.unfinished_shard(number);
            let whole = Shard::open(path, &listed.shard, dtype, per_batch as u64, Verify::Full);
            match whole.and_then(|shard| shard.verify_all(watch)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(_) => break,
            }
            found.sequences += listed.shard.sequences;
            found.tokens += listed.shard.tokens;
            found.ids_since_start = listed.ids_since_start;
            finished.push(listed.shard);
            start = Some(listed.start);
        }
        folder.clean(finished.len())?;
        let journal = recipe.map(|recipe| Journal::open(folder.journal(), recipe, finished.len())).transpose()?;
        let (sequences, tokens) = start.as_ref().map_or((0, 0), |start| (start.totals.sequences, start.totals.tokens));
        let (current, chunk_start) = (None, None);
        let writer = Self {
            folder,
            journal,
            chunk_start,
            ids_since_start: Xxh3Default::new(),
            dtype,
            sequences_per_record_batch: per_batch,
            shard_tokens,
            current,
            finished,
            found,
            sequences,
            tokens,
        };
        Ok((writer, start))
    }

    /// Says where the chunk starts that the next sequences come from.
    pub(crate) fn start_chunk(&mut self, start: ChunkStart) {
        self.chunk_start = Some(start);
        self.ids_since_start.reset();
    }

    /// Adds one sequence, unless it is in a shard already that was found; a shard that would grow beyond its bound is
    /// closed before.
    pub(crate) fn push(&mut self, ids: &[u32]) -> Result<()> {
        let length = ids.len() as u64;
        if self.sequences < self.found.sequences {
            return self.pass_over(ids);
        }
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
        self.count(ids);
        Ok(())
    }

    fn pass_over(&mut self, ids: &[u32]) -> Result<()> {
        self.count(ids);
        let last = self.sequences == self.found.sequences;
        if last && self.ids_since_start.digest() != self.found.ids_since_start {
            return Err(Error::OtherText { folder: self.folder.path().to_owned() });
        }
        Ok(())
    }

    fn count(&mut self, ids: &[u32]) {
        self.sequences += 1;
        self.tokens += ids.len() as u64;
        self.ids_since_start.update(ids.to_byte_slice());
    }

    /// Sequences so far.
    pub(crate) fn sequences(&self) -> u64 {
        self.sequences
    }

    /// Tokens so far.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What an interrupted build left.
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    /// Makes the corpus appear under its final names.
    ///
    /// # Errors
    /// [`Error::NothingToWrite`] if there is no sequence and this is no part, or [`Error::Io`].
    pub(crate) fn finish(
        mut self,
        encoder: &Encoder,
        options: Options,
        sources: Vec<String>,
        part: Option<PartEntry>,
        totals: Totals,
        skipped: Vec<SkippedRecord>,
    ) -> Result<(Manifest, String)> {
        if self.sequences == 0 && part.is_none() {
            return Err(Error::NothingToWrite { documents: totals.documents });
        }
        if self.sequences < self.found.sequences {
            return Err(Error::OtherText { folder: self.folder.path().to_owned() });
        }
        self.close_shard()?;
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            version: FORMAT_VERSION,
            tokenizer: encoder.entry().clone(),
            options,
            sources,
            part,
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
        let Some(shard) = self.current.take() else { return Ok(()) };
        let shard = shard.finish(shard_name(self.finished.len()))?;
        self.finished.push(shard.clone());
        if let (Some(journal), Some(start)) = (&mut self.journal, &self.chunk_start) {
            let (start, ids_since_start) = (start.clone(), self.ids_since_start.digest());
            journal.add(&FinishedShard { shard, start, ids_since_start })?;
            self.folder.keep(self.finished.len())?;
        }
        Ok(())
    }
}
