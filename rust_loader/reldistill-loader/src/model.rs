//! Models of tokenizers: those of the `tokenizers` library, and one of our own for Unigram.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{
    DecoderWrapper, Model, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Result, Token, TokenizerImpl,
};

use crate::unigram::Unigram;

/// The library's pipeline around a model.
pub(crate) type Tokenizer =
    TokenizerImpl<AnyModel, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// A model.
pub(crate) enum AnyModel {
    Library(Box<ModelWrapper>),
    Unigram(Unigram),
}

impl AnyModel {
    /// Adds the ids of a word.
    pub(crate) fn push_ids(&self, word: &str, ids: &mut Vec<u32>) -> Result<()> {
        match self {
            Self::Library(model) => ids.extend(model.tokenize(word)?.iter().map(|token| token.id)),
            Self::Unigram(model) => model.each_token(word, |id, _| ids.push(id))?,
        }
        Ok(())
    }

    /// The greatest id of its vocabulary; none if that is empty.
    pub(crate) fn largest_id(&self) -> Option<u32> {
        match self {
            Self::Library(model) => model.get_vocab().into_values().max(),
            Self::Unigram(model) => (model.get_vocab_size() as u32).checked_sub(1),
        }
    }
}

impl<'de> Deserialize<'de> for AnyModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow)]
            r#type: Option<Cow<'a, str>>,
        }
        // Looked at before it is parsed: the library goes through two trees of values, which is much for a vocabulary.
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let is_unigram = serde_json::from_str::<Kind>(json).is_ok_and(|kind| kind.r#type.as_deref() == Some("Unigram"));
        match is_unigram {
            true => serde_json::from_str(json).map(Self::Unigram),
            false => serde_json::from_str(json).map(Self::Library),
        }
        .map_err(D::Error::custom)
    }
}

impl Model for AnyModel {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> Result<Vec<Token>> {
        match self {
            Self::Library(model) => model.tokenize(text),
            Self::Unigram(model) => model.tokenize(text),
        }
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Library(model) => model.token_to_id(token),
            Self::Unigram(model) => model.token_to_id(token),
        }
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        match self {
            Self::Library(model) => model.id_to_token(id),
            Self::Unigram(model) => model.id_to_token(id),
        }
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        match self {
            Self::Library(model) => model.get_vocab(),
            Self::Unigram(model) => model.get_vocab(),
        }
    }

    fn get_vocab_size(&self) -> usize {
        match self {
            Self::Library(model) => model.get_vocab_size(),
            Self::Unigram(model) => model.get_vocab_size(),
        }
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> Result<Vec<PathBuf>> {
        match self {
            Self::Library(model) => model.save(folder, prefix),
            Self::Unigram(model) => model.save(folder, prefix),
        }
    }

    fn get_trainer(&self) -> TrainerWrapper {
        match self {
            Self::Library(model) => model.get_trainer(),
            Self::Unigram(model) => model.get_trainer().into(),
        }
    }
}
