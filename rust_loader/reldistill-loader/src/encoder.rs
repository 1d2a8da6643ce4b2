//! A tokenizer that cuts documents into windows.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection};

use crate::error::{Error, Result};
use crate::manifest::{TokenDtype, TokenizerEntry, hexadecimal};
use crate::special_tokens::special_ids;

/// The greatest `max_length`: a record batch holds at least one sequence and should stay small.
pub(crate) const LONGEST_SEQUENCE: usize = 1 << 20;

/// Turns a document into the windows of ids that transformers' fast tokenizer gives for
/// `truncation=True, max_length=…, return_overflowing_tokens=True, stride=0`.
pub struct Encoder {
    /// Without truncation, padding and special tokens. Truncating inside of it would lose text: tokenizers 0.23.2
    /// stops at `max_length` tokens, before it cuts what it has into windows.
    tokenizer: Tokenizer,
    /// Adds the special tokens to each window.
    post_processor: Option<PostProcessorWrapper>,
    /// Tokens of the text in a full window.
    window: usize,
    name: String,
    entry: TokenizerEntry,
    dtype: TokenDtype,
}

impl Encoder {
    /// Reads a `tokenizer.json`. Truncation and padding stored in it are replaced.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Tokenizer`] or [`Error::MaxLength`].
    pub fn from_file(path: &Path, max_length: usize) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io("read the tokenizer", path))?;
        Self::from_bytes(&bytes, path.display().to_string(), max_length)
    }

    /// Takes the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] or [`Error::MaxLength`].
    pub fn from_text(text: &str, max_length: usize) -> Result<Self> {
        Self::from_bytes(text.as_bytes(), "(passed as text)".to_owned(), max_length)
    }

    fn from_bytes(bytes: &[u8], name: String, max_length: usize) -> Result<Self> {
        let unusable = |cause: String| Error::Tokenizer { name: name.clone(), cause };
        let mut tokenizer = catch_unwind(|| Tokenizer::from_bytes(bytes))
            .map_err(|_| unusable("the tokenizers library panicked while reading it".to_owned()))?
            .map_err(|error| unusable(error.to_string()))?;

        let largest_id = tokenizer.get_vocab(true).into_values().max();
        let largest_id = largest_id.ok_or_else(|| unusable("its vocabulary is empty".to_owned()))?;
        let post_processor = tokenizer.get_post_processor().cloned();
        let special_tokens = post_processor.as_ref().map_or(0, |processor| processor.added_tokens(false));
        if max_length <= special_tokens || max_length > LONGEST_SEQUENCE {
            return Err(Error::MaxLength { max_length, special_tokens, largest: LONGEST_SEQUENCE });
        }
        let entry = TokenizerEntry {
            sha256: hexadecimal(&Sha256::digest(bytes)),
            vocabulary_size: tokenizer.get_vocab_size(true) as u64,
            largest_id,
            special_ids: special_ids(&tokenizer),
        };
        tokenizer.with_padding(None).with_post_processor(None::<PostProcessorWrapper>);
        tokenizer.with_truncation(None).map_err(|error| unusable(error.to_string()))?;
        let (window, dtype) = (max_length - special_tokens, TokenDtype::holding(largest_id));
        Ok(Self { tokenizer, post_processor, window, name, entry, dtype })
    }

    /// What the manifest says about the tokenizer.
    pub fn entry(&self) -> &TokenizerEntry {
        &self.entry
    }

    /// The dtype that holds its ids.
    pub fn dtype(&self) -> TokenDtype {
        self.dtype
    }

    /// Hands each window of a document to `take`; none if there is no token beside the special ones.
    ///
    /// # Errors
    /// What the tokenizer said about this document.
    pub fn windows(&self, document: &str, mut take: impl FnMut(&[u32])) -> std::result::Result<(), String> {
        // A panic in the tokenizers library must cost a document, not the process: it runs in threads of ours.
        let encoding = catch_unwind(AssertUnwindSafe(|| self.encode(document)))
            .map_err(|_| "the tokenizers library panicked on it".to_owned())?
            .map_err(|error| format!("the tokenizer refused it: {error}"))?;
        let Some(encoding) = encoding else { return Ok(()) };
        for window in std::iter::once(&encoding).chain(encoding.get_overflowing()) {
            if let Some(id) = window.get_ids().iter().find(|&&id| id > self.entry.largest_id) {
                return Err(format!(
                    "the tokenizer {} gave id {id}, beyond its vocabulary's largest, {}",
                    self.name, self.entry.largest_id
                ));
            }
            take(window.get_ids());
        }
        Ok(())
    }

    /// The first window, which holds the others; none if the document has no token.
    fn encode(&self, document: &str) -> tokenizers::Result<Option<Encoding>> {
        let mut encoding = self.tokenizer.encode_fast(document, false)?;
        if encoding.is_empty() {
            return Ok(None);
        }
        encoding.truncate(self.window, 0, TruncationDirection::Right);
        match &self.post_processor {
            Some(processor) => processor.process(encoding, None, true).map(Some),
            None => Ok(Some(encoding)),
        }
    }
}
