//! Builds that were interrupted end with the bytes of one that was not, and do not encode twice what was finished.

mod number_words;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use flate2::{Compression, write::GzEncoder};
use number_words::{build, encoder, message, open};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use reldistill_loader::{
    Chunk, ChunkSource, Documents, Error, FileChunks, Manifest, OnError, Position, Progress, Result, TextDocuments,
    TokenizeOptions, Windows, find_input_files, tokenize,
};
use tempfile::TempDir;

const JOURNAL: &str = "unfinished.journal";
/// Small ones, so that little text has many.
const CHUNK: usize = 8 << 10;

/// Files, and what happens when a chunk of them is asked for.
struct Watched<'a> {
    files: FileChunks,
    asked: usize,
    /// Where the first chunk that was given starts, and how many were given.
    given: (Option<Position>, usize),
    on_ask: &'a mut dyn FnMut(usize) -> Result<()>,
}

impl ChunkSource for Watched<'_> {
    fn next_chunk(&mut self, watch: &mut dyn FnMut() -> Result<()>) -> Result<Option<Chunk>> {
        self.asked += 1;
        (self.on_ask)(self.asked)?;
        let chunk = self.files.next_chunk(watch)?;
        if let Some(chunk) = &chunk {
            self.given.0.get_or_insert(chunk.position);
            self.given.1 += 1;
        }
        Ok(chunk)
    }

    fn names(&self) -> Vec<String> {
        self.files.names()
    }

    fn bytes_total(&self) -> Option<u64> {
        self.files.bytes_total()
    }

    fn identity(&self) -> Option<String> {
        self.files.identity()
    }

    fn seek(&mut self, position: &Position, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.files.seek(position, watch)
    }
}

/// A folder of texts to build from.
struct Case {
    folder: TempDir,
    options: TokenizeOptions,
}

/// What a build did.
struct Ran {
    result: Result<Manifest>,
    given: (Option<Position>, usize),
    progress: Vec<Progress>,
}

impl Case {
    fn new(options: TokenizeOptions, files: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("texts")).unwrap();
        files.iter().for_each(|(name, content)| fs::write(folder.path().join("texts").join(name), content).unwrap());
        Self { folder, options }
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, output: &Path, on_ask: &mut dyn FnMut(usize) -> Result<()>) -> Ran {
        let files = find_input_files(&[self.folder.path().join("texts")]).unwrap();
        let files = FileChunks::new(files, &self.options.text_column).unwrap();
        let files = files.with_text_documents(self.options.text_documents).in_chunks_of(CHUNK);
        let mut source = Watched { files, asked: 0, given: (None, 0), on_ask };
        let mut progress = Vec::new();
        let encoder = encoder(999, self.options.max_length).unwrap();
        let result = tokenize(&mut source, encoder, output, &self.options, &mut |now| {
            progress.push(*now);
            Ok(())
        });
        Ran { result: result.map(|(manifest, _)| manifest), given: source.given, progress }
    }

    fn undisturbed(&self) -> BTreeMap<String, Vec<u8>> {
        let output = self.output("undisturbed");
        let _ = fs::remove_dir_all(&output);
        self.run(&output, &mut |_| Ok(())).result.unwrap();
        contents(&output)
    }

    /// Builds that are stopped after one chunk, after two, and so on, each going on where the one before stopped.
    fn stopped_again_and_again(&self) -> (BTreeMap<String, Vec<u8>>, Vec<Ran>) {
        let output = self.output("stopped");
        let mut runs = Vec::new();
        loop {
            let most = 1 + runs.len();
            let ran = self.run(&output, &mut |asked| if asked > most { Err(Error::Interrupted) } else { Ok(()) });
            let done = ran.result.is_ok();
            assert!(done || matches!(ran.result, Err(Error::Interrupted)), "{}", message(ran.result));
            runs.push(ran);
            if done {
                return (contents(&output), runs);
            }
            if output.exists() {
                assert!(contents(&output).keys().all(|name| name.ends_with(".tmp") || name == JOURNAL));
            }
        }
    }

    fn check(&self) {
        let undisturbed = self.undisturbed();
        assert!(undisturbed.len() > 4, "{:?}", undisturbed.keys());
        let (contents, runs) = self.stopped_again_and_again();
        assert!(contents == undisturbed);
        // Much of it was not encoded in the last run: it started behind the first chunk of the first file.
        let last = runs.last().unwrap();
        let start = last.given.0.unwrap();
        assert!(start.source > 0 || start.offset > 0, "{start:?}");
        assert!(last.progress.last().unwrap().continued > 0);
        assert!(last.progress.is_sorted_by_key(|now| (now.bytes_done, now.sequences, now.tokens)));
        let total = last.progress[0].bytes_total.unwrap();
        assert!(last.progress.last().unwrap().bytes_done <= total);
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    contents(from).into_iter().for_each(|(name, content)| fs::write(to.join(name), content).unwrap());
}

fn documents(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{} ", 3 + number * 7 % 990).repeat(1 + number % 9) + &(number % 31).to_string())
}

fn txt(count: usize) -> Vec<u8> {
    documents(count).flat_map(|document| (document + "\n").into_bytes()).collect()
}

fn jsonl(count: usize) -> Vec<u8> {
    let line = |document| format!("{}\n", serde_json::json!({"id": 1, "text": document}));
    documents(count).flat_map(|document| line(document).into_bytes()).collect()
}

fn parquet(count: usize) -> Vec<u8> {
    let texts: StringArray = documents(count).map(Some).collect();
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as _)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(7_001)).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// Two members.
fn gz(content: &[u8]) -> Vec<u8> {
    let (a, b) = content.split_at(content.len() / 3);
    let member = |part: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    [member(a), member(b)].concat()
}

fn zst(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn options() -> TokenizeOptions {
    TokenizeOptions { max_length: 8, threads: 1, shard_tokens: 10_000, ..TokenizeOptions::default() }
}

#[test]
fn text_is_taken_up_where_it_stopped() {
    Case::new(options(), &[("a.txt", txt(8_000)), ("b.txt", txt(17))]).check();
}

#[test]
fn json_lines_are_taken_up_where_they_stopped() {
    Case::new(options(), &[("a.jsonl", jsonl(6_000)), ("b.jsonl", jsonl(1_800))]).check();
}

#[test]
fn packed_text_is_taken_up_where_it_stopped() {
    Case::new(options(), &[("a.txt.gz", gz(&txt(6_000))), ("b.jsonl.zst", zst(&jsonl(4_000)))]).check();
}

#[test]
fn rows_are_taken_up_where_they_stopped() {
    Case::new(options(), &[("a.parquet", parquet(8_000)), ("b.parquet.gz", gz(&parquet(4_000)))]).check();
}

#[test]
fn joined_documents_are_taken_up_where_they_stopped() {
    let join = TokenizeOptions { documents: Documents::Join, max_length: 100, shard_tokens: 5_000, ..options() };
    let files = [("a.txt", txt(4_000)), ("b.txt", txt(3)), ("c.txt", txt(4_000)), ("d.txt", txt(1))];
    Case::new(join, &files).check();
}

#[test]
fn paragraphs_are_taken_up_where_they_stopped() {
    let lines = |count, every| {
        let lines = documents(count).enumerate();
        lines
            .map(|(number, line)| line + if number % every == 0 { "\n\n" } else { "\n" })
            .collect::<String>()
            .into_bytes()
    };
    let (text_documents, windows) = (TextDocuments::Paragraphs, Windows::Lines);
    let paragraphs = TokenizeOptions { text_documents, windows, max_length: 20, ..options() };
    Case::new(paragraphs, &[("a.txt", lines(8_000, 5)), ("b.txt.gz", gz(&lines(4_000, 300)))]).check();
}

#[test]
fn shards_of_many_chunks_and_chunks_of_many_shards_are_taken_up() {
    let large = TokenizeOptions { shard_tokens: 40_000, ..options() };
    Case::new(large, &[("a.txt", txt(16_000))]).check();
    let small = TokenizeOptions { shard_tokens: 1_500, ..options() };
    Case::new(small, &[("a.txt", txt(4_000))]).check();
}

#[test]
fn skipped_records_are_counted_once() {
    let mut broken = txt(8_000);
    for at in (0..broken.len()).step_by(9_973) {
        broken[at] = 0xff;
    }
    let skip = TokenizeOptions { on_error: OnError::Skip, ..options() };
    Case::new(skip, &[("a.txt", broken)]).check();
}

#[test]
fn a_line_beyond_all_bounds_is_passed_over_as_before() {
    let long = [txt(3_000), vec![b'7'; (16 << 20) + 9], b"\n".to_vec(), txt(3_000)].concat();
    let skip = TokenizeOptions { on_error: OnError::Skip, ..options() };
    Case::new(skip, &[("a.txt", long)]).check();
}

#[test]
fn a_bound_on_sequences_holds_over_all_runs() {
    let bound = TokenizeOptions { max_sequences: Some(9_211), ..options() };
    Case::new(bound, &[("a.txt", txt(8_000))]).check();
}

#[test]
fn a_build_that_dies_at_any_moment_is_continued() {
    let case = Case::new(options(), &[("a.txt", txt(4_000)), ("b.jsonl", jsonl(800))]);
    let undisturbed = case.undisturbed();
    let (living, dead) = (case.output("living"), case.output("dead"));
    let mut continued = 0;
    case.run(&living, &mut |_| {
        copy(&living, &dead);
        let ran = case.run(&dead, &mut |_| Ok(()));
        ran.result.unwrap();
        assert!(contents(&dead) == undisturbed);
        continued += u32::from(ran.progress.last().unwrap().continued > 0);
        Ok(())
    });
    assert!(continued > 5, "{continued}");
}

/// A folder as a build leaves it that was stopped at its end, and the whole corpus.
fn almost_done(case: &Case) -> (PathBuf, BTreeMap<String, Vec<u8>>) {
    let undisturbed = case.undisturbed();
    let output = case.output("almost");
    let files = find_input_files(&[case.folder.path().join("texts")]).unwrap();
    let mut source = FileChunks::new(files, "text").unwrap().in_chunks_of(CHUNK);
    let total = source.bytes_total();
    let stopped = tokenize(&mut source, encoder(999, 8).unwrap(), &output, &case.options, &mut |now| {
        if Some(now.bytes_done) == total { Err(Error::Interrupted) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
    (output, undisturbed)
}

#[test]
fn what_died_while_shards_got_their_names_is_continued() {
    let case = Case::new(options(), &[("a.txt", txt(6_000))]);
    let (almost, undisturbed) = almost_done(&case);
    let shards = contents(&almost).len() - 1;
    assert!(shards > 2);
    let dead = case.output("dead");
    for named in 0..=shards {
        for old_are_there in [false, true] {
            copy(&almost, &dead);
            let shard = |number| dead.join(format!("shard-{number:05}.arrow"));
            for number in 0..named {
                fs::rename(dead.join(format!("shard-{number:05}.arrow.tmp")), shard(number)).unwrap();
            }
            if old_are_there {
                // Of the corpus that was to be replaced.
                (named..=shards + 3).for_each(|number| fs::write(shard(number), "old").unwrap());
            }
            fs::write(dead.join("manifest.json.tmp"), "{").unwrap();
            let ran = case.run(&dead, &mut |_| Ok(()));
            ran.result.unwrap();
            assert!(ran.progress.last().unwrap().continued > 0);
            assert!(contents(&dead) == undisturbed, "{named} {old_are_there}");
        }
    }
}

#[test]
fn a_journal_beside_a_finished_corpus_is_no_part_of_the_next_build() {
    let mut case = Case::new(options(), &[("a.txt", txt(6_000))]);
    let (almost, undisturbed) = almost_done(&case);
    let output = case.output("undisturbed");
    fs::copy(almost.join(JOURNAL), output.join(JOURNAL)).unwrap();
    assert!(open(&output).is_ok());
    assert!(matches!(case.run(&output, &mut |_| Ok(())).result, Err(Error::CorpusExists { .. })));
    case.options.overwrite = true;
    let ran = case.run(&output, &mut |_| Ok(()));
    assert_eq!(ran.progress.last().unwrap().continued, 0);
    assert!(contents(&output) == undisturbed);
}

#[test]
fn replacing_a_finished_corpus_is_continued_too() {
    let mut case = Case::new(TokenizeOptions { overwrite: true, ..options() }, &[("a.txt", txt(6_000))]);
    let undisturbed = case.undisturbed();
    let output = case.output("replaced");
    fs::write(case.folder.path().join("old.txt"), txt(50)).unwrap();
    build(&[case.folder.path().join("old.txt")], &output, &options()).unwrap();
    let old = contents(&output);
    let ran = case.run(&output, &mut |asked| if asked > 6 { Err(Error::Interrupted) } else { Ok(()) });
    assert!(ran.result.is_err());
    let both = contents(&output);
    assert!(old.iter().all(|(name, content)| &both[name] == content) && both.contains_key(JOURNAL));
    assert_eq!(open(&output).unwrap().sequences(), 70);

    case.options.overwrite = false;
    assert!(matches!(case.run(&output, &mut |_| Ok(())).result, Err(Error::CorpusExists { .. })));
    assert!(contents(&output) == both);

    case.options.overwrite = true;
    let ran = case.run(&output, &mut |_| Ok(()));
    assert!(ran.progress.last().unwrap().continued > 0);
    assert!(contents(&output) == undisturbed);
}

/// What a build does with what `almost_done` left after `change`; the corpus must be right whatever it is.
fn sequences_continued_after(change: impl FnOnce(&Path, &Case)) -> (u64, u64) {
    let case = Case::new(options(), &[("a.txt", txt(6_000))]);
    let (almost, undisturbed) = almost_done(&case);
    let all = case.run(&almost, &mut |_| Err(Error::Interrupted)).progress.last().unwrap().continued;
    change(&almost, &case);
    let ran = case.run(&almost, &mut |_| Ok(()));
    ran.result.unwrap();
    assert!(contents(&almost) == undisturbed);
    (ran.progress.last().unwrap().continued, all)
}

fn alter(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(path).unwrap();
    change(&mut content);
    fs::write(path, content).unwrap();
}

#[test]
fn a_damaged_shard_and_what_follows_are_written_again() {
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let (first, all) = sequences_continued_after(|folder, _| alter(&folder.join("shard-00000.arrow.tmp"), flip));
    assert!(first == 0 && all > 0);
    let (second, all) = sequences_continued_after(|folder, _| alter(&folder.join("shard-00001.arrow.tmp"), flip));
    assert!(0 < second && second < all);
    let cut = |folder: &Path, _: &Case| alter(&folder.join("shard-00001.arrow.tmp"), |bytes| bytes.truncate(99));
    assert_eq!(sequences_continued_after(cut).0, second);
    let missing = |folder: &Path, _: &Case| fs::remove_file(folder.join("shard-00001.arrow.tmp")).unwrap();
    assert_eq!(sequences_continued_after(missing).0, second);
}

#[test]
fn a_journal_that_is_damaged_missing_or_cut_is_trusted_up_to_there() {
    let (none, all) = sequences_continued_after(|folder, _| fs::remove_file(folder.join(JOURNAL)).unwrap());
    assert!(none == 0 && all > 0);
    assert_eq!(sequences_continued_after(|folder, _| alter(&folder.join(JOURNAL), |bytes| bytes[20] ^= 1)).0, 0);
    let cut = |folder: &Path, _: &Case| alter(&folder.join(JOURNAL), |bytes| bytes.truncate(bytes.len() - 1));
    let (some, all) = sequences_continued_after(cut);
    assert!(0 < some && some < all);
    let more = |folder: &Path, _: &Case| alter(&folder.join(JOURNAL), |bytes| bytes.extend(b"0123456789abcdef {"));
    let (some, all) = sequences_continued_after(more);
    assert_eq!(some, all);
}

#[test]
fn another_recipe_starts_again() {
    let tried = |change: &dyn Fn(&mut Case)| {
        let mut case = Case::new(options(), &[("a.txt", txt(2_500))]);
        let (almost, _) = almost_done(&case);
        change(&mut case);
        let ran = case.run(&almost, &mut |_| Ok(()));
        ran.result.unwrap();
        let fresh = case.output("fresh");
        case.run(&fresh, &mut |_| Ok(())).result.unwrap();
        assert!(contents(&almost) == contents(&fresh));
        ran.progress.last().unwrap().continued
    };
    assert_eq!(tried(&|case| case.options.max_length = 9), 0);
    assert_eq!(tried(&|case| case.options.shard_tokens += 1), 0);
    assert_eq!(tried(&|case| case.options.max_sequences = Some(1_000_000)), 0);
    assert_eq!(tried(&|case| case.options.documents = Documents::Join), 0);
    assert_eq!(tried(&|case| case.options.text_column = "body".to_owned()), 0);
    let text = |case: &Case| case.folder.path().join("texts/a.txt");
    assert_eq!(tried(&|case| alter(&text(case), |bytes| bytes.extend(b"5\n"))), 0);
    assert_eq!(tried(&|case| alter(&text(case), |_| ())), 0);
    assert_eq!(tried(&|case| fs::rename(text(case), text(case).with_file_name("b.txt")).unwrap()), 0);
    // These do not alter a byte.
    assert!(tried(&|case| case.options.threads = 3) > 0);
    assert!(tried(&|case| case.options.on_error = OnError::Skip) > 0);
}

#[test]
fn records_that_were_left_out_are_not_taken_over_by_a_build_that_raises() {
    let broken = [txt(4_000), b"\xff\n".to_vec(), txt(4_000)].concat();
    let mut case = Case::new(TokenizeOptions { on_error: OnError::Skip, ..options() }, &[("a.txt", broken)]);
    let (almost, _) = almost_done(&case);
    case.options.on_error = OnError::Raise;
    let ran = case.run(&almost, &mut |_| Ok(()));
    assert!(message(ran.result).contains("a.txt:4001: not UTF-8"));
    // What lies before the record is of use to both.
    case.options.on_error = OnError::Skip;
    let ran = case.run(&almost, &mut |_| Ok(()));
    assert!(ran.progress.last().unwrap().continued > 0);
    assert_eq!(ran.result.unwrap().totals.skipped_records, 1);
    assert!(contents(&almost) == case.undisturbed());
}

#[test]
fn other_text_under_the_old_name_size_and_time_is_found_out() {
    let case = Case::new(options(), &[("a.txt", txt(6_000))]);
    let (almost, _) = almost_done(&case);
    let text = case.folder.path().join("texts/a.txt");
    let time = fs::metadata(&text).unwrap().modified().unwrap();
    alter(&text, |bytes| bytes.iter_mut().filter(|byte| **byte == b'3').for_each(|byte| *byte = b'4'));
    fs::File::options().write(true).open(&text).unwrap().set_modified(time).unwrap();
    let ran = case.run(&almost, &mut |_| Ok(()));
    assert!(message(ran.result).contains("is not the one that the interrupted build in"));
}

#[test]
fn a_stop_while_shards_are_verified_or_text_is_passed_over_costs_nothing() {
    let case = Case::new(options(), &[("a.txt.gz", gz(&txt(8_000)))]);
    let undisturbed = case.undisturbed();
    let output = case.output("stopped");
    case.run(&output, &mut |asked| if asked > 7 { Err(Error::Interrupted) } else { Ok(()) });
    let kept = contents(&output);
    assert!(kept.contains_key(JOURNAL));
    let files = || FileChunks::new(find_input_files(&[case.folder.path().join("texts")]).unwrap(), "text").unwrap();
    // Before the shards are verified, and before the text is passed over.
    for calls in [1, 2] {
        let mut called = 0;
        let stop = &mut |now: &Progress| {
            called += 1;
            assert_eq!(now.continued > 0, called == 2);
            if called == calls { Err(Error::Interrupted) } else { Ok(()) }
        };
        assert!(tokenize(&mut files(), encoder(999, 8).unwrap(), &output, &case.options, stop).is_err());
        assert!(contents(&output) == kept);
    }
    assert!(case.run(&output, &mut |_| Ok(())).progress.last().unwrap().continued > 0);
    assert!(contents(&output) == undisturbed);
}

#[test]
fn unpacking_rows_can_be_stopped() {
    // More than is unpacked between two looks at whether to stop, in few bytes.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.parquet.gz"), gz(&vec![0; 40 << 20])).unwrap();
    let mut files = FileChunks::new(find_input_files(&[folder.path().to_owned()]).unwrap(), "text").unwrap();
    let mut asked = 0;
    let stopped = files.next_chunk(&mut || {
        asked += 1;
        if asked == 2 { Err(Error::Interrupted) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Interrupted)), "{asked}");
}
