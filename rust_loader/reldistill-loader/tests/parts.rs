//! A build in parts: the merged corpus holds what one build gives, and what does not belong together is refused.

mod number_words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use number_words::{encoder, ids, message, open};
use reldistill_loader::{
    ChunkSource, Documents, Encoder, Error, FileChunks, Manifest, OnError, Part, Result, TokenizeOptions,
    find_input_files, merge_parts, tokenize,
};
use tempfile::TempDir;

struct Texts(TempDir);

impl Texts {
    fn new(sizes: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("texts")).unwrap();
        for (number, &lines) in sizes.iter().enumerate() {
            let line = |line: usize| format!("{} ", 3 + (line + 31 * number) % 900).repeat(1 + line % 7) + "\n";
            let path = folder.path().join(format!("texts/{number:02}.txt"));
            fs::write(path, (0..lines).map(line).collect::<String>()).unwrap();
        }
        Self(folder)
    }

    fn text(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("texts/{number:02}.txt"))
    }

    fn output(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn source(&self, part: Option<(u64, u64)>) -> FileChunks {
        let files = find_input_files(&[self.0.path().join("texts")]).unwrap();
        match part {
            Some((number, of)) => FileChunks::of_part(files, "text", Part::new(number, of).unwrap()),
            None => FileChunks::new(files, "text"),
        }
        .unwrap()
        .in_chunks_of(4_000)
    }

    fn build(&self, output: &str, part: Option<(u64, u64)>, options: &TokenizeOptions) -> Result<Manifest> {
        let encoder = encoder(999, options.max_length).unwrap();
        let built = tokenize(&mut self.source(part), encoder, &self.output(output), options, &mut |_| Ok(()));
        built.map(|(manifest, _)| manifest)
    }

    fn build_all(&self, of: u64, options: &TokenizeOptions) {
        // In any order.
        for number in (1..=of).rev() {
            self.build("corpus", Some((number, of)), options).unwrap();
        }
    }

    fn part(&self, number: u64, of: u64) -> PathBuf {
        self.output("corpus").join(Part::new(number, of).unwrap().folder_name())
    }

    fn merge(&self) -> Result<Manifest> {
        merge_parts(&self.output("corpus"), false).map(|(manifest, _)| manifest)
    }
}

fn options() -> TokenizeOptions {
    TokenizeOptions { max_length: 8, shard_tokens: 2_000, threads: 1, ..TokenizeOptions::default() }
}

fn sequences(corpus: &Path) -> Vec<Vec<u32>> {
    let corpus = open(corpus).unwrap();
    (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect()
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

const SIZES: [usize; 9] = [400, 30, 0, 700, 5, 1, 900, 60, 800];

#[test]
fn merged_parts_hold_what_one_build_gives() {
    let texts = Texts::new(&SIZES);
    let join = TokenizeOptions { documents: Documents::Join, max_length: 30, ..options() };
    for options in [options(), join] {
        let whole = texts.build("whole", None, &TokenizeOptions { overwrite: true, ..options.clone() }).unwrap();
        let expected = sequences(&texts.output("whole"));
        for of in [1, 2, 4, 9, 40] {
            let _ = fs::remove_dir_all(texts.output("corpus"));
            texts.build_all(of, &options);
            let merged = texts.merge().unwrap();
            assert_eq!((&merged.sources, merged.totals, &merged.part), (&whole.sources, whole.totals, &None));
            assert!(sequences(&texts.output("corpus")) == expected, "{of}");
            assert_eq!(contents(&texts.output("corpus")).into_keys().collect::<Vec<_>>(), ["manifest.json"]);
        }
    }
}

#[test]
fn a_part_is_a_corpus_of_its_own_that_says_which_one() {
    let texts = Texts::new(&SIZES);
    let manifest = texts.build("corpus", Some((2, 4)), &options()).unwrap();
    assert!(contents(&texts.output("corpus")).is_empty());
    let corpus = open(&texts.part(2, 4)).unwrap();
    assert_eq!(corpus.manifest(), &manifest);
    let part = manifest.part.unwrap();
    assert_eq!((part.number, part.of, part.inputs.len()), (2, 4, 64));
    assert_eq!(corpus.manifest().shards[0].name, "shard-00000.arrow");
    let first = contents(&texts.part(2, 4));
    texts.build("corpus", Some((2, 4)), &TokenizeOptions { overwrite: true, threads: 3, ..options() }).unwrap();
    assert!(contents(&texts.part(2, 4)) == first);
}

#[test]
fn a_part_without_files_is_a_result_and_no_corpus() {
    let texts = Texts::new(&[5, 900]);
    let manifest = texts.build("corpus", Some((1, 3)), &options()).unwrap();
    assert_eq!((manifest.sources.len(), manifest.totals.sequences, manifest.shards.len()), (1, 5, 1));
    let empty = texts.build("corpus", Some((3, 3)), &options()).unwrap();
    assert_eq!((empty.sources.len(), empty.totals.sequences, empty.shards.len()), (0, 0, 0));
    let message = message(open(&texts.part(3, 3)));
    assert!(message.ends_with("is part 3 of 3 of a corpus and holds no sequence; open the merged corpus"), "{message}");
}

#[test]
fn text_without_a_token_in_all_parts_is_no_corpus() {
    let texts = Texts::new(&[0, 0]);
    texts.build_all(2, &options());
    assert!(message(texts.merge()).contains("the inputs hold no text"));
    assert!(contents(&texts.output("corpus")).is_empty());
}

#[test]
fn skipped_records_of_all_parts_are_counted_and_the_first_are_listed() {
    let texts = Texts::new(&SIZES);
    for number in [0, 3, 6] {
        let mut content = fs::read(texts.text(number)).unwrap();
        (0..content.len()).step_by(400).for_each(|at| content[at] = 0xff);
        fs::write(texts.text(number), content).unwrap();
    }
    let skip = TokenizeOptions { on_error: OnError::Skip, ..options() };
    let whole = texts.build("whole", None, &skip).unwrap();
    assert!(whole.totals.skipped_records > 20);
    texts.build_all(3, &skip);
    let merged = texts.merge().unwrap();
    assert_eq!((merged.totals, merged.skipped), (whole.totals, whole.skipped));
}

#[test]
fn an_interrupted_part_is_continued() {
    let texts = Texts::new(&SIZES);
    texts.build("corpus", Some((2, 2)), &options()).unwrap();
    let undisturbed = contents(&texts.part(2, 2));
    fs::remove_dir_all(texts.output("corpus")).unwrap();

    let mut source = texts.source(Some((2, 2)));
    let total = source.bytes_total();
    let stopped = tokenize(&mut source, encoder(999, 8).unwrap(), &texts.output("corpus"), &options(), &mut |now| {
        if Some(now.bytes_done) == total { Err(Error::Interrupted) } else { Ok(()) }
    });
    assert!(stopped.is_err());
    assert!(texts.part(2, 2).join("unfinished.journal").exists());
    let refused = message(texts.merge());
    assert!(refused.contains("of 2 parts these are missing or not finished: 1 to 2; build them"), "{refused}");

    let mut continued = 0;
    let mut source = texts.source(Some((2, 2)));
    tokenize(&mut source, encoder(999, 8).unwrap(), &texts.output("corpus"), &options(), &mut |now| {
        continued = now.continued;
        Ok(())
    })
    .unwrap();
    assert!(continued > 0);
    assert!(contents(&texts.part(2, 2)) == undisturbed);
}

#[test]
fn a_part_that_cannot_start_leaves_nothing() {
    let texts = Texts::new(&SIZES);
    let bound = TokenizeOptions { max_sequences: Some(5), ..options() };
    let refused = message(texts.build("corpus", Some((1, 2)), &bound));
    assert!(refused.starts_with("max_sequences = 5 is not allowed; a part takes all of its files"), "{refused}");
    fs::write(texts.text(0), b"\xff\n").unwrap();
    assert!(texts.build("corpus", Some((1, 2)), &options()).is_err());
    assert!(!texts.output("corpus").exists());
}

#[test]
fn missing_parts_are_listed() {
    let texts = Texts::new(&SIZES);
    for number in [1, 4, 5] {
        texts.build("corpus", Some((number, 9)), &options()).unwrap();
    }
    fs::create_dir(texts.part(7, 9)).unwrap();
    let message = message(texts.merge());
    let expected = "cannot be merged: of 9 parts these are missing or not finished: 2 to 3, 6 to 9; build them, for \
                    example with --part 2/9";
    assert!(message.ends_with(expected), "{message}");
}

/// What merging says after part 2 of 3 was built in another way.
fn refused_after(options_of_second: &TokenizeOptions, encoder: Encoder, change: impl FnOnce(&Texts)) -> String {
    let texts = Texts::new(&SIZES);
    texts.build("corpus", Some((1, 3)), &options()).unwrap();
    texts.build("corpus", Some((3, 3)), &options()).unwrap();
    change(&texts);
    let mut source = texts.source(Some((2, 3)));
    tokenize(&mut source, encoder, &texts.output("corpus"), options_of_second, &mut |_| Ok(())).unwrap();
    let message = message(texts.merge());
    assert!(!texts.output("corpus/manifest.json").exists());
    message
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let usual = || encoder(999, 8).unwrap();
    let inputs = refused_after(&options(), usual(), |texts| fs::write(texts.text(8), "5\n").unwrap());
    assert!(inputs.contains("part-00002-of-00003 was built of other input files: their names"), "{inputs}");
    let tokenizer = refused_after(&options(), encoder(998, 8).unwrap(), |_| ());
    assert!(tokenizer.contains("part-00002-of-00003 was built with another tokenizer: sha256 "), "{tokenizer}");
    let join = TokenizeOptions { documents: Documents::Join, ..options() };
    let others = refused_after(&join, usual(), |_| ());
    assert!(others.contains("part-00002-of-00003 was built with other options: {\"max_length\":8,"), "{others}");
    let of = refused_after(&options(), usual(), |texts| drop(texts.build("corpus", Some((1, 5)), &options()).unwrap()));
    assert!(of.contains("it holds parts of 3 and parts of 5; remove the folders part-…-of-…"), "{of}");
}

#[test]
fn a_part_in_the_folder_of_another_is_refused() {
    let texts = Texts::new(&SIZES);
    texts.build_all(2, &options());
    fs::remove_dir_all(texts.part(1, 2)).unwrap();
    fs::rename(texts.part(2, 2), texts.part(1, 2)).unwrap();
    texts.build("corpus", Some((2, 2)), &options()).unwrap();
    assert!(message(texts.merge()).contains("part-00001-of-00002 holds something else than its name says"));
}

#[test]
fn a_shard_of_another_size_or_none_is_refused() {
    let texts = Texts::new(&SIZES);
    texts.build_all(2, &options());
    let shard = texts.part(2, 2).join("shard-00001.arrow");
    let size = fs::metadata(&shard).unwrap().len();
    fs::File::options().write(true).open(&shard).unwrap().set_len(size - 1).unwrap();
    let cut = message(texts.merge());
    let expected = format!("shard-00001.arrow: it has {} bytes, the manifest says {size}", size - 1);
    assert!(cut.contains(&expected), "{cut}");
    fs::remove_file(&shard).unwrap();
    assert!(message(texts.merge()).contains("part-00002-of-00002/shard-00001.arrow: it is missing"));
}

#[test]
fn folders_without_parts_are_refused() {
    let texts = Texts::new(&SIZES);
    assert!(message(texts.merge()).contains("is not a corpus: there is no such folder"));
    texts.build("corpus", None, &options()).unwrap();
    for overwrite in [false, true] {
        let refused = message(merge_parts(&texts.output("corpus"), overwrite));
        assert!(
            refused.contains("holds no parts of a corpus (folders part-…-of-…); build them with --part"),
            "{refused}"
        );
    }
}

#[test]
fn merging_again_needs_leave_and_gives_the_same() {
    let texts = Texts::new(&SIZES);
    texts.build_all(3, &options());
    texts.merge().unwrap();
    let first = contents(&texts.output("corpus"));
    assert!(matches!(texts.merge(), Err(Error::CorpusExists { .. })));
    merge_parts(&texts.output("corpus"), true).unwrap();
    assert!(contents(&texts.output("corpus")) == first);
}

#[test]
fn parts_that_are_not_merged_are_no_corpus_yet() {
    let texts = Texts::new(&SIZES);
    texts.build_all(2, &options());
    let message = message(open(&texts.output("corpus")));
    assert!(message.contains("holds parts of a corpus that are not merged; when all are there: minictl data merge"));
}

#[test]
fn a_whole_corpus_and_parts_do_not_share_a_folder() {
    let texts = Texts::new(&SIZES);
    texts.build_all(2, &options());
    for merged in [false, true] {
        if merged {
            texts.merge().unwrap();
        }
        for overwrite in [false, true] {
            let refused = message(texts.build("corpus", None, &TokenizeOptions { overwrite, ..options() }));
            assert!(refused.contains("holds parts of a corpus; merge them (minictl data merge"), "{refused}");
        }
    }
    let parts = sequences(&texts.output("corpus"));

    texts.build("whole", None, &options()).unwrap();
    for overwrite in [false, true] {
        let refused = message(texts.build("whole", Some((1, 2)), &TokenizeOptions { overwrite, ..options() }));
        assert!(refused.contains("holds a finished corpus that was not built in parts"), "{refused}");
    }
    assert!(sequences(&texts.output("whole")) == parts);
}

#[test]
fn what_an_interrupted_whole_build_left_goes_when_parts_are_merged() {
    let texts = Texts::new(&SIZES);
    let mut source = texts.source(None);
    let total = source.bytes_total();
    let stopped = tokenize(&mut source, encoder(999, 8).unwrap(), &texts.output("corpus"), &options(), &mut |now| {
        if Some(now.bytes_done) == total { Err(Error::Interrupted) } else { Ok(()) }
    });
    assert!(stopped.is_err());
    texts.build_all(2, &options());
    assert!(contents(&texts.output("corpus")).contains_key("unfinished.journal"));
    texts.merge().unwrap();
    assert_eq!(contents(&texts.output("corpus")).into_keys().collect::<Vec<_>>(), ["manifest.json"]);
}

#[test]
fn a_part_of_a_merged_corpus_is_mended_by_building_it_again() {
    let texts = Texts::new(&SIZES);
    texts.build_all(3, &options());
    texts.merge().unwrap();
    let expected = sequences(&texts.output("corpus"));
    assert!(matches!(texts.build("corpus", Some((2, 3)), &options()), Err(Error::CorpusExists { .. })));

    fs::remove_dir_all(texts.part(2, 3)).unwrap();
    assert!(message(open(&texts.output("corpus"))).contains("part-00002-of-00003/shard-00000.arrow: it is missing"));
    texts.build("corpus", Some((2, 3)), &options()).unwrap();
    assert!(sequences(&texts.output("corpus")) == expected);
    texts.build("corpus", Some((2, 3)), &TokenizeOptions { overwrite: true, ..options() }).unwrap();
    assert!(sequences(&texts.output("corpus")) == expected);
    // A part of another number of parts does not touch it.
    texts.build("corpus", Some((2, 5)), &options()).unwrap();
    assert!(sequences(&texts.output("corpus")) == expected);
}

#[test]
fn another_part_in_its_place_ends_the_merged_corpus() {
    let texts = Texts::new(&SIZES);
    texts.build_all(3, &options());
    texts.merge().unwrap();
    let other = TokenizeOptions { overwrite: true, max_length: 9, ..options() };
    texts.build("corpus", Some((2, 3)), &other).unwrap();
    assert!(matches!(open(&texts.output("corpus")), Err(Error::NotMerged { .. })));
    assert!(message(texts.merge()).contains("part-00002-of-00003 was built with other options"));
}

#[test]
#[cfg(unix)]
fn parts_are_built_side_by_side_and_merged_when_none_is() {
    let texts = Texts::new(&SIZES);
    texts.build("corpus", Some((2, 2)), &options()).unwrap();
    let mut said = Vec::new();
    let mut source = texts.source(Some((1, 2)));
    tokenize(&mut source, encoder(999, 8).unwrap(), &texts.output("corpus"), &options(), &mut |_| {
        if said.is_empty() {
            said.push(message(texts.build("corpus", Some((1, 2)), &options())));
            said.push(message(texts.merge()));
            said.push(message(texts.build("corpus", None, &options())));
            texts.build("corpus", Some((2, 2)), &TokenizeOptions { overwrite: true, ..options() })?;
        }
        Ok(())
    })
    .unwrap();
    assert!(said.iter().all(|said| said.contains("another process is building a corpus in")), "{said:?}");
    assert!(texts.merge().is_ok());
}
