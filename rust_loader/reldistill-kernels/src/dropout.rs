//! Dropout: elements become 0 with a given probability, and the others are multiplied so that the mean stays.
//!
//! Which ones are dropped is a function of a seed and of the place, so that nothing is kept for backward: the gradient
//! goes through the same function with the same seed.

use crate::instruction_set::Work;
use crate::products::LANES;
use crate::threads::deal;
use crate::values::{Output, Values, ValuesMut};
use crate::vector::{Instructions, Vector};
use crate::{Error, InstructionSet};

/// Rows that a thread takes at a time.
const ROWS_AT_A_TIME: usize = 64;

/// Which share is dropped, and after which seed.
#[derive(Clone, Copy)]
pub(crate) struct Dropout {
    seed: u64,
    /// Random numbers below it are dropped.
    pub(crate) threshold: u32,
    /// What the others are multiplied by.
    pub(crate) kept: f32,
}

impl Dropout {
    pub(crate) fn new(share: f32, seed: u64) -> Self {
        let threshold = (f64::from(share) * 2f64.powi(32)) as u32;
        Self { seed, threshold, kept: 1.0 / (1.0 - share) }
    }

    /// The key of a row: of all rows this one.
    pub(crate) fn key(&self, row: usize) -> [u32; 2] {
        let bits = mixed(self.seed.wrapping_add(mixed(row as u64)));
        [bits as u32, (bits >> 32) as u32]
    }
}

/// Writes to `output` what is left of `values`, rows of `width` elements each. `share` is at least 0 and below 1.
///
/// # Errors
/// The two are not of one size, or the width does not divide it.
pub fn dropout(
    values: Values<'_>,
    output: ValuesMut<'_>,
    width: usize,
    share: f32,
    seed: u64,
    threads: usize,
    instructions: InstructionSet,
) -> Result<(), Error> {
    let rows = values.len() / width.max(1);
    for (tensor, found) in [("input of dropout", values.len()), ("output of dropout", output.len())] {
        if found != rows * width {
            return Err(Error::Size { tensor, found, expected: rows * width });
        }
    }
    let (values, output, dropout) = (&values, &Output::new(output), Dropout::new(share, seed));
    deal(rows.div_ceil(ROWS_AT_A_TIME), threads, |number, row: &mut Vec<f32>| {
        let first = number * ROWS_AT_A_TIME;
        let rows = [first, (first + ROWS_AT_A_TIME).min(rows)];
        row.resize(width.next_multiple_of(LANES), 0.0);
        instructions.run(Rows { values, output, dropout, rows, width, row });
    });
    Ok(())
}

struct Rows<'a, 'b> {
    values: &'a Values<'b>,
    output: &'a Output<'b>,
    dropout: Dropout,
    rows: [usize; 2],
    width: usize,
    /// One row, filled up to whole vectors.
    row: &'a mut [f32],
}

impl Work for Rows<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions, const ROWS: usize>(self) {
        let Self { values, output, dropout, rows: [first, end], width, row } = self;
        let kept = I::Wide::splat(dropout.kept);
        for number in first..end {
            values.read(number * width, &mut row[..width]);
            let key = dropout.key(number);
            for piece in 0..row.len() / I::Wide::LANES {
                let at = piece * I::Wide::LANES;
                let piece = &mut row[at..];
                I::Wide::load(piece).multiply(kept).kept(key, at as u32, dropout.threshold).store(piece);
            }
            // SAFETY: this row belongs to this piece of the work, which no other thread holds.
            unsafe { output.write(number * width, &row[..width]) };
        }
    }
}

/// The next number of the generator SplitMix64 at this state.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}
