//! What is dropped of a row.

use super::Attention;

/// Dropout of one run of attention.
#[derive(Clone, Copy)]
pub(super) struct Dropout {
    seed: u64,
    /// Random numbers below it are dropped.
    pub(super) threshold: u32,
    /// What the others are multiplied by.
    pub(super) kept: f32,
}

impl Dropout {
    pub(super) fn of(attention: &Attention<'_>) -> Self {
        let threshold = (f64::from(attention.dropout) * 2f64.powi(32)) as u32;
        Self { seed: attention.seed, threshold, kept: 1.0 / (1.0 - attention.dropout) }
    }

    /// The key of a row: of all tokens of the batch this one, and which of its heads.
    pub(super) fn key(&self, row: usize) -> [u32; 2] {
        let bits = mixed(self.seed.wrapping_add(mixed(row as u64)));
        [bits as u32, (bits >> 32) as u32]
    }
}

/// The next number of the generator SplitMix64 at this state.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}
