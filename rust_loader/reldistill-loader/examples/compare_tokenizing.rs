//! Holds the fast path against the `tokenizers` library on a text and on fuzzed strings; prints both speeds.
//!
//! `cargo run --release --example compare_tokenizing -- tokenizer.json text.txt [strings]`
//!
//! Strings are cut from the text at random and spoilt with white space, marks, controls and parts of added tokens.
//! Ends with status 1 at the first difference.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use reldistill_loader::{Encoder, Scratch, Windows};

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
    let mut pair = Pair::open(Path::new(tokenizer), LENGTH, Windows::Tokens);
    assert!(pair.fast.is_fast(), "its pipeline is of no known kind");
    let text = fs::read_to_string(text).expect("the text can be read");
    // Each half by itself: taking turns by the line, the plain one would empty the processor's caches for the other.
    let mut here = Vec::new();
    let started = Instant::now();
    here.extend(text.lines().map(|line| ids(&pair.fast, line, &mut pair.scratches.0)));
    let between = Instant::now();
    let differs = text.lines().zip(&here).find(|(line, here)| ids(&pair.plain, line, &mut pair.scratches.1) != **here);
    pair.times = (between - started, between.elapsed());
    if let Some((line, _)) = differs {
        pair.compare(line);
    }
    let speed = |time: Duration| text.len() as f64 / 1e6 / time.as_secs_f64();
    let (fast, plain) = (speed(pair.times.0), speed(pair.times.1));
    println!("{} lines: {fast:.1} MB/s, plain {plain:.2} MB/s, ratio {:.1}", text.lines().count(), fast / plain);

    let mut windows = Pair::open(Path::new(tokenizer), LENGTH_OF_WINDOWS, Windows::Sentences);
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
        pair.compare(&spoilt);
        windows.compare(&spoilt);
    }
    println!("{strings} fuzzed strings: all ids equal, also in windows on borders of sentences");
}

/// Both ways, and the time that each took.
struct Pair {
    fast: Encoder,
    plain: Encoder,
    scratches: (Scratch, Scratch),
    times: (Duration, Duration),
}

impl Pair {
    fn open(tokenizer: &Path, length: usize, windows: Windows) -> Self {
        let open = || Encoder::from_file(tokenizer, length).and_then(|encoder| encoder.with_windows(windows));
        let open = || open().expect("the tokenizer can be read");
        Self { fast: open(), plain: open().plain(), scratches: Default::default(), times: Default::default() }
    }

    fn compare(&mut self, document: &str) {
        let started = Instant::now();
        let here = ids(&self.fast, document, &mut self.scratches.0);
        let between = Instant::now();
        let there = ids(&self.plain, document, &mut self.scratches.1);
        self.times.0 += between - started;
        self.times.1 += between.elapsed();
        if here != there {
            println!("different: {document:?}\nfast:  {here:?}\nplain: {there:?}");
            process::exit(1);
        }
    }
}

/// The ids of all windows, with the number of ids in each.
fn ids(encoder: &Encoder, document: &str, scratch: &mut Scratch) -> Vec<u32> {
    let mut ids = Vec::new();
    let take = |window: &[u32]| {
        ids.extend_from_slice(window);
        ids.push(window.len() as u32);
    };
    encoder.windows(document, scratch, take).expect("every text can be encoded");
    ids
}
