//! Where a document may be cut so that its pieces, tokenised alone, give the ids of the whole.
//!
//! A cut is right if nothing in the tokenizer's pipeline looks across it. That depends on the pipeline, so only those
//! of a known kind have pieces:
//!
//! - BERT (`BertNormalizer`, `BertPreTokenizer`): each space, tab and line end separates words, and each ASCII
//!   punctuation mark is a word of its own, whatever stands around it. (Canonical decomposition reorders marks only
//!   behind the character that they belong to; what is deleted or lower-cased is so character by character.)
//! - Byte-level BPE: GPT-2's pattern takes a space only as the first character of a match or amid other white space.
//!   So a match starts at each single space between two characters that are none. Within ASCII without other white
//!   space the pattern is simple enough to be followed to the word.
//! - Unigram with `Metaspace`: each word gets its own `▁` and is tokenised alone, so a single space between two words
//!   may be dropped. The normalizer works on grapheme clusters and may itself make white space, so the characters
//!   beside the space have to be of [`CUTTABLE`], and each is put through the normalizer once, to see that it stays
//!   visible.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer};

use crate::model::Tokenizer;

/// Letters, digits and marks that start a grapheme cluster, end one and are no white space: ranges of code points,
/// chosen from the scripts that put spaces between words.
const CUTTABLE: [(u32, u32); 23] = [
    (0x21, 0x7e),     // ASCII without control characters and space
    (0xc0, 0x2af),    // Latin
    (0x388, 0x3ff),   // Greek
    (0x400, 0x482),   // Cyrillic
    (0x48a, 0x52f),   // Cyrillic
    (0x531, 0x556),   // Armenian
    (0x561, 0x587),   // Armenian
    (0x5d0, 0x5ea),   // Hebrew
    (0x620, 0x64a),   // Arabic
    (0x671, 0x6d3),   // Arabic of other languages
    (0x6f0, 0x6fc),   // its digits and letters
    (0x904, 0x939),   // Devanagari
    (0x985, 0x9b9),   // Bengali
    (0xa85, 0xab9),   // Gujarati
    (0xb85, 0xbb9),   // Tamil
    (0xc05, 0xc39),   // Telugu
    (0xe01, 0xe30),   // Thai
    (0x10d0, 0x10ff), // Georgian
    (0x1200, 0x1248), // Ethiopic
    (0x1e00, 0x1eff), // Latin with marks
    (0x2018, 0x201f), // quotation marks
    (0x3041, 0x3096), // Hiragana
    (0xac00, 0xd7a3), // Hangul
];
const LAST_CUTTABLE: usize = 0xd7a3;

/// What a `tokenizer.json` says of its pipeline; vocabularies of tens of megabytes are passed over.
#[derive(Deserialize)]
pub(crate) struct Description {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: ModelDescription,
}

#[derive(Deserialize)]
struct ModelDescription {
    r#type: String,
    #[serde(default)]
    dropout: Value,
}

/// How the documents of a tokenizer are cut.
pub(crate) enum Pieces {
    /// At white space and around ASCII punctuation.
    Bert { lowercase: bool },
    /// Before single spaces; also between the matches of GPT-2's pattern if those are not given a space of their own.
    ByteLevel { beside_spaces: CharacterSet, to_the_word: bool },
    /// At single spaces, which are dropped.
    Metaspace { beside_spaces: CharacterSet, ascii_stays: bool },
}

impl Pieces {
    /// How to cut for the pipeline that a `tokenizer.json` describes; none if it is of no known kind.
    pub(crate) fn of(description: &Description, tokenizer: &Tokenizer) -> Option<Self> {
        let kind = |value: &Value| value["type"].as_str().map(str::to_owned);
        let Description { normalizer, pre_tokenizer, model } = description;
        match kind(pre_tokenizer)?.as_str() {
            "BertPreTokenizer" if model.r#type == "WordPiece" => {
                let known = normalizer.is_null() || kind(normalizer)? == "BertNormalizer";
                let lowercase = normalizer["lowercase"] == Value::Bool(true);
                known.then_some(Self::Bert { lowercase })
            }
            "ByteLevel" if model.r#type == "BPE" && normalizer.is_null() && model.dropout.is_null() => {
                // Older files say nothing of use_regex and mean yes.
                if pre_tokenizer["use_regex"] == Value::Bool(false) {
                    return None;
                }
                let to_the_word = pre_tokenizer["add_prefix_space"] == Value::Bool(false);
                Some(Self::ByteLevel { beside_spaces: CharacterSet::cuttable(tokenizer), to_the_word })
            }
            _ if model.r#type == "Unigram" && is_metaspace(pre_tokenizer) && keeps_to_graphemes(normalizer) => {
                let ascii_stays =
                    ('!'..='~').all(|character| normalized(tokenizer, character) == character.to_string());
                Some(Self::Metaspace { beside_spaces: CharacterSet::cuttable(tokenizer), ascii_stays })
            }
            _ => None,
        }
    }

    /// Hands the pieces of `text` to `take`, in order, until it fails.
    pub(crate) fn of_text<'t, E>(
        &self,
        text: &'t str,
        mut take: impl FnMut(&'t str) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Bert { .. } => bert_words(text, take),
            Self::ByteLevel { beside_spaces, to_the_word } => between_spaces(text, beside_spaces, 0, |piece| {
                if *to_the_word && is_plain_ascii(piece) { gpt2_words(piece, &mut take) } else { take(piece) }
            }),
            Self::Metaspace { beside_spaces, .. } => between_spaces(text, beside_spaces, 1, take),
        }
    }

    /// Writes into `word` what normaliser and pre-tokenizer make of a piece, if that is a single word of plain ASCII.
    pub(crate) fn word_for_model(&self, piece: &str, word: &mut String) -> bool {
        word.clear();
        match self {
            Self::Bert { lowercase } => {
                word.push_str(piece);
                if *lowercase {
                    word.make_ascii_lowercase();
                }
                piece.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }
            Self::ByteLevel { to_the_word, .. } => {
                let rest = piece.strip_prefix(' ');
                word.push_str(if rest.is_some() { BYTE_LEVEL_SPACE } else { "" });
                word.push_str(rest.unwrap_or(piece));
                *to_the_word && is_plain_ascii(piece)
            }
            Self::Metaspace { ascii_stays, .. } => {
                word.push('▁');
                word.push_str(piece);
                *ascii_stays && piece.bytes().all(|byte| byte.is_ascii_graphic())
            }
        }
    }
}

/// How byte-level BPE writes a space; visible ASCII it writes as it is.
const BYTE_LEVEL_SPACE: &str = "Ġ";

/// `Metaspace` that marks and splits each word, alone or behind a split at white space.
fn is_metaspace(pre_tokenizer: &Value) -> bool {
    let marks = |value: &Value| {
        value["type"] == "Metaspace" && value["prepend_scheme"] == "always" && value["split"] != Value::Bool(false)
    };
    let steps = pre_tokenizer["pretokenizers"].as_array();
    marks(pre_tokenizer)
        || steps.is_some_and(|steps| steps.len() == 2 && steps[0]["type"] == "WhitespaceSplit" && marks(&steps[1]))
}

/// SentencePiece's own normalisation, NFKC, and folding several spaces into one.
fn keeps_to_graphemes(normalizer: &Value) -> bool {
    match normalizer["type"].as_str() {
        Some("Precompiled" | "NFKC") => true,
        Some("Replace") => normalizer["pattern"]["Regex"] == " {2,}" && normalizer["content"] == " ",
        Some("Sequence") => {
            normalizer["normalizers"].as_array().is_some_and(|steps| steps.iter().all(keeps_to_graphemes))
        }
        _ => normalizer.is_null(),
    }
}

/// A set of characters up to [`LAST_CUTTABLE`], a bit each.
pub(crate) struct CharacterSet(Vec<u64>);

impl CharacterSet {
    /// Those of [`CUTTABLE`] that the tokenizer's normalizer leaves visible.
    fn cuttable(tokenizer: &Tokenizer) -> Self {
        let mut set = Self(vec![0; LAST_CUTTABLE / 64 + 1]);
        let candidates = CUTTABLE.iter().flat_map(|&(first, last)| first..=last).filter_map(char::from_u32);
        for character in candidates.filter(|&character| stays_visible(tokenizer, character)) {
            set.0[character as usize / 64] |= 1 << (character as usize % 64);
        }
        set
    }

    fn holds(&self, character: char) -> bool {
        let number = character as usize;
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

fn stays_visible(tokenizer: &Tokenizer, character: char) -> bool {
    let text = normalized(tokenizer, character);
    !text.is_empty() && !text.contains(|part: char| part.is_whitespace() || part == '▁')
}

/// What the tokenizer's normalizer makes of a character alone; nothing if it fails.
pub(crate) fn normalized(tokenizer: &Tokenizer, character: char) -> String {
    let mut text = NormalizedString::from(character.to_string());
    match tokenizer.get_normalizer().map_or(Ok(()), |normalizer| normalizer.normalize(&mut text)) {
        Ok(()) => text.get().to_owned(),
        Err(_) => String::new(),
    }
}

fn bert_words<'t, E>(text: &'t str, mut take: impl FnMut(&'t str) -> Result<(), E>) -> Result<(), E> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && BERT[bytes[at] as usize] == Bert::Word {
            at += 1;
        }
        if at > start {
            take(&text[start..at])?;
        }
        while at < bytes.len() && BERT[bytes[at] as usize] != Bert::Word {
            if BERT[bytes[at] as usize] == Bert::Punctuation {
                take(&text[at..at + 1])?;
            }
            at += 1;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bert {
    Word,
    Space,
    Punctuation,
}

/// What a byte is to BERT's words. Other control characters are deleted by its normalizer and separate nothing.
static BERT: [Bert; 256] = {
    let mut classes = [Bert::Word; 256];
    let mut byte = 0;
    while byte < 128 {
        if matches!(byte as u8, b' ' | b'\t' | b'\n' | b'\r') {
            classes[byte] = Bert::Space;
        } else if (byte as u8).is_ascii_punctuation() {
            classes[byte] = Bert::Punctuation;
        }
        byte += 1;
    }
    classes
};

/// Cuts at each single space between two characters of `beside`, and leaves out `dropped` bytes of it.
fn between_spaces<'t, E>(
    text: &'t str,
    beside: &CharacterSet,
    dropped: usize,
    mut take: impl FnMut(&'t str) -> Result<(), E>,
) -> Result<(), E> {
    let mut start = 0;
    for at in memchr::memchr_iter(b' ', text.as_bytes()) {
        let before = text[..at].chars().next_back();
        let after = text[at + 1..].chars().next();
        if before.is_some_and(|before| beside.holds(before)) && after.is_some_and(|after| beside.holds(after)) {
            take(&text[start..at])?;
            start = at + dropped;
        }
    }
    if start < text.len() { take(&text[start..]) } else { Ok(()) }
}

/// Whether there is nothing in a piece but visible ASCII, behind at most one space.
fn is_plain_ascii(piece: &str) -> bool {
    let rest = piece.strip_prefix(' ').unwrap_or(piece);
    rest.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The matches of `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` in a piece that is plain ASCII.
fn gpt2_words<'t, E>(piece: &'t str, take: &mut impl FnMut(&'t str) -> Result<(), E>) -> Result<(), E> {
    let bytes = piece.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let mut at = start + usize::from(bytes[start] == b' ');
        match bytes.get(at).copied().map(class) {
            Some(Class::Other) if contraction(&bytes[start..]) > 0 => at += contraction(&bytes[start..]),
            Some(first) => at += bytes[at..].iter().take_while(|&&byte| class(byte) == first).count(),
            None => {}
        }
        take(&piece[start..at])?;
        start = at;
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        _ => Class::Other,
    }
}

/// Bytes of the contraction that starts here, or 0.
fn contraction(bytes: &[u8]) -> usize {
    match bytes {
        [b'\'', b's' | b't' | b'm' | b'd', ..] => 2,
        [b'\'', b'r' | b'v', b'e', ..] | [b'\'', b'l', b'l', ..] => 3,
        _ => 0,
    }
}
