//! A finished corpus, open for reading.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::shard::{Shard, TokenIds};

/// When checksums are held against what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Each block of 256 KiB when it is first touched. What becomes of the file after that is not seen: bytes altered
    /// then are read as they are, and touching a block that was cut off then kills the process.
    FirstTouch,
    /// All of it when the corpus is opened.
    Full,
    /// Never: ids may be wrong if the disk is, and a file cut short while it is open kills the process. Positions are
    /// still checked, so that nothing else happens.
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
        self.place(index)?.ids()
    }

    /// Tokens of sequence `index`, at least 1.
    ///
    /// # Errors
    /// As [`Corpus::sequence`]; only what says the length is verified.
    pub fn length(&self, index: u64) -> Result<usize> {
        self.place(index).map(|place| place.tokens())
    }

    /// Tokens of each sequence, in order. `watch` is called now and then.
    ///
    /// # Errors
    /// As [`Corpus::length`], and what `watch` returns.
    pub fn lengths(&self, watch: &mut dyn FnMut() -> Result<()>) -> Result<Vec<u32>> {
        const SEQUENCES_AT_ONCE: u64 = 1 << 20;
        let length = |index| {
            if index % SEQUENCES_AT_ONCE == SEQUENCES_AT_ONCE - 1 {
                watch()?;
            }
            // No sequence has more than 2³¹ tokens.
            self.length(index).map(|length| length as u32)
        };
        (0..self.sequences()).map(length).collect()
    }

    /// Where the ids of sequence `index` lie; only what says so has been verified.
    pub(crate) fn place(&self, index: u64) -> Result<Place<'_>> {
        if index >= self.sequences() {
            return Err(Error::SequenceOutOfRange { index, sequences: self.sequences() });
        }
        let number = self.firsts.partition_point(|&first| first <= index) - 1;
        let shard = &self.shards[number];
        let bytes = shard.place((index - self.firsts[number]) as usize)?;
        Ok(Place { shard, bytes })
    }
}

/// Where the ids of a sequence lie.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    shard: &'a Shard,
    bytes: Range<usize>,
}

impl<'a> Place<'a> {
    /// How many there are.
    pub(crate) fn tokens(&self) -> usize {
        self.bytes.len() / self.shard.dtype().bytes()
    }

    /// Hints that the ids will be asked for soon: they lie at random places, and waiting for memory is what reading them
    /// costs most.
    pub(crate) fn fetch_ahead(&self) {
        self.shard.fetch_ahead(&self.bytes);
    }

    /// The ids, verified.
    pub(crate) fn ids(&self) -> Result<TokenIds<'a>> {
        self.shard.ids(self.bytes.clone())
    }
}
