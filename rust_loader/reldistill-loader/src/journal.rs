//! What a build leaves behind so that the next one goes on where it stopped: `unfinished.journal`.
//!
//! A line for the recipe, then one for each shard that is whole, with the state of the build where the chunk starts in
//! which that shard ended. From there the text is encoded again, and sequences that are in shards already are passed
//! over. Lines are only ever added, so that a journal costs the same for the first shard and the thousandth; each has
//! its checksum, and what was being added when the process died is no line.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::chunk::Position;
use crate::error::{Error, Result};
use crate::joiner::Pending;
use crate::manifest::{Options, PartEntry, ShardEntry, SkippedRecord, TokenizerEntry, Totals, hexadecimal};

/// What stands in `format`.
const FORMAT: &str = "reldistill-unfinished";
/// A journal of any other version is of no use.
const VERSION: u64 = 1;

/// Everything that decides the bytes of a build. Only a build of the same recipe goes on with what another one left.
#[derive(Serialize)]
pub(crate) struct Recipe<'a> {
    pub(crate) tokenizer: &'a TokenizerEntry,
    pub(crate) options: &'a Options,
    pub(crate) shard_tokens: u64,
    pub(crate) sequences_per_record_batch: usize,
    pub(crate) part: Option<&'a PartEntry>,
    /// What the source says of its documents.
    pub(crate) documents: &'a str,
}

impl Recipe<'_> {
    /// SHA-256 of the recipe and of the version of this crate.
    pub(crate) fn fingerprint(&self) -> String {
        let text = serde_json::to_string(&(env!("CARGO_PKG_VERSION"), self)).expect("a recipe has only string keys");
        hexadecimal(&Sha256::digest(text))
    }
}

/// The state of a build before the first document of a chunk is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkStart {
    pub(crate) position: Position,
    pub(crate) totals: Totals,
    pub(crate) skipped: Vec<SkippedRecord>,
    pub(crate) pending: Option<Pending>,
    pub(crate) bytes_done: u64,
}

/// A shard that is whole, and where the chunk started in which it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishedShard {
    pub(crate) shard: ShardEntry,
    pub(crate) start: ChunkStart,
    /// XXH3-64 of the ids from there to the end of the shard: they must come again.
    pub(crate) ids_since_start: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u64,
    recipe: String,
}

/// A journal that shards are being added to. There is no file before the first one.
pub(crate) struct Journal {
    path: PathBuf,
    recipe: String,
    file: Option<File>,
}

impl Journal {
    /// The shards that the journal at `path` lists, if it is of this recipe; none if there is no such journal.
    pub(crate) fn read(path: &Path, recipe: &str) -> Vec<FinishedShard> {
        let Ok(bytes) = fs::read(path) else { return Vec::new() };
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        match lines.next().and_then(parse::<Header>) {
            Some(header) if header.format == FORMAT && header.version == VERSION && header.recipe == recipe => {
                lines.map_while(parse).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Goes on with the first `shards` lines of the journal at `path`; with none of them it starts a new one.
    pub(crate) fn open(path: PathBuf, recipe: String, shards: usize) -> Result<Self> {
        let file = match shards {
            0 => None,
            _ => Some(shortened(&path, 1 + shards).map_err(Error::io("open", &path))?),
        };
        Ok(Self { path, recipe, file })
    }

    /// Adds a shard that is on disk already, and sees the journal onto the disk.
    pub(crate) fn add(&mut self, finished: &FinishedShard) -> Result<()> {
        let mut text = Vec::new();
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                text = line(&Header { format: FORMAT.to_owned(), version: VERSION, recipe: self.recipe.clone() });
                none.insert(File::create(&self.path).map_err(Error::io("create", &self.path))?)
            }
        };
        text.extend(line(finished));
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(Error::io("write", &self.path))
    }
}

/// The file without what stands behind its first `lines` lines, open for more.
fn shortened(path: &Path, lines: usize) -> io::Result<File> {
    let bytes = fs::read(path)?;
    let length: usize = bytes.split_inclusive(|&byte| byte == b'\n').take(lines).map(<[u8]>::len).sum();
    let mut file = File::options().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.seek(SeekFrom::End(0))?;
    file.sync_all()?;
    Ok(file)
}

/// A checksum in hexadecimal, a space, JSON, a line end.
fn line(content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(content).expect("a journal has only string keys and whole numbers");
    format!("{:016x} {json}\n", xxh3_64(json.as_bytes())).into_bytes()
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (checksum, json) = line.split_once(' ')?;
    (checksum == format!("{:016x}", xxh3_64(json.as_bytes()))).then(|| serde_json::from_str(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(number: u64) -> FinishedShard {
        let name = format!("shard-{number:05}.arrow");
        let shard = ShardEntry { name, sequences: number + 1, tokens: 7, bytes: 9, xxh3_64: vec!["0".repeat(16)] };
        let pending = Some(Pending { source: Some(2), ids: vec![1, 5, 2] });
        let position = Position { source: 2, offset: 11, first: 3, file_bytes: 0 };
        FinishedShard {
            shard,
            start: ChunkStart { position, totals: Totals::default(), skipped: vec![], pending, bytes_done: 5 },
            ids_since_start: u64::MAX,
        }
    }

    fn names(path: &Path, recipe: &str) -> Vec<String> {
        Journal::read(path, recipe).into_iter().map(|finished| finished.shard.name).collect()
    }

    fn written(shards: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unfinished.journal");
        let mut journal = Journal::open(path.clone(), "a".to_owned(), 0).unwrap();
        assert!(!path.exists());
        (0..shards).for_each(|number| journal.add(&finished(number)).unwrap());
        (folder, path)
    }

    #[test]
    fn what_was_added_is_read_by_the_same_recipe_alone() {
        let (_folder, path) = written(3);
        assert_eq!(names(&path, "a"), ["shard-00000.arrow", "shard-00001.arrow", "shard-00002.arrow"]);
        assert_eq!(Journal::read(&path, "a")[1].start.pending, finished(1).start.pending);
        assert_eq!(names(&path, "b"), [""; 0]);
        assert_eq!(names(Path::new("/no/such/journal"), "a"), [""; 0]);
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_lists_whole_lines_only() {
        let (_folder, path) = written(2);
        let bytes = fs::read(&path).unwrap();
        let ends: Vec<usize> = (1..=bytes.len()).filter(|&end| bytes[end - 1] == b'\n').collect();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = ends.iter().filter(|&&end| end <= length).count();
            assert_eq!(names(&path, "a").len(), whole.saturating_sub(1), "{length}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_list_before_its_line() {
        let (_folder, path) = written(2);
        let bytes = fs::read(&path).unwrap();
        let line_of = |byte: usize| bytes[..byte].iter().filter(|&&byte| byte == b'\n').count();
        for byte in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert_eq!(names(&path, "a").len(), line_of(byte).saturating_sub(1), "{byte}");
        }
    }

    #[test]
    fn lines_behind_those_that_are_kept_are_replaced() {
        let (_folder, path) = written(3);
        fs::write(&path, [&fs::read(&path).unwrap()[..], b"torn"].concat()).unwrap();
        Journal::open(path.clone(), "a".to_owned(), 1).unwrap().add(&finished(8)).unwrap();
        assert_eq!(names(&path, "a"), ["shard-00000.arrow", "shard-00008.arrow"]);
    }
}
