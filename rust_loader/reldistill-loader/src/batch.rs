//! One rank's share of a global batch, laid out, and the micro-batches it is cut into.

use std::ops::Range;
use std::sync::Arc;

use crate::buffer::{Buffer, BufferPool, Integer};
use crate::corpus::Place;
use crate::error::{Error, Result};
use crate::micro_batches::{Cost, cut, width};
use crate::mixture::Mixture;
use crate::order::GlobalOrder;
use crate::rank_shares::rank_shares;
use crate::shard::TokenIds;

/// The integers in which ids, positions and masks are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdDtype {
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
}

/// How sequences are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One after the other, nothing between them.
    Packed {
        /// Where positions start in each sequence.
        position_offset: u32,
    },
    /// As the rows of a matrix, filled up on the right to a multiple of 8.
    Padded {
        /// What they are filled up with.
        pad_id: u32,
    },
}

/// One rank's share of a global batch, longest sequences first (those of one length in the order of the batch).
pub struct Batch {
    /// Number of the global batch, from 0.
    pub number: u64,
    /// Sequences of the global batch, over all ranks.
    pub global_sequences: u64,
    /// Indices of this rank's sequences.
    pub indices: Vec<u64>,
    /// Tokens of each of them.
    pub lengths: Vec<usize>,
    tokens: usize,
    layout: Layout,
    dtype: IdDtype,
    /// `[tokens]`: their ids, one sequence after the other.
    ids: Arc<Buffer>,
    /// `[tokens]`, of the packed layout.
    positions: Option<Arc<Buffer>>,
    pool: Arc<BufferPool>,
}

/// Consecutive sequences of a batch, packed: `tokens` of its ids and positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedPiece {
    /// Which sequences of the batch.
    pub sequences: Range<usize>,
    /// Which tokens of the batch.
    pub tokens: Range<usize>,
    /// `[sequences + 1]`: sequence `s` of the piece is its tokens `cu_seqlens[s] .. cu_seqlens[s + 1]`.
    pub cu_seqlens: Vec<i32>,
}

/// Consecutive sequences of a batch as rows.
pub struct PaddedPiece {
    /// Which sequences of the batch.
    pub sequences: Range<usize>,
    /// Columns.
    pub width: usize,
    /// `[sequences, width]`, row by row.
    pub input_ids: Arc<Buffer>,
    /// `[sequences, width]`, row by row: 1 for a token, 0 for padding.
    pub attention_mask: Arc<Buffer>,
}

/// What a rank's share of a global batch is read with.
pub(crate) struct Reader {
    pub(crate) source: Arc<Mixture>,
    pub(crate) order: GlobalOrder,
    pub(crate) rank: usize,
    pub(crate) world_size: usize,
    pub(crate) layout: Layout,
    pub(crate) dtype: IdDtype,
    pub(crate) pool: Arc<BufferPool>,
}

impl Reader {
    /// Reads this rank's share of global batch `number`.
    pub(crate) fn read(&self, number: u64) -> Result<Batch> {
        let global = self.order.batch(number);
        let places = global.iter().map(|&index| self.source.place(index)).collect::<Result<Vec<_>>>()?;
        let lengths: Vec<usize> = places.iter().map(Place::tokens).collect();
        let share = longest_first(rank_share(&lengths, self.rank, self.world_size), &lengths);

        let indices = share.iter().map(|&position| global[position]).collect();
        let places: Vec<_> = share.iter().map(|&position| places[position].clone()).collect();
        places.iter().for_each(Place::fetch_ahead);
        let lengths: Vec<_> = share.iter().map(|&position| lengths[position]).collect();
        let tokens = lengths.iter().sum();
        let (ids, positions) = match self.dtype {
            IdDtype::Int32 => self.lay_out::<i32>(&places, &lengths, tokens)?,
            IdDtype::Int64 => self.lay_out::<i64>(&places, &lengths, tokens)?,
        };
        Ok(Batch {
            number,
            global_sequences: self.order.batch_size(),
            indices,
            lengths,
            tokens,
            layout: self.layout,
            dtype: self.dtype,
            ids: Arc::new(ids),
            positions: positions.map(Arc::new),
            pool: self.pool.clone(),
        })
    }

    fn lay_out<T: Integer>(
        &self,
        places: &[Place<'_>],
        lengths: &[usize],
        tokens: usize,
    ) -> Result<(Buffer, Option<Buffer>)> {
        let mut ids = self.pool.take::<T>(tokens)?;
        let mut rest = ids.as_mut_slice::<T>(tokens);
        for place in places {
            let (here, later) = rest.split_at_mut(place.tokens());
            match place.ids()? {
                TokenIds::Uint16(ids) => here.iter_mut().zip(ids).for_each(|(to, &id)| *to = T::of(u32::from(id))),
                TokenIds::Uint32(ids) => here.iter_mut().zip(ids).for_each(|(to, &id)| *to = T::of(id)),
            }
            rest = later;
        }
        let Layout::Packed { position_offset } = self.layout else { return Ok((ids, None)) };
        let mut positions = self.pool.take::<T>(tokens)?;
        let mut rest = positions.as_mut_slice::<T>(tokens);
        for &length in lengths {
            let (here, later) = rest.split_at_mut(length);
            here.iter_mut().zip(position_offset..).for_each(|(to, position)| *to = T::of(position));
            rest = later;
        }
        Ok((ids, Some(positions)))
    }
}

/// Positions in the global batch of what a rank computes of it.
fn rank_share(lengths: &[usize], rank: usize, world_size: usize) -> Vec<usize> {
    match world_size {
        1 => (0..lengths.len()).collect(),
        _ => rank_shares(lengths, world_size).swap_remove(rank),
    }
}

fn longest_first(mut positions: Vec<usize>, lengths: &[usize]) -> Vec<usize> {
    positions.sort_unstable_by_key(|&position| (usize::MAX - lengths[position], position));
    positions
}

impl Batch {
    /// Tokens of this rank's sequences.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// How its micro-batches are laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The integers of its buffers.
    pub fn dtype(&self) -> IdDtype {
        self.dtype
    }

    /// `[tokens]`: the ids, one sequence after the other.
    pub fn ids(&self) -> &Arc<Buffer> {
        &self.ids
    }

    /// `[tokens]`: positions that start anew in each sequence; none in the padded layout.
    pub fn positions(&self) -> Option<&Arc<Buffer>> {
        self.positions.as_ref()
    }

    /// Cut into packed pieces of at most `tokens` tokens, at least one sequence each. Nothing is copied.
    ///
    /// # Errors
    /// [`Error::Argument`] if `tokens` is 0.
    pub fn packed(&self, tokens: usize) -> Result<Vec<PackedPiece>> {
        let mut end = 0;
        let pieces = self.pieces(tokens, Cost::Packed)?.into_iter().map(|sequences| {
            let start = end;
            let mut cu_seqlens = Vec::with_capacity(sequences.len() + 1);
            cu_seqlens.push(0);
            for &length in &self.lengths[sequences.clone()] {
                end += length;
                cu_seqlens.push((end - start) as i32);
            }
            PackedPiece { sequences, tokens: start..end, cu_seqlens }
        });
        Ok(pieces.collect())
    }

    /// Cut into padded pieces of at most `tokens` rows times columns, at least one sequence each.
    ///
    /// # Errors
    /// [`Error::Argument`] if `tokens` is 0; what the registration of new memory says.
    pub fn padded(&self, tokens: usize, pad_id: u32) -> Result<Vec<PaddedPiece>> {
        let mut start = 0;
        let pieces = self.pieces(tokens, Cost::Padded)?.into_iter().map(|sequences| {
            let first = start;
            start += self.lengths[sequences.clone()].iter().sum::<usize>();
            match self.dtype {
                IdDtype::Int32 => self.pad::<i32>(sequences, first, pad_id),
                IdDtype::Int64 => self.pad::<i64>(sequences, first, pad_id),
            }
        });
        pieces.collect()
    }

    fn pieces(&self, tokens: usize, cost: Cost) -> Result<Vec<Range<usize>>> {
        if tokens == 0 {
            let allowed = "pass how many tokens the device can hold at once, at least 1".to_owned();
            return Err(Error::Argument { name: "tokens", value: "0".to_owned(), allowed });
        }
        // cu_seqlens is int32.
        Ok(cut(&self.lengths, tokens.min(i32::MAX as usize), cost))
    }

    fn pad<T: Integer>(&self, sequences: Range<usize>, first_token: usize, pad_id: u32) -> Result<PaddedPiece> {
        let width = width(self.lengths[sequences.start]);
        let size = sequences.len() * width;
        let (mut input_ids, mut attention_mask) = (self.pool.take::<T>(size)?, self.pool.take::<T>(size)?);
        let mut ids = &self.ids.as_slice::<T>(self.tokens)[first_token..];
        let rows = input_ids.as_mut_slice::<T>(size).chunks_exact_mut(width);
        let masks = attention_mask.as_mut_slice::<T>(size).chunks_exact_mut(width);
        for ((row, mask), &length) in rows.zip(masks).zip(&self.lengths[sequences.clone()]) {
            let (here, later) = ids.split_at(length);
            row[..length].copy_from_slice(here);
            row[length..].fill(T::of(pad_id));
            mask[..length].fill(T::of(1));
            mask[length..].fill(T::of(0));
            ids = later;
        }
        Ok(PaddedPiece { sequences, width, input_ids: Arc::new(input_ids), attention_mask: Arc::new(attention_mask) })
    }
}
