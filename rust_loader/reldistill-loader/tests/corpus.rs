//! Whole corpora: any division into shards, and any damage of their files.

mod number_words;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use number_words::{CLS, SEP, build, corpus_in_shards_of, ids, open};
use proptest::prelude::*;
use proptest::sample::Index;
use reldistill_loader::{Corpus, Error, Manifest, Result, TokenizeOptions, Verify};
use tempfile::TempDir;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sequence_is_found_in_whatever_shard_it_is(
        documents in prop::collection::vec(prop::collection::vec(3u32..1000, 1..30), 1..60), shard_tokens in 1u64..400
    ) {
        let folder = tempfile::tempdir().unwrap();
        let line = |document: &Vec<u32>| document.iter().map(|id| format!("{id} ")).collect::<String>() + "\n";
        fs::write(folder.path().join("text.txt"), documents.iter().map(line).collect::<String>()).unwrap();
        let options = TokenizeOptions { shard_tokens, ..TokenizeOptions::default() };
        build(&[folder.path().join("text.txt")], &folder.path().join("corpus"), &options).unwrap();

        for verify in [Verify::None, Verify::FirstTouch, Verify::Full] {
            let corpus = Corpus::open(&folder.path().join("corpus"), verify, &mut || Ok(())).unwrap();
            prop_assert_eq!(corpus.sequences(), documents.len() as u64);
            for (index, document) in (0..).zip(&documents) {
                let expected = [&[CLS], &document[..], &[SEP]].concat();
                prop_assert_eq!(corpus.length(index).unwrap(), expected.len());
                prop_assert_eq!(ids(&corpus, index), expected);
            }
            prop_assert_eq!(corpus.lengths(&mut || Ok(())).unwrap().iter().map(|&length| u64::from(length)).sum::<u64>(), corpus.tokens());
        }
    }
}

/// The files of a corpus of several shards, by name, and the ids in it.
struct Sound {
    files: BTreeMap<String, Vec<u8>>,
    manifest: Manifest,
    ids: Vec<Vec<u32>>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus_in_shards_of(folder.path(), 120, 200);
    assert!(corpus.manifest().shards.len() > 2);
    let entries = fs::read_dir(corpus.folder()).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    let ids = (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect();
    Sound { files: files.collect(), manifest: corpus.manifest().clone(), ids }
});

/// The corpus with other bytes in one of its files.
fn altered(name: &str, alter: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut files = SOUND.files.clone();
    alter(files.get_mut(name).unwrap());
    files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

/// The ids of each sequence that can be read; errors must name `shard`.
fn read(folder: &Path, verify: Verify, shard: &str) -> Result<Vec<Option<Vec<u32>>>> {
    let names = |error: &Error| {
        assert!(matches!(error, Error::Shard { path, .. } if path.ends_with(shard)), "{error}");
    };
    let corpus = Corpus::open(folder, verify, &mut || Ok(())).inspect_err(names)?;
    let all = (0..corpus.sequences()).map(|index| {
        let sequence = corpus.sequence(index).inspect_err(names).ok()?;
        let mut ids = Vec::new();
        sequence.append_to(&mut ids);
        Some(ids)
    });
    Ok(all.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damage_of_a_shard_names_it_and_gives_no_other_ids(
        number in 0usize..3, edits in prop::collection::vec((any::<Index>(), 1u8..), 1..8)
    ) {
        let shard = format!("shard-{number:05}.arrow");
        let damaged = altered(&shard, |bytes| {
            for (at, mask) in edits {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
        });
        let is_sound = fs::read(damaged.path().join(&shard)).unwrap() == SOUND.files[&shard];
        prop_assert_eq!(read(damaged.path(), Verify::Full, &shard).is_ok(), is_sound);
        for (found, expected) in read(damaged.path(), Verify::FirstTouch, &shard).unwrap_or_default().iter().zip(&SOUND.ids) {
            prop_assert!(found.as_ref().is_none_or(|found| found == expected));
        }
        // Not asked to verify, it may give other ids, but nothing worse.
        let _ = read(damaged.path(), Verify::None, &shard);
    }

    #[test]
    fn a_shard_of_another_size_is_refused_however_it_is_opened(number in 0usize..3, size: Index, longer in 1usize..100) {
        let shard = format!("shard-{number:05}.arrow");
        for is_cut in [true, false] {
            let damaged = altered(&shard, |bytes| {
                let size = if is_cut { size.index(bytes.len()) } else { bytes.len() + longer };
                bytes.resize(size, 0);
            });
            for verify in [Verify::None, Verify::FirstTouch, Verify::Full] {
                let error = read(damaged.path(), verify, &shard).unwrap_err();
                prop_assert!(error.to_string().contains(" bytes, the manifest says "), "{}", error);
            }
        }
    }

    #[test]
    fn an_altered_manifest_is_refused_unless_it_means_the_same(at: Index, byte: u8) {
        let damaged = altered("manifest.json", |bytes| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        });
        match open(damaged.path()) {
            Ok(corpus) => {
                prop_assert_eq!(corpus.manifest(), &SOUND.manifest);
            }
            Err(Error::Manifest { path, .. } | Error::NewerFormat { path, .. }) => {
                prop_assert!(path.ends_with("manifest.json"));
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
