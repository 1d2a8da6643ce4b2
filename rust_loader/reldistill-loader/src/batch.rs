//! One rank's share of a global batch, and the micro-batches it is cut into.

use crate::corpus::Corpus;
use crate::error::{Error, Result};
use crate::micro_batches::{Cost, cut};
use crate::order::GlobalOrder;
use crate::rank_shares::rank_shares;

/// One rank's share of a global batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Number of the global batch, from 0.
    pub number: u64,
    /// Sequences of the global batch, over all ranks.
    pub global_sequences: u64,
    /// Corpus indices of this rank's sequences, in the order of the global batch.
    pub indices: Vec<u64>,
    /// Tokens of each of them.
    pub lengths: Vec<usize>,
    /// Their ids, one sequence after the other.
    ids: Vec<u32>,
    /// Where each starts in `ids`.
    starts: Vec<usize>,
}

/// Sequences laid out one after the other, nothing between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedMicroBatch {
    /// `[tokens]`.
    pub input_ids: Vec<i64>,
    /// `[tokens]`, counting from the offset anew in each sequence.
    pub position_ids: Vec<i64>,
    /// `[sequences + 1]`: sequence `s` is tokens `cu_seqlens[s] .. cu_seqlens[s + 1]`.
    pub cu_seqlens: Vec<i32>,
    /// `[sequences]`, longest first.
    pub lengths: Vec<usize>,
    /// `[sequences]`: their corpus indices.
    pub indices: Vec<i64>,
}

/// Sequences as the rows of a matrix, filled up on the right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaddedMicroBatch {
    /// `[sequences, longest]`, row by row.
    pub input_ids: Vec<i64>,
    /// `[sequences, longest]`, row by row: 1 for a token, 0 for padding.
    pub attention_mask: Vec<i64>,
    /// Columns of both.
    pub longest: usize,
    /// `[sequences]`, longest first.
    pub lengths: Vec<usize>,
    /// `[sequences]`: their corpus indices.
    pub indices: Vec<i64>,
}

impl Batch {
    /// Reads what `rank` of `world_size` computes of global batch `number`.
    pub(crate) fn read(
        corpus: &Corpus,
        order: GlobalOrder,
        number: u64,
        rank: usize,
        world_size: usize,
    ) -> Result<Self> {
        let global = order.batch(number);
        let lengths = global.iter().map(|&index| corpus.length(index)).collect::<Result<Vec<_>>>()?;
        let share = rank_shares(&lengths, world_size).swap_remove(rank);

        let indices: Vec<u64> = share.iter().map(|&position| global[position]).collect();
        let lengths: Vec<usize> = share.iter().map(|&position| lengths[position]).collect();
        let mut ids = Vec::with_capacity(lengths.iter().sum());
        let mut starts = Vec::with_capacity(indices.len());
        for &index in &indices {
            starts.push(ids.len());
            corpus.sequence(index)?.append_to(&mut ids);
        }
        Ok(Self { number, global_sequences: order.batch_size, indices, lengths, ids, starts })
    }

    /// Tokens of this rank's sequences.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Cut into packed pieces of at most `tokens` tokens, at least one sequence each, longest first.
    ///
    /// # Errors
    /// [`Error::Argument`] if `tokens` is 0.
    pub fn packed(&self, tokens: usize, position_offset: i64) -> Result<Vec<PackedMicroBatch>> {
        Ok(self.pieces(tokens, Cost::Packed)?.iter().map(|piece| self.pack(piece, position_offset)).collect())
    }

    /// Cut into padded pieces of at most `tokens` rows times columns, at least one sequence each, longest first.
    ///
    /// # Errors
    /// [`Error::Argument`] if `tokens` is 0.
    pub fn padded(&self, tokens: usize, pad_id: u32) -> Result<Vec<PaddedMicroBatch>> {
        Ok(self.pieces(tokens, Cost::Padded)?.iter().map(|piece| self.pad(piece, i64::from(pad_id))).collect())
    }

    fn pieces(&self, tokens: usize, cost: Cost) -> Result<Vec<Vec<usize>>> {
        if tokens == 0 {
            let allowed = "pass how many tokens the device can hold at once, at least 1".to_owned();
            return Err(Error::Argument { name: "tokens", value: "0".to_owned(), allowed });
        }
        // cu_seqlens is int32.
        Ok(cut(&self.lengths, tokens.min(i32::MAX as usize), cost))
    }

    fn ids_of(&self, position: usize) -> impl Iterator<Item = i64> {
        let start = self.starts[position];
        self.ids[start..start + self.lengths[position]].iter().map(|&id| i64::from(id))
    }

    fn lengths_of(&self, piece: &[usize]) -> Vec<usize> {
        piece.iter().map(|&position| self.lengths[position]).collect()
    }

    fn indices_of(&self, piece: &[usize]) -> Vec<i64> {
        piece.iter().map(|&position| self.indices[position] as i64).collect()
    }

    fn pack(&self, piece: &[usize], position_offset: i64) -> PackedMicroBatch {
        let lengths = self.lengths_of(piece);
        let tokens = lengths.iter().sum();
        let mut input_ids = Vec::with_capacity(tokens);
        let mut position_ids = Vec::with_capacity(tokens);
        let mut cu_seqlens = Vec::with_capacity(piece.len() + 1);
        cu_seqlens.push(0);
        for (&position, &length) in piece.iter().zip(&lengths) {
            input_ids.extend(self.ids_of(position));
            position_ids.extend(position_offset..position_offset + length as i64);
            cu_seqlens.push(input_ids.len() as i32);
        }
        PackedMicroBatch { input_ids, position_ids, cu_seqlens, lengths, indices: self.indices_of(piece) }
    }

    fn pad(&self, piece: &[usize], pad_id: i64) -> PaddedMicroBatch {
        let lengths = self.lengths_of(piece);
        let longest = lengths.first().copied().unwrap_or(0);
        let mut input_ids = Vec::with_capacity(piece.len() * longest);
        let mut attention_mask = Vec::with_capacity(piece.len() * longest);
        for (&position, &length) in piece.iter().zip(&lengths) {
            input_ids.extend(self.ids_of(position));
            input_ids.extend(std::iter::repeat_n(pad_id, longest - length));
            attention_mask.extend(std::iter::repeat_n(1, length));
            attention_mask.extend(std::iter::repeat_n(0, longest - length));
        }
        PaddedMicroBatch { input_ids, attention_mask, longest, lengths, indices: self.indices_of(piece) }
    }
}
