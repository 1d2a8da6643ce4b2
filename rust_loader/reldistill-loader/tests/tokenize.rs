//! From text files to a finished folder, and to nothing at all if something goes wrong.

mod number_words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use number_words::{build, build_watched, encoder, ids, message, open, tokenizer};
use reldistill_loader::{
    Documents, Encoder, Error, Manifest, OnError, Scratch, TextDocuments, TokenDtype, TokenizeOptions,
};
use tempfile::TempDir;

struct Texts(TempDir);

impl Texts {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join("texts").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("texts").join(name)
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("corpus")
    }

    fn build(&self, input: &str, options: &TokenizeOptions) -> reldistill_loader::Result<Manifest> {
        build(&[self.path(input)], &self.output(), options)
    }

    /// What a failed build says, without the folder; nothing must be left of it.
    fn failure(&self, input: &str, options: &TokenizeOptions) -> String {
        let message = message(self.build(input, options));
        assert!(!self.output().exists(), "{:?}", contents(&self.output()).keys());
        message.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn many_lines() -> Vec<u8> {
    (0..60_000).flat_map(|number| format!("{} {} {}\n", number % 997, number % 31, number % 7).into_bytes()).collect()
}

fn options() -> TokenizeOptions {
    TokenizeOptions::default()
}

#[test]
fn windows_hold_each_token_once_and_special_tokens_each() {
    let texts = Texts::new(&[("a.txt", b"10 11 12 13 14 15 16\n17\n")]);
    let manifest = texts.build("a.txt", &TokenizeOptions { max_length: 5, ..options() }).unwrap();
    let corpus = open(&texts.output()).unwrap();
    let all: Vec<_> = (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect();
    assert_eq!(all, [vec![1, 10, 11, 12, 2], vec![1, 13, 14, 15, 2], vec![1, 16, 2], vec![1, 17, 2]]);
    assert_eq!((manifest.totals.documents, manifest.totals.tokens), (2, 16));
    assert!(matches!(corpus.sequence(4), Err(Error::SequenceOutOfRange { index: 4, sequences: 4 })));
}

#[test]
fn threads_and_earlier_runs_do_not_alter_a_byte() {
    let texts = Texts::new(&[("a.txt", &many_lines()), ("b.jsonl", b"{\"text\": \"5 6\"}\n")]);
    let written = |threads| {
        let options = TokenizeOptions { threads, shard_tokens: 100_000, overwrite: true, ..options() };
        texts.build("", &options).unwrap();
        contents(&texts.output())
    };
    let one = written(1);
    assert_eq!(one.len(), 5, "{:?}", one.keys());
    assert!(one == written(3) && one == written(8));
}

#[test]
fn the_first_broken_line_is_the_one_in_the_text_whatever_the_threads() {
    let mut lines = many_lines();
    lines.extend(b"\xff\n");
    lines.extend(many_lines());
    lines.extend(b"\xfe\n");
    let texts = Texts::new(&[("a.txt", &lines)]);
    for threads in [1, 7] {
        let message = texts.failure("a.txt", &TokenizeOptions { threads, ..options() });
        assert!(
            message.starts_with("texts/a.txt:60001: not UTF-8: byte 0xff at column 1; correct the line"),
            "{message}"
        );
    }
}

#[test]
fn skipped_records_are_counted_and_the_first_are_listed() {
    let lines: String = (0..30).map(|number| format!("{{\"txt\": {number}}}\n{{\"text\": \"{number}\"}}\n")).collect();
    let texts = Texts::new(&[("a.jsonl", lines.as_bytes())]);
    let manifest = texts.build("a.jsonl", &TokenizeOptions { on_error: OnError::Skip, ..options() }).unwrap();
    assert_eq!((manifest.totals.skipped_records, manifest.totals.documents, manifest.skipped.len()), (30, 30, 20));
    let second = &manifest.skipped[1];
    assert_eq!((second.source.as_str(), second.line), ("a.jsonl", 3));
    assert!(second.cause.starts_with("no column \"text\""));
}

#[test]
fn paragraphs_are_documents_where_that_was_asked_for() {
    let texts = Texts::new(&[("a.txt", b"\n3 4\n5\n \n6\n\n\n7 8 9\r\n10\r\n"), ("b.jsonl", b"{\"text\": \"11\"}\n")]);
    let paragraphs = TokenizeOptions { text_documents: TextDocuments::Paragraphs, ..options() };
    let built = |options: TokenizeOptions| {
        let manifest = texts.build("", &TokenizeOptions { overwrite: true, ..options }).unwrap();
        let corpus = open(&texts.output()).unwrap();
        (manifest, (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect::<Vec<_>>())
    };
    let (manifest, split) = built(paragraphs.clone());
    assert_eq!(split, [vec![1, 3, 4, 5, 2], vec![1, 6, 2], vec![1, 7, 8, 9, 10, 2], vec![1, 11, 2]]);
    assert_eq!((manifest.totals.documents, manifest.options.text_documents), (4, TextDocuments::Paragraphs));
    assert!(manifest.to_json().contains("\"text_documents\": \"paragraphs\""));
    let (_, joined) = built(TokenizeOptions { documents: Documents::Join, ..paragraphs });
    assert_eq!(joined, [vec![1, 3, 4, 5, 2, 6, 2, 7, 8, 9, 10, 2], vec![1, 11, 2]]);
    let (manifest, lines) = built(options());
    assert_eq!(lines.len(), 6);
    assert!(!manifest.to_json().contains("text_documents"));
}

#[test]
fn a_broken_paragraph_is_named_by_the_line_that_is_broken() {
    let mut text: Vec<u8> =
        (0..60_000).flat_map(|number| format!("{}\n4\n\n", 3 + number % 900).into_bytes()).collect();
    text.extend(b"5\n6\xff\n7\xff\n\n8\n");
    let texts = Texts::new(&[("a.txt", &text)]);
    let options = TokenizeOptions { text_documents: TextDocuments::Paragraphs, threads: 3, ..options() };
    let message = texts.failure("a.txt", &options);
    assert!(message.starts_with("texts/a.txt:180002: not UTF-8: byte 0xff at column 2; correct the line"), "{message}");
    let manifest = texts.build("a.txt", &TokenizeOptions { on_error: OnError::Skip, ..options }).unwrap();
    assert_eq!(
        (manifest.totals.documents, manifest.totals.skipped_records, manifest.skipped[0].line),
        (60_001, 1, 180_002)
    );
}

#[test]
fn a_bound_on_sequences_is_exact_even_within_a_document() {
    let texts = Texts::new(&[("a.txt", b"3\n4 5 6 7 8 9\n10\n\xff\n")]);
    let options = TokenizeOptions { max_length: 4, max_sequences: Some(3), ..options() };
    let manifest = texts.build("a.txt", &options).unwrap();
    assert_eq!((manifest.totals.sequences, manifest.totals.documents, manifest.totals.tokens), (3, 2, 11));
}

#[test]
fn a_document_without_a_token_is_counted_and_gives_no_sequence() {
    let texts = Texts::new(&[("a.jsonl", b"{\"text\": \"\"}\n{\"text\": \"5\"}\n")]);
    let totals = texts.build("a.jsonl", &options()).unwrap().totals;
    assert_eq!((totals.documents, totals.empty_documents, totals.sequences), (2, 1, 1));
}

#[test]
fn text_without_a_token_is_no_corpus() {
    let texts = Texts::new(&[("a.txt", b"\n \n")]);
    assert!(texts.failure("a.txt", &options()).contains("the inputs hold no text"));
}

#[test]
fn inputs_that_lead_nowhere_are_named() {
    let texts = Texts::new(&[("a.md", b"x"), (".hidden.txt", b"x")]);
    for (input, expected) in [
        ("missing.txt", "missing.txt\" matches no file"),
        ("*.txt2", "*.txt2\" matches no file"),
        ("a.md", "a.md\" is neither .txt"),
        ("", "\" holds no .txt, .jsonl or .parquet file"),
        ("*.md", "*.md\" holds no .txt, .jsonl or .parquet file"),
        ("***", "is not a valid glob"),
    ] {
        let message = texts.failure(input, &options());
        assert!(message.contains(expected), "{message}");
    }
    assert!(message(build(&[], &texts.output(), &options())).starts_with("no inputs were given"));
}

#[test]
fn folders_are_walked_and_globs_expanded_in_order() {
    let texts =
        Texts::new(&[("b/z.txt", b"3\n"), ("a.jsonl", b"{\"text\": \"4\"}"), ("b/a.txt", b"5\n"), ("c.md", b"6\n")]);
    assert_eq!(texts.build("", &options()).unwrap().sources, ["a.jsonl", "b/a.txt", "b/z.txt"]);
    let corpus = open(&texts.output()).unwrap();
    assert_eq!([ids(&corpus, 0)[1], ids(&corpus, 1)[1], ids(&corpus, 2)[1]], [4, 5, 3]);
    let again = TokenizeOptions { overwrite: true, ..options() };
    assert_eq!(texts.build("*/*.txt", &again).unwrap().sources, ["a.txt", "z.txt"]);
}

#[test]
fn a_stop_by_the_caller_leaves_nothing() {
    let texts = Texts::new(&[("a.txt", &many_lines())]);
    let stopped = build_watched(&[texts.path("a.txt")], &texts.output(), &options(), &mut |_| Err(Error::Interrupted));
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(!texts.output().exists());
}

#[test]
fn a_finished_corpus_is_refused_then_replaced() {
    let texts = Texts::new(&[("a.txt", b"3\n"), ("b.txt", &many_lines())]);
    let large = TokenizeOptions { shard_tokens: 100_000, ..options() };
    texts.build("b.txt", &large).unwrap();
    let before = contents(&texts.output());
    assert!(
        message(texts.build("a.txt", &options()))
            .contains("holds a finished corpus; choose another folder, or replace it")
    );

    // A build that fails leaves the corpus that it was to replace.
    let overwrite = TokenizeOptions { overwrite: true, ..options() };
    let stop = build_watched(&[texts.path("a.txt")], &texts.output(), &overwrite, &mut |_| Err(Error::Interrupted));
    assert!(stop.is_err() && contents(&texts.output()) == before);

    texts.build("a.txt", &overwrite).unwrap();
    assert_eq!(contents(&texts.output()).into_keys().collect::<Vec<_>>(), ["manifest.json", "shard-00000.arrow"]);
}

#[test]
fn leftovers_are_replaced_and_foreign_files_kept() {
    let texts = Texts::new(&[("a.txt", b"3\n")]);
    fs::create_dir(texts.output()).unwrap();
    let foreign = ["notes.txt", "shard-1.arrow", "shard-00000.arrow.bak", "manifest.json.old", "shard-0000x.arrow"];
    let leftovers = ["shard-00007.arrow.tmp", "shard-00000.arrow", "shard-00001.arrow", "manifest.json.tmp"];
    foreign.iter().chain(&leftovers).for_each(|name| fs::write(texts.output().join(name), "x").unwrap());
    texts.build("a.txt", &options()).unwrap();
    let mut expected = [&foreign[..], &["manifest.json", "shard-00000.arrow"]].concat();
    expected.sort_unstable();
    assert_eq!(contents(&texts.output()).into_keys().collect::<Vec<_>>(), expected);
    assert_eq!(open(&texts.output()).unwrap().sequences(), 1);
}

#[test]
fn a_manifest_of_something_else_is_never_replaced() {
    let texts = Texts::new(&[("a.txt", b"3\n")]);
    fs::create_dir(texts.output()).unwrap();
    fs::write(texts.output().join("manifest.json"), "{}").unwrap();
    fs::write(texts.output().join("manifest.json.tmp"), "theirs").unwrap();
    let overwrite = TokenizeOptions { overwrite: true, ..options() };
    assert!(message(texts.build("a.txt", &overwrite)).contains("holds a manifest.json of something else"));
    let kept = contents(&texts.output());
    assert_eq!((kept["manifest.json"].as_slice(), kept["manifest.json.tmp"].as_slice()), (&b"{}"[..], &b"theirs"[..]));
}

#[test]
fn an_output_that_is_a_file_is_refused() {
    let texts = Texts::new(&[("a.txt", b"3\n")]);
    fs::write(texts.output(), "x").unwrap();
    assert!(message(texts.build("a.txt", &options())).contains("is not a folder; choose another output"));
    assert_eq!(fs::read(texts.output()).unwrap(), b"x");
}

#[test]
#[cfg(unix)]
fn two_builds_in_one_folder_do_not_mix() {
    let texts = Texts::new(&[("a.txt", &many_lines())]);
    let mut tried = None;
    build_watched(&[texts.path("a.txt")], &texts.output(), &options(), &mut |_| {
        tried = Some(message(texts.build("a.txt", &options())));
        Ok(())
    })
    .unwrap();
    assert!(tried.unwrap().contains("another process is building a corpus in"));
    assert!(open(&texts.output()).is_ok());
}

#[test]
fn the_smallest_dtype_holds_the_vocabulary() {
    assert_eq!(encoder(65_535, 8).unwrap().dtype(), TokenDtype::Uint16);
    assert_eq!(encoder(65_536, 8).unwrap().dtype(), TokenDtype::Uint32);
}

#[test]
fn a_length_without_room_for_text_is_refused() {
    let message = message(encoder(9, 2));
    assert!(message.contains("adds 2 special tokens, so it must be from 3 to 1048576"), "{message}");
    assert!(encoder(9, 3).is_ok() && encoder(9, (1 << 20) + 1).is_err());
}

#[test]
fn a_tokenizer_that_cannot_be_read_is_named() {
    assert!(message(Encoder::from_text("{}", 8)).starts_with("tokenizer (passed as text): "));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), "{").unwrap();
    let message = message(Encoder::from_file(&folder.path().join("tokenizer.json"), 8));
    assert!(message.contains("tokenizer.json: ") && message.contains("EOF"), "{message}");
    assert!(matches!(Encoder::from_file(&folder.path().join("none"), 8), Err(Error::Io { .. })));
}

#[test]
fn stored_truncation_and_padding_are_ignored() {
    let mut stored = tokenizer(99);
    stored["truncation"] =
        serde_json::json!({"max_length": 4, "strategy": "LongestFirst", "stride": 1, "direction": "Left"});
    stored["padding"] = serde_json::json!({
        "strategy": {"Fixed": 32}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]"
    });
    let encoder = Encoder::from_text(&stored.to_string(), 8).unwrap();
    let mut windows = Vec::new();
    encoder.windows("3 4 5 6 7 8 9", &mut Scratch::default(), |ids| windows.push(ids.to_vec())).unwrap();
    assert_eq!(windows, [vec![1, 3, 4, 5, 6, 7, 8, 2], vec![1, 9, 2]]);
    let roles: Vec<_> = encoder.entry().special_ids.iter().map(|(role, &id)| (role.as_str(), id)).collect();
    assert_eq!(roles, [("cls", 1), ("pad", 0), ("sep", 2)]);
}

#[test]
fn progress_ends_at_the_end() {
    let texts = Texts::new(&[("a.txt", &many_lines())]);
    let mut last = None;
    build_watched(&[texts.path("a.txt")], &texts.output(), &options(), &mut |now| {
        last = Some(*now);
        Ok(())
    })
    .unwrap();
    let last = last.unwrap();
    assert_eq!((Some(last.bytes_done), last.documents, last.sequences), (last.bytes_total, 60_000, 60_000));
}
