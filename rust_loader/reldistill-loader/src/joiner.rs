//! Short documents into one sequence, the way RoBERTa packs full sentences.

use serde::{Deserialize, Serialize};

use crate::encoder::Encoder;
use crate::error::{Error, Result};

/// Joins consecutive documents of a source: prefix, document, suffix, document, suffix, … up to the greatest length.
///
/// RoBERTa's `<s> … </s> … </s>`, and BERT's `[CLS] … [SEP] … [SEP]`. What does not fit any more starts a new sequence.
/// The last window of a document that had to be cut is joined like a short one.
pub(crate) struct Joiner {
    prefix: usize,
    max_length: usize,
    pending: Pending,
}

/// What waits to be joined with more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pending {
    /// Number of the source that the last document came from.
    pub(crate) source: Option<usize>,
    /// The sequence so far, special tokens included; empty if nothing waits.
    pub(crate) ids: Vec<u32>,
}

impl Joiner {
    /// # Errors
    /// [`Error::Argument`] if the tokenizer does not put the same marks around each text.
    pub(crate) fn new(encoder: &Encoder, max_length: usize) -> Result<Self> {
        let (prefix, _) = encoder.marks().ok_or_else(|| Error::Argument {
            name: "documents",
            value: "join".to_owned(),
            allowed: "this tokenizer does not put the same special tokens around each text; pass \"split\"".to_owned(),
        })?;
        Ok(Self { prefix: prefix.len(), max_length, pending: Pending::default() })
    }

    /// What waits now.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Goes on with what waited before.
    pub(crate) fn restore(&mut self, pending: Pending) {
        self.pending = pending;
    }

    /// Whether documents come from another source now: what is pending must not be joined with them.
    pub(crate) fn is_new(&mut self, source: usize) -> bool {
        self.pending.source.replace(source) != Some(source)
    }

    /// Adds a sequence, special tokens included; gives the one before if this does not fit behind it.
    pub(crate) fn join(&mut self, ids: &[u32]) -> Option<Vec<u32>> {
        let more = &ids[self.prefix..];
        let pending = &mut self.pending.ids;
        if !pending.is_empty() && pending.len() + more.len() <= self.max_length {
            pending.extend_from_slice(more);
            return None;
        }
        let full = std::mem::replace(pending, ids.to_vec());
        (!full.is_empty()).then_some(full)
    }

    /// What is pending, if anything is.
    pub(crate) fn take(&mut self) -> Option<Vec<u32>> {
        let pending = std::mem::take(&mut self.pending.ids);
        (!pending.is_empty()).then_some(pending)
    }
}
