//! The fast path against the `tokenizers` library, on anything that can stand in a text.

use proptest::prelude::*;
use reldistill_loader::{Encoder, Scratch};
use serde_json::{Value, json};

/// What borders, normalisers and added tokens trip over.
const ODD: &[&str] = &[
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\t",
    "\r\n",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{2003}",
    "\u{3000}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{301}",
    "\u{338}",
    "\u{345}",
    "\u{1c}",
    "\u{0}",
    "\u{ad}",
    "'",
    "'s",
    "'re",
    "'LL",
    "’",
    "▁",
    "[MASK]",
    "[mask]",
    "[UN",
    "<s>",
    "</s",
    "¨",
    "΄",
    "‗",
    "ﬁ",
    "İ",
    "ß",
    "É",
    "é",
    "Σ",
    "漢字",
    "が",
    "한국",
    "\u{1112}\u{1161}",
    "हिन्दी",
    "ة",
    "\u{64b}",
    "\u{600}",
    "ไทย",
    "\u{e33}",
    "😀",
    "１２",
    "½",
    "²",
    "\u{fffd}",
    "$",
    "~",
    "the",
    "thing",
    "The",
    "12",
    "a1",
    ".",
    ",",
];

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(ODD).prop_map(str::to_owned),
        3 => "[a-z]{1,6} ",
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

/// A `tokenizer.json` of these parts, with `[CLS]` and `[SEP]` around a text.
fn tokenizer(model: Value, normalizer: Value, pre_tokenizer: Value, added: &[(&str, u32)]) -> String {
    let added: Vec<Value> = added
        .iter()
        .map(|(content, id)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": *id == 4,
                   "normalized": false, "special": true})
        })
        .collect();
    let (cls, sep) = (added[2]["content"].clone(), added[3]["content"].clone());
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "decoder": null, "model": model,
        "post_processor": {"type": "BertProcessing", "cls": [cls, 2], "sep": [sep, 3]},
    })
    .to_string()
}

const BERT_TOKENS: [(&str, u32); 5] = [("[PAD]", 0), ("[UNK]", 1), ("[CLS]", 2), ("[SEP]", 3), ("[MASK]", 4)];
const ROBERTA_TOKENS: [(&str, u32); 5] = [("<pad>", 0), ("<unk>", 1), ("<s>", 2), ("</s>", 3), ("<mask>", 4)];

fn word_piece(lowercase: bool, clean_text: bool) -> String {
    let mut vocabulary: Vec<String> = BERT_TOKENS.iter().map(|(token, _)| (*token).to_owned()).collect();
    let letters = ('a'..='z').chain('A'..='M').chain('0'..='9').chain("éßσ漢,.'$".chars());
    for letter in letters {
        vocabulary.extend([letter.to_string(), format!("##{letter}")]);
    }
    vocabulary.extend(["the", "The", "##ing", "thin"].map(str::to_owned));
    let vocabulary: serde_json::Map<_, _> = vocabulary.into_iter().zip(0u32..).map(|(t, id)| (t, id.into())).collect();
    let model = json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                       "max_input_chars_per_word": 9, "vocab": vocabulary});
    let normalizer = json!({"type": "BertNormalizer", "clean_text": clean_text, "handle_chinese_chars": true,
                            "strip_accents": null, "lowercase": lowercase});
    tokenizer(model, normalizer, json!({"type": "BertPreTokenizer"}), &BERT_TOKENS)
}

fn byte_level(add_prefix_space: bool) -> String {
    let mut vocabulary: Vec<String> = ROBERTA_TOKENS.iter().map(|(token, _)| (*token).to_owned()).collect();
    // GPT-2's alphabet: visible Latin-1 is itself, other bytes follow from U+0100 on.
    let visible = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let codes = (0..=255).filter(visible).chain(0x100..0x100 + (0..=255).filter(|byte| !visible(byte)).count() as u32);
    vocabulary.extend(codes.map(|code| char::from_u32(code).unwrap().to_string()));
    let merges = [["t", "h"], ["th", "e"], ["Ġ", "the"], ["Ġ", "t"], ["'", "s"], ["Ġ", "Ġ"], ["1", "2"], ["i", "n"]];
    vocabulary.extend(merges.iter().map(|pair| pair.concat()));
    let vocabulary: serde_json::Map<_, _> = vocabulary.into_iter().zip(0u32..).map(|(t, id)| (t, id.into())).collect();
    let model = json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                       "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary,
                       "merges": merges});
    let pre_tokenizer = json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true,
                               "use_regex": true});
    tokenizer(model, Value::Null, pre_tokenizer, &ROBERTA_TOKENS)
}

fn unigram(split_first: bool) -> String {
    let mut vocabulary: Vec<(String, f64)> =
        ROBERTA_TOKENS.iter().map(|(token, _)| ((*token).to_owned(), 0.0)).collect();
    vocabulary.extend(('a'..='z').chain("0123456789É漢하ة.,'".chars()).map(|letter| (letter.to_string(), -6.0)));
    vocabulary.extend(
        [("▁", -2.0), ("▁the", -3.0), ("▁th", -4.0), ("ing", -3.5), ("▁▁", -1.0)].map(|(t, p)| (t.to_owned(), p)),
    );
    let model = json!({"type": "Unigram", "unk_id": 1, "byte_fallback": false, "vocab": vocabulary});
    let normalizer = json!({"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]});
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let pre_tokenizer = match split_first {
        true => json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}),
        false => metaspace,
    };
    tokenizer(model, normalizer, pre_tokenizer, &ROBERTA_TOKENS)
}

fn windows(encoder: &Encoder, scratch: &mut Scratch, text: &str) -> Vec<Vec<u32>> {
    let mut windows = Vec::new();
    encoder.windows(text, scratch, |window| windows.push(window.to_vec())).unwrap();
    windows
}

fn check(tokenizer: &str) {
    const LENGTH: usize = 11;
    let fast = Encoder::from_text(tokenizer, LENGTH).unwrap();
    let plain = Encoder::from_text(tokenizer, LENGTH).unwrap().plain();
    assert!(fast.is_fast() && !plain.is_fast());
    // One scratch for all: what one text leaves in it must not alter the next.
    let scratch = std::cell::RefCell::new(Scratch::default());
    proptest!(ProptestConfig::with_cases(1500), |(text in text())| {
        let here = windows(&fast, &mut scratch.borrow_mut(), &text);
        prop_assert_eq!(here, windows(&plain, &mut Scratch::default(), &text), "{:?}", text);
    });
}

#[test]
fn word_piece_is_exact() {
    for (lowercase, clean_text) in [(true, true), (false, true), (true, false)] {
        check(&word_piece(lowercase, clean_text));
    }
}

#[test]
fn byte_level_bpe_is_exact() {
    check(&byte_level(false));
    check(&byte_level(true));
}

#[test]
fn unigram_is_exact() {
    check(&unigram(false));
    check(&unigram(true));
}

#[test]
fn other_pipelines_are_left_to_the_library() {
    let altered = |path: &str, value: Value| {
        let mut description: Value = serde_json::from_str(&byte_level(false)).unwrap();
        *description.pointer_mut(path).unwrap() = value;
        Encoder::from_text(&description.to_string(), 8).unwrap().is_fast()
    };
    assert!(altered("/version", json!("1.0")));
    assert!(!altered("/model/dropout", json!(0.1)));
    assert!(!altered("/pre_tokenizer/use_regex", json!(false)));
    assert!(!altered("/pre_tokenizer", json!({"type": "Whitespace"})));
    assert!(!altered("/normalizer", json!({"type": "NFC"})));
}
