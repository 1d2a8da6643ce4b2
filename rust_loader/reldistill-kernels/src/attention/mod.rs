//! Attention with dropout on its probabilities, each sequence by itself:
//! `out = dropout(softmax(scale · Q · Kᵀ)) · V` for each head.
//!
//! Nothing of a map is kept from forward to backward: the probabilities are computed anew from the logarithm of each
//! row's sum, and what is dropped is a function of a seed and the place in the map.

mod backward;
mod forward;

pub use backward::attention_backward;
pub use forward::attention_forward;

use std::ops::Range;

use crate::Error;
use crate::panels::Panels;
use crate::products::{LANES, NO_TOKEN, STRIP_BYTES};
use crate::values::Values;

/// Of a strip of a map with a window: more rows have more columns that only some of them see.
const ROWS_OF_A_WINDOW: usize = 64;

/// What attention is computed with, beside its inputs `[tokens, heads · width]`.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Tokens of each sequence.
    pub lengths: &'a [usize],
    /// Attention heads.
    pub heads: usize,
    /// Elements of a head.
    pub width: usize,
    /// What logits are multiplied by.
    pub scale: f32,
    /// Share of the probabilities that is dropped, at least 0 and below 1.
    pub dropout: f32,
    /// Which ones are dropped.
    pub seed: u64,
    /// How far a token sees to either side within its sequence; all of it where there is none.
    pub reach: Option<usize>,
}

/// Query, key and value, all of one size.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Gives the rows of the maps.
    pub query: Values<'a>,
    /// Gives the columns.
    pub key: Values<'a>,
    /// What is averaged.
    pub value: Values<'a>,
}

/// A head of one sequence: the first of its tokens, how many they are, and which head.
#[derive(Clone, Copy)]
struct Head {
    start: usize,
    tokens: usize,
    head: usize,
}

/// A thread's memory, kept from head to head.
#[derive(Default)]
struct Scratch {
    query: Panels,
    key: Panels,
    value: Panels,
    output: Panels,
    maps: [Vec<f32>; 2],
}

impl Attention<'_> {
    fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Each sequence's heads one by one, in the order of the batch.
    fn heads_of_all(&self) -> Vec<Head> {
        let mut found = Vec::with_capacity(self.lengths.len() * self.heads);
        let mut start = 0;
        for &tokens in self.lengths {
            found.extend((0..self.heads).map(|head| Head { start, tokens, head }));
            start += tokens;
        }
        found
    }

    /// Rows of so many maps that are computed at a time: what fits the cache, and with a window no more than it pays for.
    #[inline(always)]
    fn strip<const ROWS: usize>(&self, padded: usize, maps: usize) -> usize {
        let fitting = (STRIP_BYTES / (maps * size_of::<f32>() * padded) / ROWS * ROWS).clamp(ROWS, padded);
        if self.reach.is_some() { fitting.min(ROWS_OF_A_WINDOW) } else { fitting }
    }

    /// The columns that tokens of these rows may see, filled up to whole vectors.
    #[inline(always)]
    fn columns(&self, rows: &Range<usize>, padded: usize) -> Range<usize> {
        let Some(reach) = self.reach else { return 0..padded };
        let end = rows.end.saturating_add(reach).min(padded).next_multiple_of(LANES);
        rows.start.saturating_sub(reach) / LANES * LANES..end
    }

    /// Takes out of a row of logits, of the columns from `first` on, those that its token does not see, padding among them.
    #[inline(always)]
    fn hide(&self, row: usize, tokens: usize, first: usize, logits: &mut [f32]) {
        let reach = self.reach.unwrap_or(tokens);
        let (from, end) =
            (row.saturating_sub(reach).max(first), row.saturating_add(reach).saturating_add(1).min(tokens));
        logits[end - first..].fill(NO_TOKEN);
        logits[..from - first].fill(NO_TOKEN);
    }

    fn check(&self, inputs: &Inputs<'_>) -> Result<(), Error> {
        for (tensor, values) in [("query", inputs.query), ("key", inputs.key), ("value", inputs.value)] {
            self.check_size(tensor, values.len())?;
        }
        Ok(())
    }

    fn check_size(&self, tensor: &'static str, found: usize) -> Result<(), Error> {
        let expected = self.tokens() * self.heads * self.width;
        if found == expected { Ok(()) } else { Err(Error::Size { tensor, found, expected }) }
    }

    fn check_log_sums(&self, found: usize) -> Result<(), Error> {
        let expected = self.tokens() * self.heads;
        if found == expected { Ok(()) } else { Err(Error::Size { tensor: "log sums", found, expected }) }
    }
}
