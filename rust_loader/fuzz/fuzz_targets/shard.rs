//! A damaged shard is an error that names it: never a panic, never other ids where checksums are held against it.
//!
//! Bytes that begin like an Arrow file are a shard as they are. Any others say how a sound corpus is to be damaged.
#![no_main]

#[path = "../../reldistill-loader/tests/number_words/mod.rs"]
mod number_words;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use number_words::{encoder, ids};
use reldistill_loader::{
    BLOCK_BYTES, Corpus, Error, FileChunks, Manifest, Result, TokenDtype, TokenizeOptions, Verify, find_input_files,
    tokenize,
};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"ARROW1") {
        for as_written in [true, false] {
            Damaged::new(&SOUND[0], 0, bytes.to_vec(), as_written).check();
        }
    } else if let Ok(damage) = Damage::arbitrary_take_rest(Unstructured::new(bytes)) {
        damage.done().check();
    }
});

/// What is done to which shard of which corpus.
#[derive(Debug, Arbitrary)]
struct Damage {
    corpus: u8,
    shard: u8,
    edits: Vec<Edit>,
    /// The manifest is that of the sound corpus; otherwise it is made to fit, so that only the reader's own checks are
    /// left, and says what follows.
    as_written: bool,
    sequences: Option<u64>,
    sequences_per_record_batch: Option<u64>,
    other_dtype: bool,
}

#[derive(Debug, Arbitrary)]
enum Edit {
    Flip { at: u16, bit: u8 },
    Byte { at: u16, value: u8 },
    Int32 { at: u16, value: i32 },
    Int64 { at: u16, value: i64 },
    Copy { from: u16, to: u16, bytes: u8 },
    Cut { at: u16 },
    Append { bytes: Vec<u8> },
}

impl Damage {
    fn done(self) -> Damaged {
        let sound = &SOUND[usize::from(self.corpus) % SOUND.len()];
        let number = usize::from(self.shard) % sound.shards.len();
        let mut bytes = sound.shards[number].clone();
        self.edits.iter().for_each(|edit| edit.apply(&mut bytes));
        let mut damaged = Damaged::new(sound, number, bytes, self.as_written);
        if !self.as_written {
            let manifest = &mut damaged.manifest;
            if let Some(sequences) = self.sequences {
                manifest.shards[number].sequences = sequences;
            }
            if let Some(sequences) = self.sequences_per_record_batch {
                manifest.sequences_per_record_batch = sequences;
            }
            if self.other_dtype {
                manifest.tokenizer.largest_id ^= 1 << 20;
                manifest.dtype = TokenDtype::holding(manifest.tokenizer.largest_id);
            }
            seal(manifest);
        }
        damaged
    }
}

impl Edit {
    fn apply(&self, shard: &mut Vec<u8>) {
        let put = |shard: &mut Vec<u8>, at: u16, bytes: &[u8]| {
            let at = usize::from(at) % (shard.len() + 1);
            shard[at..].iter_mut().zip(bytes).for_each(|(old, new)| *old = *new);
        };
        match *self {
            Edit::Flip { at, bit } => {
                let at = usize::from(at) % (shard.len() + 1);
                shard[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Edit::Byte { at, value } => put(shard, at, &[value]),
            Edit::Int32 { at, value } => put(shard, at, &value.to_le_bytes()),
            Edit::Int64 { at, value } => put(shard, at, &value.to_le_bytes()),
            Edit::Copy { from, to, bytes } => {
                let from = usize::from(from) % (shard.len() + 1);
                let copied = shard[from..(from + usize::from(bytes)).min(shard.len())].to_vec();
                put(shard, to, &copied);
            }
            Edit::Cut { at } => shard.truncate(usize::from(at)),
            Edit::Append { ref bytes } => shard.extend(bytes),
        }
    }
}

/// A corpus as it was written.
struct Sound {
    manifest: Manifest,
    shards: Vec<Vec<u8>>,
    ids: Vec<Vec<u32>>,
}

/// The committed one, which is small, and one with several shards and record batches of ids of four bytes.
static SOUND: LazyLock<[Sound; 2]> = LazyLock::new(|| {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reldistill-loader/tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let words = |sequence: usize| format!("{} ", 65_500 + sequence).repeat(1 + sequence % 5) + "\n";
    fs::write(folder.path().join("text.txt"), (0..60).map(words).collect::<String>()).unwrap();
    // The longer a sequence may be, the fewer are in a record batch.
    let options = TokenizeOptions { max_length: 200_000, shard_tokens: 100, ..TokenizeOptions::default() };
    let inputs = find_input_files(&[folder.path().join("text.txt")]).unwrap();
    let mut source = FileChunks::new(inputs, &options.text_column).unwrap();
    let encoder = encoder(66_000, options.max_length).unwrap();
    tokenize(&mut source, encoder, &folder.path().join("corpus"), &options, &mut |_| Ok(())).unwrap();
    let sound = [Sound::read(&golden), Sound::read(&folder.path().join("corpus"))];
    assert!(sound[1].shards.len() > 1 && sound[1].manifest.sequences_per_record_batch < 10);
    sound
});

impl Sound {
    fn read(folder: &Path) -> Self {
        let corpus = open(folder, Verify::Full).unwrap();
        let manifest = corpus.manifest().clone();
        let shards = manifest.shards.iter().map(|shard| fs::read(folder.join(&shard.name)).unwrap()).collect();
        let ids = (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect();
        Self { manifest, shards, ids }
    }
}

/// A corpus of which one shard may be damaged.
struct Damaged {
    sound: &'static Sound,
    manifest: Manifest,
    number: usize,
    bytes: Vec<u8>,
    as_written: bool,
}

impl Damaged {
    fn new(sound: &'static Sound, number: usize, bytes: Vec<u8>, as_written: bool) -> Self {
        let mut manifest = sound.manifest.clone();
        if !as_written {
            let shard = &mut manifest.shards[number];
            shard.bytes = bytes.len() as u64;
            shard.xxh3_64 = bytes.chunks(BLOCK_BYTES).map(|block| format!("{:016x}", xxh3_64(block))).collect();
            seal(&mut manifest);
        }
        Self { sound, manifest, number, bytes, as_written }
    }

    fn check(self) {
        let folder = self.written();
        let shard = folder.path().join(&self.manifest.shards[self.number].name);
        let is_sound = self.bytes == self.sound.shards[self.number];
        for verify in [Verify::None, Verify::FirstTouch, Verify::Full] {
            let corpus = match open(folder.path(), verify) {
                Ok(corpus) => corpus,
                Err(error) => {
                    assert!(!is_sound || !self.as_written, "a sound corpus is refused: {error}");
                    assert_names(&error, &shard, !self.as_written);
                    continue;
                }
            };
            assert!(is_sound || !self.as_written || verify != Verify::Full, "damage passes a full verification");
            // A manifest that was made up may promise any number of sequences.
            let last = corpus.sequences() - 1;
            for index in (0..=last.min(200)).chain(last.saturating_sub(5)..=last) {
                match read(&corpus, index) {
                    Ok(found) if self.as_written && verify != Verify::None => {
                        assert_eq!(found, self.sound.ids[index as usize], "sequence {index} has other ids");
                    }
                    Ok(_) => {}
                    Err(error) => {
                        assert!(!is_sound || !self.as_written, "a sound sequence is refused: {error}");
                        assert_names(&error, &shard, !self.as_written);
                    }
                }
            }
        }
    }

    fn written(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, (entry, sound)) in self.manifest.shards.iter().zip(&self.sound.shards).enumerate() {
            let bytes = if number == self.number { &self.bytes } else { sound };
            fs::write(folder.path().join(&entry.name), bytes).unwrap();
        }
        fs::write(folder.path().join("manifest.json"), self.manifest.to_json()).unwrap();
        folder
    }
}

fn open(folder: &Path, verify: Verify) -> Result<Corpus> {
    Corpus::open(folder, verify, &mut || Ok(()))
}

fn read(corpus: &Corpus, index: u64) -> Result<Vec<u32>> {
    let length = corpus.length(index)?;
    let mut ids = Vec::new();
    corpus.sequence(index)?.append_to(&mut ids);
    assert!(length > 0 && ids.len() == length, "{length} is not the length of {ids:?}");
    Ok(ids)
}

fn assert_names(error: &Error, shard: &PathBuf, or_another: bool) {
    match error {
        Error::Shard { path, .. } => assert!(path == shard || or_another, "{error} is about another shard"),
        Error::Manifest { .. } if or_another => {}
        other => panic!("not an error of a shard: {other}"),
    }
}

fn seal(manifest: &mut Manifest) {
    manifest.totals.sequences = manifest.shards.iter().fold(0, |sum, shard| shard.sequences.saturating_add(sum));
    manifest.checksum = String::new();
    manifest.checksum = format!("{:016x}", xxh3_64(manifest.to_json().as_bytes()));
}
