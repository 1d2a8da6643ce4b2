//! `manifest.json`: what a corpus holds, and the checksums that vouch for it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::checksums::BLOCK_BYTES;
use crate::corpus_folder::{MANIFEST_NAME, is_shard_path};
use crate::error::{Error, Result};
use crate::parts::{Part, part_folders};
use crate::tokenize::{Documents, TextDocuments, Windows};

/// What stands in `format`, so that a manifest of something else is told apart.
pub(crate) const FORMAT: &str = "reldistill-corpus";
/// The version that is written, and the newest that is read.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// The manifest of a finished corpus. Fields are written in this order, so that equal corpora have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `reldistill-corpus`.
    pub format: String,
    /// Version of the format.
    pub version: u64,
    /// The tokenizer that made the ids.
    pub tokenizer: TokenizerEntry,
    /// What else decided the ids.
    pub options: Options,
    /// Base names of input files, or the name a caller gave; never a path of the machine.
    pub sources: Vec<String>,
    /// Which part it is, if it is one of several; nothing is written for other corpora.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartEntry>,
    /// Sums over the corpus.
    pub totals: Totals,
    /// The first records that were left out, if leaving out was asked for.
    pub skipped: Vec<SkippedRecord>,
    /// How a token id is stored.
    pub dtype: TokenDtype,
    /// Sequences in each record batch; the last one of a shard may have fewer.
    pub sequences_per_record_batch: u64,
    /// The shards, in order.
    pub shards: Vec<ShardEntry>,
    /// XXH3-64 in hexadecimal of the manifest written with an empty checksum.
    pub checksum: String,
}

/// The tokenizer that made a corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerEntry {
    /// SHA-256 of the `tokenizer.json`, in hexadecimal.
    pub sha256: String,
    /// Tokens in the vocabulary, added ones included.
    pub vocabulary_size: u64,
    /// The greatest token id; it decides the dtype.
    pub largest_id: u32,
    /// Ids of the special tokens that were found: of `bos`, `cls`, `eos`, `mask`, `pad`, `sep`, `unk`.
    pub special_ids: BTreeMap<String, u32>,
}

/// Which part of a larger build a corpus is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    /// Its number, from 1.
    pub number: u64,
    /// How many there are.
    pub of: u64,
    /// SHA-256, in hexadecimal, of names and sizes of the files of all parts.
    pub inputs: String,
}

/// What decided the ids beside text and tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Greatest number of tokens in a sequence, special tokens included.
    pub max_length: u64,
    /// What became of documents that are shorter than that.
    pub documents: Documents,
    /// Greatest number of sequences, if there was a bound.
    pub max_sequences: Option<u64>,
    /// The field of a `.jsonl` record that holds the text.
    pub text_column: String,
    /// What is one document of a `.txt` file.
    #[serde(default, skip_serializing_if = "TextDocuments::is_default")]
    pub text_documents: TextDocuments,
    /// Where documents were cut that are longer than a sequence.
    #[serde(default, skip_serializing_if = "Windows::is_default")]
    pub windows: Windows,
}

/// Sums over a corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Documents that were read, those without a token included.
    pub documents: u64,
    /// Documents that gave no token beside the special ones, and so no sequence.
    pub empty_documents: u64,
    /// Records that were left out because they were broken.
    pub skipped_records: u64,
    /// Sequences in all shards.
    pub sequences: u64,
    /// Tokens in all shards, special tokens included.
    pub tokens: u64,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedRecord {
    /// Name of the source, as in [`Manifest::sources`].
    pub source: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub cause: String,
}

/// How a token id is stored: the smallest that holds the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenDtype {
    /// Two bytes, for ids up to 65,535.
    Uint16,
    /// Four bytes.
    Uint32,
}

impl TokenDtype {
    /// The smallest that holds `largest_id`.
    pub fn holding(largest_id: u32) -> Self {
        if u16::try_from(largest_id).is_ok() { TokenDtype::Uint16 } else { TokenDtype::Uint32 }
    }

    /// Bytes of one id.
    pub fn bytes(self) -> usize {
        match self {
            TokenDtype::Uint16 => 2,
            TokenDtype::Uint32 => 4,
        }
    }

    /// Its name in Arrow and NumPy.
    pub fn name(self) -> &'static str {
        match self {
            TokenDtype::Uint16 => "uint16",
            TokenDtype::Uint32 => "uint32",
        }
    }
}

/// One file of a corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// Its name in the corpus's folder; in a corpus that was merged of parts, behind the name of the part's folder.
    pub name: String,
    /// Sequences in it.
    pub sequences: u64,
    /// Tokens in it.
    pub tokens: u64,
    /// Its size.
    pub bytes: u64,
    /// XXH3-64 in hexadecimal of each block of 256 KiB; together they cover the file.
    pub xxh3_64: Vec<String>,
}

impl ShardEntry {
    /// The checksums as numbers; what is wrong if one is no number.
    pub(crate) fn block_checksums(&self) -> std::result::Result<Vec<u64>, String> {
        let parse = |text: &String| {
            (text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .then(|| u64::from_str_radix(text, 16).ok())
                .flatten()
                .ok_or_else(|| format!("shard {}: {text:?} is not a checksum of 16 hexadecimal digits", self.name))
        };
        self.xxh3_64.iter().map(parse).collect()
    }
}

/// What is read first: a newer version may differ in all else.
#[derive(Deserialize)]
struct FormatAndVersion {
    format: String,
    version: u64,
}

impl Manifest {
    /// The text of `manifest.json`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has only string keys and whole numbers");
        text.push('\n');
        text
    }

    /// Puts the checksum in that belongs to the rest.
    pub(crate) fn seal(&mut self) {
        self.checksum = self.checksum_of_content();
    }

    /// Reads and checks the manifest of the corpus in `folder`; gives its text as well.
    ///
    /// # Errors
    /// [`Error::NoCorpus`], [`Error::NotFinished`], [`Error::NotMerged`], [`Error::NewerFormat`], [`Error::Manifest`], or
    /// [`Error::Io`].
    pub fn read(folder: &Path) -> Result<(Self, String)> {
        let path = folder.join(MANIFEST_NAME);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|error| Error::Manifest { path: path.clone(), cause: format!("not UTF-8: {error}") })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
                let folder = folder.to_owned();
                let in_parts = part_folders(&folder).is_ok_and(|parts| !parts.is_empty());
                return Err(if in_parts { Error::NotMerged { folder } } else { Error::NotFinished { folder } });
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::NoCorpus { folder: folder.to_owned() });
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        Ok((Self::from_json(&text, &path)?, text))
    }

    /// Checks the text of a manifest; `path` is where errors say that it stands.
    ///
    /// # Errors
    /// [`Error::NewerFormat`] or [`Error::Manifest`].
    pub fn from_json(text: &str, path: &Path) -> Result<Self> {
        let wrong = |cause: String| Error::Manifest { path: path.to_owned(), cause };
        let no_json = |error: serde_json::Error| wrong(format!("not the JSON of a manifest: {error}"));
        let FormatAndVersion { format, version } = serde_json::from_str(text).map_err(no_json)?;
        if format != FORMAT {
            return Err(wrong(format!("its format is {format:?}, not {FORMAT:?}")));
        }
        if version > FORMAT_VERSION {
            return Err(Error::NewerFormat { path: path.to_owned(), found: version, supported: FORMAT_VERSION });
        }
        let manifest: Self = serde_json::from_str(text).map_err(no_json)?;
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    /// SHA-256 of the manifest's text: through the block checksums in it, the identity of the whole corpus.
    pub fn fingerprint(text: &str) -> String {
        hexadecimal(&Sha256::digest(text))
    }

    /// Whether its shards lie in the folders of parts.
    pub(crate) fn is_merged(&self) -> bool {
        self.shards.iter().any(|shard| shard.name.contains('/'))
    }

    fn checksum_of_content(&self) -> String {
        let mut unsealed = self.clone();
        unsealed.checksum = String::new();
        format!("{:016x}", xxh3_64(unsealed.to_json().as_bytes()))
    }

    fn check(&self) -> std::result::Result<(), String> {
        let expected = self.checksum_of_content();
        if self.checksum != expected {
            return Err(format!("it was altered: its checksum is {expected}, not {:?}", self.checksum));
        }
        if self.sequences_per_record_batch == 0 {
            return Err("sequences_per_record_batch is 0".into());
        }
        if self.dtype != TokenDtype::holding(self.tokenizer.largest_id) {
            return Err(format!("dtype {} does not fit largest_id {}", self.dtype.name(), self.tokenizer.largest_id));
        }
        if let Some(part) = self.part.as_ref().filter(|part| Part::new(part.number, part.of).is_err()) {
            return Err(format!("there is no part {} of {}", part.number, part.of));
        }
        for (number, shard) in self.shards.iter().enumerate() {
            if !is_shard_path(&shard.name) {
                return Err(format!("{:?} is not the name of a shard", shard.name));
            }
            if self.shards[..number].last().is_some_and(|previous| previous.name >= shard.name) {
                return Err(format!("shard {} is out of order", shard.name));
            }
            if shard.sequences == 0 {
                return Err(format!("shard {} has no sequence", shard.name));
            }
            let blocks = shard.block_checksums()?.len() as u64;
            let needed = shard.bytes.div_ceil(BLOCK_BYTES as u64);
            if blocks != needed {
                return Err(format!(
                    "shard {}: {} bytes need {needed} checksums, it has {blocks}",
                    shard.name, shard.bytes
                ));
            }
        }
        let sum =
            |count: fn(&ShardEntry) -> u64| self.shards.iter().try_fold(0, |sum: u64, s| sum.checked_add(count(s)));
        // Only a part may be empty.
        let empty = self.totals.sequences == 0 && self.part.is_none();
        if sum(|shard| shard.sequences) != Some(self.totals.sequences) || empty {
            return Err(format!("its shards do not add up to {} sequences", self.totals.sequences));
        }
        if sum(|shard| shard.tokens) != Some(self.totals.tokens) {
            return Err(format!("its shards do not add up to {} tokens", self.totals.tokens));
        }
        Ok(())
    }
}

/// Lower-case hexadecimal digits of some bytes.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
