//! A finished corpus, open for reading.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::shard::{Shard, TokenIds};

/// When checksums are held against what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Each block of 256 KiB when it is first touched.
    FirstTouch,
    /// All of it when the corpus is opened.
    Full,
    /// Never: ids may be wrong if the disk is; positions are still checked, so that nothing else happens.
    None,
}

/// A corpus whose shards are mapped into memory.
pub struct Corpus {
    folder: PathBuf,
    manifest: Manifest,
    manifest_text: String,
    fingerprint: String,
    shards: Vec<Shard>,
    /// Number of each shard's first sequence in the corpus.
    firsts: Vec<u64>,
}

impl Corpus {
    /// Opens a corpus: reads the manifest, maps each shard and reads its footer.
    ///
    /// With [`Verify::Full`] it also verifies every block, and calls `watch` now and then meanwhile.
    ///
    /// # Errors
    /// Of kind [`crate::ErrorKind::Corpus`], naming what is damaged, [`Error::Io`], and what `watch` returns.
    pub fn open(folder: &Path, verify: Verify, watch: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let (manifest, manifest_text) = Manifest::read(folder)?;
        if let Some(part) = manifest.part.as_ref().filter(|_| manifest.totals.sequences == 0) {
            return Err(Error::EmptyPart { folder: folder.to_owned(), number: part.number, of: part.of });
        }
        let per_batch = manifest.sequences_per_record_batch;
        let mut shards = Vec::with_capacity(manifest.shards.len());
        let mut firsts = Vec::with_capacity(manifest.shards.len());
        let mut first = 0;
        for entry in &manifest.shards {
            let shard = Shard::open(folder.join(&entry.name), entry, manifest.dtype, per_batch, verify)?;
            if verify == Verify::Full {
                shard.verify_all(watch)?;
            }
            shards.push(shard);
            firsts.push(first);
            first += entry.sequences;
        }
        let fingerprint = Manifest::fingerprint(&manifest_text);
        Ok(Self { folder: folder.to_owned(), manifest, manifest_text, fingerprint, shards, firsts })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The text of `manifest.json`.
    pub fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    /// SHA-256 of `manifest.json`: the identity of the corpus.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Sequences in it, at least 1.
    pub fn sequences(&self) -> u64 {
        self.manifest.totals.sequences
    }

    /// Tokens in it.
    pub fn tokens(&self) -> u64 {
        self.manifest.totals.tokens
    }

    /// The ids of sequence `index`, where they lie.
    ///
    /// # Errors
    /// [`Error::SequenceOutOfRange`], or [`Error::Shard`] if they are damaged.
    pub fn sequence(&self, index: u64) -> Result<TokenIds<'_>> {
        let (shard, sequence) = self.locate(index)?;
        shard.sequence(sequence)
    }

    /// Tokens of sequence `index`, at least 1.
    ///
    /// # Errors
    /// As [`Corpus::sequence`]; only what says the length is verified.
    pub fn length(&self, index: u64) -> Result<usize> {
        let (shard, sequence) = self.locate(index)?;
        shard.length(sequence)
    }

    /// Tokens of each sequence, in order.
    ///
    /// # Errors
    /// As [`Corpus::length`].
    pub fn lengths(&self) -> Result<Vec<u32>> {
        // No sequence has more than 2³¹ tokens.
        (0..self.sequences()).map(|index| self.length(index).map(|length| length as u32)).collect()
    }

    fn locate(&self, index: u64) -> Result<(&Shard, usize)> {
        if index >= self.sequences() {
            return Err(Error::SequenceOutOfRange { index, sequences: self.sequences() });
        }
        let number = self.firsts.partition_point(|&first| first <= index) - 1;
        Ok((&self.shards[number], (index - self.firsts[number]) as usize))
    }
}
