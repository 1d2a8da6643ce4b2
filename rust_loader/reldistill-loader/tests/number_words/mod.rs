//! A tokenizer whose words are numbers, and corpora made with it: the text says which ids must come out.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::path::{Path, PathBuf};

use reldistill_loader::{
    Corpus, Encoder, Error, FileChunks, Manifest, Progress, Result, TokenizeOptions, Verify, find_input_files, tokenize,
};
use serde_json::{Value, json};

pub const CLS: u32 = 1;
pub const SEP: u32 = 2;

/// A `tokenizer.json`: `[PAD]` 0, `[CLS]` 1, `[SEP]` 2, then each number up to `words` is its own id.
pub fn tokenizer(words: u32) -> Value {
    let mut vocabulary = json!({"[PAD]": 0, "[CLS]": 1, "[SEP]": 2});
    for number in 3..=words {
        vocabulary[number.to_string()] = number.into();
    }
    let special = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "decoder": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": special("[CLS]", CLS), "[SEP]": special("[SEP]", SEP)},
        },
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[PAD]"},
    })
}

pub fn encoder(words: u32, max_length: usize) -> Result<Encoder> {
    Encoder::from_text(&tokenizer(words).to_string(), max_length)
}

/// Tokenises files, folders or globs with numbers up to 999 as words.
pub fn build(inputs: &[PathBuf], output: &Path, options: &TokenizeOptions) -> Result<Manifest> {
    build_watched(inputs, output, options, &mut |_| Ok(()))
}

pub fn build_watched(
    inputs: &[PathBuf],
    output: &Path,
    options: &TokenizeOptions,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Manifest> {
    let mut source =
        FileChunks::new(find_input_files(inputs)?, &options.text_column)?.with_text_documents(options.text_documents);
    tokenize(&mut source, encoder(999, options.max_length)?, output, options, watch).map(|(manifest, _)| manifest)
}

/// A corpus of `sequences` sequences; sequence `s` is `[CLS]`, 1 + s mod 5 times the id 3 + s mod 900, `[SEP]`.
pub fn corpus(folder: &Path, sequences: usize) -> Corpus {
    corpus_in_shards_of(folder, sequences, 400)
}

pub fn corpus_in_shards_of(folder: &Path, sequences: usize, shard_tokens: u64) -> Corpus {
    let lines: String =
        (0..sequences).map(|number| format!("{} ", 3 + number % 900).repeat(1 + number % 5) + "\n").collect();
    std::fs::write(folder.join("text.txt"), lines).unwrap();
    let options = TokenizeOptions { shard_tokens, ..TokenizeOptions::default() };
    build(&[folder.join("text.txt")], &folder.join("corpus"), &options).unwrap();
    open(&folder.join("corpus")).unwrap()
}

pub fn open(folder: &Path) -> Result<Corpus> {
    Corpus::open(folder, Verify::FirstTouch, &mut || Ok(()))
}

pub fn ids(corpus: &Corpus, index: u64) -> Vec<u32> {
    let mut ids = Vec::new();
    corpus.sequence(index).unwrap().append_to(&mut ids);
    ids
}

pub fn message<T>(result: std::result::Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("it worked"),
        Err(error) => error.to_string(),
    }
}
