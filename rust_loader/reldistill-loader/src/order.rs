//! Which sequences a global batch holds: a function of corpus size, seed and batch size alone.

use crate::permutation::Permutation;

/// Changes whenever the same corpus, seed and batch size would give other batches.
pub(crate) const ORDER_VERSION: u64 = 1;

/// The endless order in which a corpus is visited.
///
/// Position `p` of it is index `permutation(seed, p / n)(p mod n)` of a corpus of `n` sequences, so that each epoch
/// visits each sequence once; global batch `b` of `B` sequences is positions `b·B .. (b+1)·B` and may straddle the
/// end of an epoch. If `n < B`, a sequence may occur more than once in a batch.
#[derive(Debug, Clone, Copy)]
pub struct GlobalOrder {
    /// Sequences in the corpus, at least 1.
    pub sequences: u64,
    /// What distinguishes this order from others.
    pub seed: u64,
    /// Sequences in a global batch.
    pub batch_size: u64,
}

impl GlobalOrder {
    /// Corpus indices of global batch `number`, in order of position.
    pub fn batch(&self, number: u64) -> Vec<u64> {
        let size = u128::from(self.sequences);
        let first = u128::from(number) * u128::from(self.batch_size);
        let mut epoch = first / size;
        let mut position = (first % size) as u64;
        let mut permutation = self.epoch(epoch);
        (0..self.batch_size)
            .map(|_| {
                if position == self.sequences {
                    (position, epoch) = (0, epoch + 1);
                    permutation = self.epoch(epoch);
                }
                position += 1;
                permutation.apply(position - 1)
            })
            .collect()
    }

    fn epoch(&self, epoch: u128) -> Permutation {
        // Only batch numbers near 2⁶⁴ reach epochs beyond 64 bits; wrapping there keeps them defined.
        Permutation::new(self.sequences, self.seed, epoch as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_are_consecutive_pieces_of_epochs(sequences in 1u64..40, batch_size in 1u64..60, seed: u64) {
            let order = GlobalOrder { sequences, seed, batch_size };
            let visited: Vec<u64> = (0..sequences).flat_map(|number| order.batch(number)).collect();
            // sequences · batch_size positions are batch_size whole epochs.
            for epoch in visited.chunks(sequences as usize) {
                let mut indices = epoch.to_vec();
                indices.sort_unstable();
                prop_assert_eq!(indices, (0..sequences).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_batch_beyond_the_corpus_holds_a_sequence_twice() {
        let batch = GlobalOrder { sequences: 3, seed: 1, batch_size: 7 }.batch(0);
        let mut counts = [0; 3].map(|_: usize| 0);
        batch.iter().for_each(|&index| counts[index as usize] += 1);
        counts.sort_unstable();
        assert_eq!(counts, [2, 2, 3]);
    }

    #[test]
    fn the_last_batch_number_is_defined() {
        let order = GlobalOrder { sequences: 5, seed: 1, batch_size: 4 };
        assert!(order.batch(u64::MAX).iter().all(|&index| index < 5));
    }
}
