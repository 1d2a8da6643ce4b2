//! SentencePiece's unigram model in small memory, with the tokens of the `tokenizers` library to the last one.
//!
//! The library keeps a hash map for each node of its trie: 280 MiB for the 250,000 tokens of XLM-R. This takes 16 MiB.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokenizers::models::unigram::UnigramTrainer;
use tokenizers::{Model, Result, Token};

use crate::byte_trie::ByteTrie;

/// How much worse than the least likely token a character is that no token covers.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The model: a text is cut into the tokens whose log probabilities have the greatest sum.
pub(crate) struct Unigram {
    tokens: Tokens,
    trie: ByteTrie,
    unknown: Option<u32>,
    unknown_score: f64,
    byte_fallback: bool,
}

/// Strings and log probabilities by id.
#[derive(Default)]
struct Tokens {
    text: String,
    ends: Vec<usize>,
    scores: Vec<f64>,
}

/// The best way to the end of a part of a text: its score, and the last token with its start.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    start: usize,
    id: u32,
}

const NOWHERE: usize = usize::MAX;

impl Unigram {
    /// Hands the tokens of a text to `take`, with the bytes that they cover.
    ///
    /// # Errors
    /// Some character is in no token and the model has none for that.
    pub(crate) fn each_token(&self, text: &str, mut take: impl FnMut(u32, Range<usize>)) -> Result<()> {
        let path = self.best_path(text)?;
        let mut steps = path.into_iter().rev().peekable();
        while let Some((id, Range { start, mut end })) = steps.next() {
            if Some(id) != self.unknown {
                take(id, start..end);
                continue;
            }
            // Unknown characters in a row are one token.
            while let Some((_, next)) = steps.next_if(|&(next, _)| next == id) {
                end = next.end;
            }
            let fallback = || text[start..end].bytes().map(|byte| self.trie.find(&byte_token(byte))).collect();
            match self.trie.find(&text[start..end]) {
                Some(known) => take(known, start..end),
                None => match self.byte_fallback.then(fallback).flatten() {
                    Some(bytes) => Vec::into_iter(bytes).for_each(|byte| take(byte, start..end)),
                    None => take(id, start..end),
                },
            }
        }
        Ok(())
    }

    /// Tokens and what they cover, the last one first.
    fn best_path(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>> {
        let mut best = vec![Best { score: 0.0, start: NOWHERE, id: 0 }; text.len() + 1];
        for (start, character) in text.char_indices() {
            let so_far = best[start].score;
            let mut reach = |length: usize, score: f64, id: u32| {
                let there = &mut best[start + length];
                if there.start == NOWHERE || score + so_far > there.score {
                    *there = Best { score: score + so_far, start, id };
                }
            };
            let mut covered = false;
            for (length, id) in self.trie.prefixes(&text.as_bytes()[start..]) {
                reach(length, self.tokens.scores[id as usize], id);
                covered |= length == character.len_utf8();
            }
            let (end, score) = (start + character.len_utf8(), so_far + self.unknown_score);
            // As in the library, the lack of an unknown token is an error only where it would be taken.
            if !covered && (best[end].start == NOWHERE || score > best[end].score) {
                let id = self.unknown.ok_or("a character is in no token, and the model has no unknown token")?;
                best[end] = Best { score, start, id };
            }
        }
        let (mut path, mut end) = (Vec::new(), text.len());
        while end > 0 {
            let Best { start, id, .. } = best[end];
            path.push((id, start..end));
            end = start;
        }
        Ok(path)
    }
}

fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

impl Model for Unigram {
    type Trainer = UnigramTrainer;

    fn tokenize(&self, text: &str) -> Result<Vec<Token>> {
        let mut tokens = Vec::new();
        self.each_token(text, |id, Range { start, end }| {
            tokens.push(Token::new(id, text[start..end].to_owned(), (start, end)));
        })?;
        Ok(tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.trie.find(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        (id < self.tokens.len()).then(|| self.tokens.get(id).to_owned())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        (0..self.tokens.len()).map(|id| (self.tokens.get(id).to_owned(), id)).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.tokens.scores.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> Result<Vec<PathBuf>> {
        Err("this model is only read".into())
    }

    fn get_trainer(&self) -> UnigramTrainer {
        UnigramTrainer::default()
    }
}

impl Tokens {
    fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    fn get(&self, id: u32) -> &str {
        let id = id as usize;
        &self.text[id.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[id]]
    }
}

/// As it stands in a `tokenizer.json`.
#[derive(Deserialize)]
struct Stored {
    unk_id: Option<u32>,
    vocab: Tokens,
    #[serde(default)]
    byte_fallback: bool,
}

impl<'de> Deserialize<'de> for Unigram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Stored { unk_id: unknown, vocab: tokens, byte_fallback } = Stored::deserialize(deserializer)?;
        if let Some(id) = unknown.filter(|&id| id >= tokens.len()) {
            return Err(D::Error::custom(format!("unk_id {id} is beyond the vocabulary of {} tokens", tokens.len())));
        }
        let trie = ByteTrie::of(tokens.len(), |id| tokens.get(id));
        let unknown_score = tokens.scores.iter().copied().fold(f64::INFINITY, f64::min) - UNKNOWN_PENALTY;
        Ok(Self { tokens, trie, unknown, unknown_score, byte_fallback })
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(TokensVisitor)
    }
}

struct TokensVisitor;

impl<'de> Visitor<'de> for TokensVisitor {
    type Value = Tokens;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of tokens with their log probabilities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> std::result::Result<Tokens, A::Error> {
        let mut tokens = Tokens::default();
        while let Some((token, score)) = sequence.next_element::<(Cow<'de, str>, f64)>()? {
            tokens.text.push_str(&token);
            tokens.ends.push(tokens.text.len());
            tokens.scores.push(score);
        }
        if u32::try_from(tokens.ends.len()).is_err() {
            return Err(A::Error::custom("a vocabulary beyond 32 bits"));
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tokenizers::models::unigram::Unigram as OfTheLibrary;

    use super::*;

    fn both(model: &serde_json::Value) -> (serde_json::Result<Unigram>, serde_json::Result<OfTheLibrary>) {
        let text = model.to_string();
        (serde_json::from_str(&text), serde_json::from_str(&text))
    }

    /// Few scores, so that many ways tie; greater ones than zero; tokens that occur twice.
    fn vocabulary() -> impl Strategy<Value = Vec<(String, f64)>> {
        let token = prop_oneof![
            8 => "[abé漢▁]{1,4}",
            1 => Just("<unk>".to_owned()),
            1 => prop::sample::select(vec![b'a', 0xc3, 0xa9, 0xe6, b'x']).prop_map(byte_token),
            1 => Just(String::new()),
        ];
        let score = prop_oneof![prop::sample::select(vec![-1.0, -2.0, -3.0, 0.0, 1.5]), -9.0..2.0f64];
        prop::collection::vec((token, score), 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn tokens_are_those_of_the_library(
            vocabulary in vocabulary(),
            unknown in prop::option::weighted(0.9, 0..40usize),
            byte_fallback: bool,
            text in "([abé漢▁]{0,6}|x|😀|<unk>|xé){0,5}",
        ) {
            let unknown = unknown.map(|id| id % vocabulary.len());
            let (ours, theirs) =
                both(&json!({"type": "Unigram", "unk_id": unknown, "vocab": vocabulary, "byte_fallback": byte_fallback}));
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            let pairs = |tokens: Result<Vec<Token>>| {
                tokens.ok().map(|tokens| tokens.iter().map(|token| (token.id, token.offsets)).collect::<Vec<_>>())
            };
            prop_assert_eq!(pairs(ours.tokenize(&text)), pairs(theirs.tokenize(&text)));
            prop_assert_eq!(ours.get_vocab(), theirs.get_vocab());
            prop_assert_eq!(ours.get_vocab_size(), theirs.get_vocab_size());
            for (token, _) in &vocabulary {
                prop_assert_eq!(ours.token_to_id(token), theirs.token_to_id(token));
            }
            for id in 0..=vocabulary.len() as u32 {
                prop_assert_eq!(ours.id_to_token(id), theirs.id_to_token(id));
            }
        }
    }

    #[test]
    fn without_an_unknown_token_a_character_that_only_a_longer_token_has_is_refused_only_where_it_stands_alone() {
        let (ours, theirs) = both(&json!({"type": "Unigram", "vocab": [["ba", -1.0], ["b", -1.0]]}));
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        for (text, allowed) in [("ba", true), ("bba", true), ("a", false), ("baa", false)] {
            assert_eq!((ours.tokenize(text).is_ok(), theirs.tokenize(text).is_ok()), (allowed, allowed), "{text}");
        }
    }

    #[test]
    fn what_the_library_refuses_is_refused() {
        for model in [
            json!({"type": "Unigram", "unk_id": 1, "vocab": [["a", 0.0]]}),
            json!({"type": "Unigram", "unk_id": 0, "vocab": []}),
            json!({"type": "Unigram", "unk_id": 0}),
            json!({"type": "Unigram", "unk_id": 0, "vocab": {"a": 0.0}}),
            json!({"type": "Unigram", "unk_id": 0, "vocab": [["a"]]}),
            json!({"type": "Unigram", "unk_id": -1, "vocab": [["a", 0]]}),
        ] {
            let (ours, theirs) = both(&model);
            assert!(ours.is_err() && theirs.is_err(), "{model}");
        }
        let (ours, theirs) = both(&json!({"type": "Unigram", "vocab": [["a", 0]]}));
        assert!(ours.unwrap().tokenize("b").is_err() && theirs.unwrap().tokenize("b").is_err());
    }
}
