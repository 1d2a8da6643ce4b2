//! The fast path against the `tokenizers` library, on anything that can stand in a text.

use std::str::FromStr;

use proptest::prelude::*;
use reldistill_loader::{Encoder, Error, Scratch, Windows};
use serde_json::{Value, json};
use tokenizers::Tokenizer;
use unicode_segmentation::UnicodeSegmentation;

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
    ". The ",
    "? ",
    "!\n",
    "।",
    "。",
    ".)",
    "\u{2029}",
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

/// Windows that end with units, written down plainly: of at most `room` tokens without the special ones.
fn expected(library: &Tokenizer, unit: Windows, room: usize, text: &str) -> Vec<Vec<u32>> {
    let encoding = library.encode(text, false).unwrap();
    let (ids, offsets) = (encoding.get_ids(), encoding.get_offsets());
    let units: Vec<&str> = match unit {
        Windows::Tokens => vec![],
        Windows::Sentences => text.split_sentence_bounds().collect(),
        Windows::Lines => text.split_inclusive('\n').collect(),
    };
    let mut may_start = vec![false; ids.len() + 1];
    let mut behind = 0;
    for unit in units {
        let visible = behind + unit.trim_end().len();
        behind += unit.len();
        if !unit.trim().is_empty() {
            let first = offsets.iter().position(|&(start, _)| start >= visible);
            may_start[first.unwrap_or(ids.len())] = true;
        }
    }
    let (mut windows, mut start) = (Vec::new(), 0);
    while start < ids.len() {
        let full = ids.len().min(start + room);
        let end = match full == ids.len() {
            true => full,
            false => (start + 1..=full).rev().find(|&at| may_start[at]).unwrap_or(full),
        };
        windows.push(ids[start..end].to_vec());
        start = end;
    }
    windows
}

fn check(tokenizer: &str) {
    const LENGTH: usize = 11;
    let open = |windows| Encoder::from_text(tokenizer, LENGTH).unwrap().with_windows(windows).unwrap();
    // One scratch for all: what one text leaves in it must not alter the next.
    let scratch = std::cell::RefCell::new(Scratch::default());
    let library = Tokenizer::from_str(tokenizer).unwrap();
    for (unit, cases) in [(Windows::Tokens, 1500), (Windows::Sentences, 500), (Windows::Lines, 300)] {
        let (fast, plain) = (open(unit), open(unit).plain());
        assert!(fast.is_fast() && !plain.is_fast());
        proptest!(ProptestConfig::with_cases(cases), |(text in text())| {
            let here = windows(&fast, &mut scratch.borrow_mut(), &text);
            prop_assert_eq!(&here, &windows(&plain, &mut Scratch::default(), &text), "{:?}", text);
            let inside: Vec<_> = here.iter().map(|window| window[1..window.len() - 1].to_vec()).collect();
            prop_assert_eq!(inside, expected(&library, unit, LENGTH - 2, &text), "{:?}", text);
        });
    }
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

#[test]
fn windows_end_with_sentences_and_lines_if_asked_to() {
    let text = "the thing. the\nthin the. The the the the the. in";
    let spans = |tokenizer: &str, unit| {
        let encoder = Encoder::from_text(tokenizer, 9).unwrap().with_windows(unit).unwrap();
        let encoding = Tokenizer::from_str(tokenizer).unwrap().encode(text, false).unwrap();
        let mut offsets = encoding.get_offsets();
        let mut spans = Vec::new();
        for window in windows(&encoder, &mut Scratch::default(), text) {
            let (here, rest) = offsets.split_at(window.len() - 2);
            spans.push(&text[here[0].0..here[here.len() - 1].1]);
            offsets = rest;
        }
        spans
    };
    let bert = word_piece(true, true);
    assert_eq!(spans(&bert, Windows::Tokens), ["the thing. the\nthin the", ". The the the the the.", "in"]);
    // One that is longer than a window is cut where that is full.
    assert_eq!(spans(&bert, Windows::Sentences), ["the thing. the", "thin the.", "The the the the the. i", "n"]);
    assert_eq!(spans(&bert, Windows::Lines), ["the thing. the", "thin the. The the the the", "the. in"]);
    // White space that is a token goes with what follows.
    let roberta = byte_level(false);
    let sentences = ["the thing. the", "\nthin the.", " The the the the", " the. in"];
    assert_eq!(spans(&roberta, Windows::Sentences), sentences);
    assert_eq!(spans(&roberta, Windows::Lines), ["the thing. the", "\nthin the. T", "he the the the the.", " in"]);
}

#[test]
fn borders_need_the_same_special_tokens_around_each_text() {
    let mut description: Value = serde_json::from_str(&byte_level(false)).unwrap();
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    description["post_processor"] =
        json!({"type": "TemplateProcessing", "single": [text, text], "pair": [text], "special_tokens": {}});
    let open = |windows| Encoder::from_text(&description.to_string(), 9).unwrap().with_windows(windows);
    assert!(open(Windows::Tokens).is_ok());
    let Err(Error::Argument { name: "windows", value, allowed }) = open(Windows::Lines) else { panic!("it was taken") };
    assert_eq!(value, "lines");
    assert!(allowed.ends_with("pass \"tokens\""), "{allowed}");
}
