//! Holds the loader against the `tokenizers` library on a text and on fuzzed strings; prints both speeds.
//!
//! `cargo run --release --example compare_tokenizing -- tokenizer.json text.txt [strings]`
//!
//! Strings are cut from the text at random and spoilt with white space, marks, controls and parts of added tokens.
//! Ends with status 1 at the first difference.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use reldistill_loader::{Encoder, Scratch, Windows};
use tokenizers::{PostProcessor, Tokenizer};

const LENGTH: usize = 1 << 20;
/// Short ones, to have many borders of sentences among them.
const LENGTH_OF_WINDOWS: usize = 24;
const SPOILT_WITH: &[&str] = &[
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
    "\u{342}",
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
    "<mask>",
    "¨",
    "΄",
    "‗",
    "ﬁ",
    "İ",
    "ß",
    "É",
    "é",
    "漢字",
    "かな",
    "が",
    "한국",
    "ᄒ",
    "ᅡ",
    "हिन्दी",
    "ة",
    "ً",
    "؀",
    "ไทย",
    "ำ",
    "😀",
    "👨‍👩‍👧",
    "１２",
    "½",
    "²",
    "Σ",
    "ς",
    "�",
    "$",
    "~",
    "1",
    "23",
    "aB",
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tokenizer, text, rest @ ..] = &arguments[..] else {
        eprintln!("usage: compare_tokenizing TOKENIZER TEXT [STRINGS]");
        process::exit(2);
    };
    let strings: u64 = rest.first().map_or(100_000, |count| count.parse().expect("STRINGS is a number"));
    let text = fs::read_to_string(text).expect("the text can be read");
    let open = |length, windows| {
        let encoder =
            Encoder::from_file(Path::new(tokenizer), length).and_then(|encoder| encoder.with_windows(windows));
        Way::Encoder(Box::new(encoder.expect("the tokenizer can be read")), Scratch::default())
    };
    let (mut fast, mut library) = (open(LENGTH, Windows::Tokens), Way::library(Path::new(tokenizer)));
    assert!(fast.is_fast(), "its pipeline is of no known kind");

    // Each by itself: taking turns by the line, the library would empty the processor's caches for the other.
    let mut here = Vec::new();
    let started = Instant::now();
    here.extend(text.lines().map(|line| fast.ids(line)));
    let between = Instant::now();
    let differs = text.lines().zip(&here).find(|(line, here)| library.ids(line) != **here);
    let times = (between - started, between.elapsed());
    if let Some((line, _)) = differs {
        compare(&mut fast, &mut library, line);
    }
    let speed = |time: Duration| text.len() as f64 / 1e6 / time.as_secs_f64();
    let (ours, theirs) = (speed(times.0), speed(times.1));
    println!("{} lines: {ours:.1} MB/s, library {theirs:.2} MB/s, ratio {:.1}", text.lines().count(), ours / theirs);

    let mut windows = open(LENGTH_OF_WINDOWS, Windows::Sentences);
    let mut plain_windows = open(LENGTH_OF_WINDOWS, Windows::Sentences).plain();
    let mut random = 1u64;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let mut spoilt = String::new();
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    for _ in 0..strings {
        spoilt.clear();
        for _ in 0..=below(6) {
            let start = below(characters.len());
            let end = (start + below(24)).min(characters.len() - 1);
            spoilt.push_str(&text[characters[start].0..characters[end].0]);
            spoilt.push_str(SPOILT_WITH[below(SPOILT_WITH.len())]);
        }
        compare(&mut fast, &mut library, &spoilt);
        compare(&mut windows, &mut plain_windows, &spoilt);
    }
    println!("{strings} fuzzed strings: all ids equal, also in windows on borders of sentences");
}

/// A way to the ids of a document.
enum Way {
    Encoder(Box<Encoder>, Scratch),
    Library(Box<Tokenizer>),
}

impl Way {
    fn library(tokenizer: &Path) -> Self {
        let mut tokenizer = Tokenizer::from_file(tokenizer).expect("the tokenizer can be read");
        tokenizer.with_padding(None).with_truncation(None).expect("truncation can be switched off");
        Self::Library(Box::new(tokenizer))
    }

    fn plain(self) -> Self {
        match self {
            Self::Encoder(encoder, scratch) => Self::Encoder(Box::new(encoder.plain()), scratch),
            library => library,
        }
    }

    fn is_fast(&self) -> bool {
        matches!(self, Self::Encoder(encoder, _) if encoder.is_fast())
    }

    /// The ids of all windows, with the number of ids in each.
    fn ids(&mut self, document: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut take = |window: &[u32]| {
            ids.extend_from_slice(window);
            ids.push(window.len() as u32);
        };
        match self {
            Self::Encoder(encoder, scratch) => {
                encoder.windows(document, scratch, take).expect("every text can be encoded");
            }
            Self::Library(tokenizer) => {
                let encoding = tokenizer.encode_fast(document, true).expect("every text can be encoded");
                // Nothing but special tokens is no sequence.
                let special = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
                if encoding.len() > special {
                    take(encoding.get_ids());
                }
            }
        }
        ids
    }
}

fn compare(ours: &mut Way, theirs: &mut Way, document: &str) {
    let (here, there) = (ours.ids(document), theirs.ids(document));
    if here != there {
        println!("different: {document:?}\nours:   {here:?}\ntheirs: {there:?}");
        process::exit(1);
    }
}
