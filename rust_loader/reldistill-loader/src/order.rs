//! Which sequences a global batch holds: a function of corpora, seed and batch size alone.

use crate::permutation::{GOLDEN_GAMMA, Permutation};

/// Changes whenever the same corpora, seed and batch size would give other batches.
pub(crate) const ORDER_VERSION: u64 = 1;
/// Positions of a mixture's order in which each corpus has exactly its quota.
pub const MIXTURE_BLOCK: u64 = 1 << 16;

/// The endless order in which sequences are visited; global batch `b` of `B` sequences is its positions
/// `b·B .. (b+1)·B`.
///
/// *One corpus* of `n` sequences: position `p` is index `permutation(n, seed, p / n)(p mod n)`, so that each epoch
/// visits each sequence once. A batch may straddle the end of an epoch, and hold a sequence more than once if `n < B`.
///
/// *Several corpora*, each with a quota of every [`MIXTURE_BLOCK`] positions: position `p` of block `k` is, shuffled
/// within its block, the `i`-th draw of some corpus there, and that is position `k·quota + i` of the corpus's own
/// order. So the shares are exact in each block, each corpus has epochs of its own, and nothing has to be stored.
/// Indices count through all corpora, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalOrder {
    parts: Vec<OrderPart>,
    seed: u64,
    batch_size: u64,
}

/// What the order knows of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderPart {
    /// Its sequences, at least 1.
    pub(crate) sequences: u64,
    /// Its positions in each block; without meaning if it is the only one.
    pub(crate) quota: u64,
}

impl GlobalOrder {
    /// The order of one corpus.
    pub fn new(sequences: u64, seed: u64, batch_size: u64) -> Self {
        Self::mixed(vec![OrderPart { sequences, quota: MIXTURE_BLOCK }], seed, batch_size)
    }

    /// The order of corpora whose quotas add up to [`MIXTURE_BLOCK`].
    pub(crate) fn mixed(parts: Vec<OrderPart>, seed: u64, batch_size: u64) -> Self {
        Self { parts, seed, batch_size }
    }

    /// Sequences in a global batch.
    pub fn batch_size(&self) -> u64 {
        self.batch_size
    }

    /// Indices of global batch `number`, in order of position.
    pub fn batch(&self, number: u64) -> Vec<u64> {
        let first = u128::from(number) * u128::from(self.batch_size);
        let positions = first..first + u128::from(self.batch_size);
        // Corpus c is shuffled by the c-th number of SplitMix64's stream from the seed, blocks by the one before.
        let mut seed = self.seed;
        let mut first_index = 0;
        let mut corpora: Vec<Endless> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            corpora.push(Endless::new(part.sequences, seed, first_index));
            first_index += part.sequences;
            seed = seed.wrapping_add(GOLDEN_GAMMA);
        }
        if let [corpus] = &mut corpora[..] {
            return positions.map(|position| corpus.index(position)).collect();
        }
        let mut blocks = Endless::new(MIXTURE_BLOCK, self.seed.wrapping_sub(GOLDEN_GAMMA), 0);
        positions
            .map(|position| {
                let block = position / u128::from(MIXTURE_BLOCK);
                let mut draw = blocks.index(position);
                for (part, corpus) in self.parts.iter().zip(&mut corpora) {
                    match draw.checked_sub(part.quota) {
                        Some(rest) => draw = rest,
                        None => return corpus.index(block * u128::from(part.quota) + u128::from(draw)),
                    }
                }
                unreachable!("quotas add up to a block")
            })
            .collect()
    }
}

/// One epoch after the other of `size` things, each shuffled anew.
struct Endless {
    size: u64,
    seed: u64,
    first_index: u64,
    epoch: u128,
    permutation: Permutation,
}

impl Endless {
    fn new(size: u64, seed: u64, first_index: u64) -> Self {
        Self { size, seed, first_index, epoch: 0, permutation: Permutation::new(size, seed, 0) }
    }

    fn index(&mut self, position: u128) -> u64 {
        let (epoch, within) = match u64::try_from(position) {
            // Dividing 128 bits takes ten times as long, and no run comes that far.
            Ok(position) => (u128::from(position / self.size), position % self.size),
            Err(_) => (position / u128::from(self.size), (position % u128::from(self.size)) as u64),
        };
        if epoch != self.epoch {
            self.epoch = epoch;
            // Only batch numbers near 2⁶⁴ reach epochs beyond 64 bits; wrapping there keeps them defined.
            self.permutation = Permutation::new(self.size, self.seed, epoch as u64);
        }
        self.first_index + self.permutation.apply(within)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_are_consecutive_pieces_of_epochs(sequences in 1u64..40, batch_size in 1u64..60, seed: u64) {
            let order = GlobalOrder::new(sequences, seed, batch_size);
            let visited: Vec<u64> = (0..sequences).flat_map(|number| order.batch(number)).collect();
            // sequences · batch_size positions are batch_size whole epochs.
            for epoch in visited.chunks(sequences as usize) {
                let mut indices = epoch.to_vec();
                indices.sort_unstable();
                prop_assert_eq!(indices, (0..sequences).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        // Each case draws whole blocks.
        #![proptest_config(ProptestConfig::with_cases(6))]

        #[test]
        fn each_block_holds_the_quotas_and_each_corpus_its_epochs(
            sizes in prop::collection::vec(1u64..5000, 2..5),
            shares in prop::collection::vec(1u64..100, 5),
            seed: u64,
            block in 0u64..3,
        ) {
            let total: u64 = shares[..sizes.len()].iter().sum();
            let mut quotas: Vec<u64> = sizes.iter().zip(&shares).map(|(_, share)| share * MIXTURE_BLOCK / total).collect();
            quotas[0] += MIXTURE_BLOCK - quotas.iter().sum::<u64>();
            let parts = sizes.iter().zip(&quotas).map(|(&sequences, &quota)| OrderPart { sequences, quota }).collect();
            let order = GlobalOrder::mixed(parts, seed, MIXTURE_BLOCK);
            let mut first = 0;
            for (size, quota) in sizes.into_iter().zip(quotas) {
                let drawn = |block| {
                    let batch = order.batch(block).into_iter();
                    batch.filter(|index| (first..first + size).contains(index)).collect::<Vec<_>>()
                };
                prop_assert_eq!(drawn(block).len() as u64, quota);
                // From the beginning on, no sequence is drawn twice more often than another.
                let mut counts = vec![0u64; size as usize];
                (0..=block).flat_map(drawn).for_each(|index| counts[(index - first) as usize] += 1);
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{least} to {most} of {size} with {quota}");
                first += size;
            }
        }
    }

    #[test]
    fn a_batch_beyond_the_corpus_holds_a_sequence_twice() {
        let batch = GlobalOrder::new(3, 1, 7).batch(0);
        let mut counts = [0; 3].map(|_: usize| 0);
        batch.iter().for_each(|&index| counts[index as usize] += 1);
        counts.sort_unstable();
        assert_eq!(counts, [2, 2, 3]);
    }

    #[test]
    fn the_last_batch_number_is_defined() {
        assert!(GlobalOrder::new(5, 1, 4).batch(u64::MAX).iter().all(|&index| index < 5));
        let parts = vec![OrderPart { sequences: 5, quota: 1 }, OrderPart { sequences: 6, quota: MIXTURE_BLOCK - 1 }];
        assert!(GlobalOrder::mixed(parts, 1, 4).batch(u64::MAX).iter().all(|&index| index < 11));
    }

    #[test]
    fn a_mixture_is_mixed_within_a_block() {
        let half = OrderPart { sequences: 1 << 20, quota: MIXTURE_BLOCK / 2 };
        let order = GlobalOrder::mixed(vec![half, half], 7, 256);
        for number in 0..64 {
            let of_the_first = order.batch(number).iter().filter(|&&index| index < 1 << 20).count();
            // 256 draws of a half: eight standard deviations, each about 8.
            assert!(of_the_first.abs_diff(128) < 64, "{of_the_first}");
        }
    }
}
