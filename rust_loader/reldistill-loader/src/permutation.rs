//! A shuffle that needs no table: any size, constant memory, constant-time seek.
//!
//! Construction. A balanced Feistel network of [`ROUNDS`] rounds permutes the integers of `2·h` bits, the smallest
//! such domain that holds the `n` wanted ones and at least 2⁸ (Luby and Rackoff, 1988: four rounds with random
//! round functions are indistinguishable from a random permutation; more rounds pay for the small halves here).
//! A round is `(left, right) → (right, left ⊕ low_h(mix(right ⊕ key)))`, `mix` being the finaliser of SplitMix64
//! (Steele, Lea and Flood, 2014), and the round keys are SplitMix64's stream, started from seed and epoch. A result
//! of `n` or above is permuted again until it falls below `n` (cycle walking; Black and Rogaway, 2002): following
//! a cycle of a permutation back into a subset permutes that subset. The domain is less than four times `n` (or
//! 2⁸), so that a walk takes fewer than four steps on average.
//!
//! The values are part of the format: a corpus, seed and batch size give the same batches for ever.
//! A change must alter [`crate::order::ORDER_VERSION`].

const ROUNDS: usize = 8;
const SMALLEST_HALF_BITS: u32 = 4;
pub(crate) const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A permutation of `0..size` that is a function of size, seed and epoch.
#[derive(Debug, Clone)]
pub struct Permutation {
    size: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..size` that belongs to this seed and epoch.
    pub fn new(size: u64, seed: u64, epoch: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        let mut state = mix(mix(seed.wrapping_add(GOLDEN_GAMMA)) ^ epoch);
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(GOLDEN_GAMMA);
            mix(state)
        });
        Self { size, half_bits: bits.div_ceil(2).max(SMALLEST_HALF_BITS), keys }
    }

    /// Where `position` goes.
    ///
    /// # Panics
    /// If `position` is not below the size.
    pub fn apply(&self, position: u64) -> u64 {
        assert!(position < self.size, "position {position} outside of a permutation of {}", self.size);
        let mut value = self.network(position);
        while value >= self.size {
            value = self.network(value);
        }
        value
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64: each input bit flips each output bit about half of the time.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn whole(size: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let permutation = Permutation::new(size, seed, epoch);
        (0..size).map(|position| permutation.apply(position)).collect()
    }

    proptest! {
        #[test]
        fn each_index_comes_once(size in 1u64..3000, seed: u64, epoch: u64) {
            let mut indices = whole(size, seed, epoch);
            indices.sort_unstable();
            prop_assert_eq!(indices, (0..size).collect::<Vec<_>>());
        }

        #[test]
        fn any_size_stays_within_itself(size in 1u64.., seed: u64, position: u64) {
            let position = position % size;
            prop_assert!(Permutation::new(size, seed, 0).apply(position) < size);
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let orders: HashSet<_> = (0..10).flat_map(|seed| (0..10).map(move |epoch| whole(100, seed, epoch))).collect();
        assert_eq!(orders.len(), 100);
    }

    #[test]
    fn all_orders_of_four_are_about_equally_likely() {
        let mut counts = HashMap::new();
        for seed in 0..24_000 {
            *counts.entry(whole(4, seed, 0)).or_insert(0u32) += 1;
        }
        let chi_squared: f64 = counts.values().map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0).sum();
        // 23 degrees of freedom: beyond 49.7 with a probability of 0.001.
        assert!(counts.len() == 24 && chi_squared < 49.7, "{} orders, {chi_squared}", counts.len());
    }

    #[test]
    fn neighbours_are_torn_apart() {
        let order = whole(10_000, 7, 0);
        let still_neighbours = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
        // A random order has two on average.
        assert!(still_neighbours < 12, "{still_neighbours}");
        let fixed = (0..).zip(&order).filter(|(position, index)| position == *index).count();
        assert!(fixed < 8, "{fixed}");
    }

    #[test]
    fn values_stay_as_they_were_published() {
        // As computed by tests/rust_loader/plain_order.py.
        assert_eq!(whole(10, 0, 0), [4, 2, 7, 0, 9, 1, 3, 8, 5, 6]);
        let large = Permutation::new(1_000_000_007, 42, 3);
        assert_eq!(
            [0, 1, 1_000_000_006].map(|position| large.apply(position)),
            [426_290_600, 387_874_451, 240_271_465]
        );
    }
}
