//! The matrix products of a strip. Each keeps a block of sums in registers and reads its operands in order.

use crate::vector::{Instructions, Vector};

/// Columns of a map come in multiples of this, and rows of it in multiples of a divisor of it.
pub(crate) const LANES: usize = 16;
/// Bytes that the two maps of a strip may take: they stay in a core's own cache, with the panels beside them.
pub(crate) const STRIP_BYTES: usize = 256 << 10;
/// A logit of no token: its exponential adds nothing, and the difference of two of them is 0.
pub(crate) const NO_TOKEN: f32 = -1e30;

/// Rows of logits, `out[rows, block] = left · columns[:, from..from + block]`.
///
/// `left`: panels of ROWS rows, `[rows / ROWS, width, ROWS]`. `columns`: `[width, stride]`.
#[inline(always)]
pub(crate) fn logits<V: Vector, const ROWS: usize>(
    left: &[f32],
    columns: &[f32],
    stride: usize,
    from: usize,
    block: usize,
    out: &mut [f32],
) {
    let width = columns.len() / stride;
    for panel in 0..left.len() / (width * ROWS) {
        let left = &left[panel * width * ROWS..][..width * ROWS];
        let out = &mut out[panel * ROWS * block..][..ROWS * block];
        for column in 0..block / V::LANES {
            let column = column * V::LANES;
            let mut sums = [V::splat(0.0); ROWS];
            for k in 0..width {
                let row = V::load(&columns[k * stride + from + column..]);
                let factors = &left[k * ROWS..][..ROWS];
                for i in 0..ROWS {
                    sums[i] = V::splat(factors[i]).multiply_add(row, sums[i]);
                }
            }
            for i in 0..ROWS {
                sums[i].store(&mut out[i * block + column..]);
            }
        }
    }
}

/// Adds `slope[rows, block] · right` to `slopes`.
///
/// `right` and `slopes`: rows of `width` elements, those of the block and those of the strip.
#[inline(always)]
pub(crate) fn add_to_left<I: Instructions, const ROWS: usize>(
    slope: &[f32],
    block: usize,
    right: &[f32],
    width: usize,
    slopes: &mut [f32],
) {
    if width.is_multiple_of(LANES) {
        add_left::<I::Wide, ROWS>(slope, block, right, width, slopes);
    } else {
        add_left::<I::Narrow, ROWS>(slope, block, right, width, slopes);
    }
}

#[inline(always)]
fn add_left<V: Vector, const ROWS: usize>(
    slope: &[f32],
    block: usize,
    right: &[f32],
    width: usize,
    slopes: &mut [f32],
) {
    for panel in 0..slope.len() / (ROWS * block) {
        let slope: [&[f32]; ROWS] = std::array::from_fn(|i| &slope[(panel * ROWS + i) * block..][..block]);
        for at in 0..width / V::LANES {
            let at = at * V::LANES;
            let mut sums = [V::splat(0.0); ROWS];
            for column in 0..block {
                let row = V::load(&right[column * width + at..]);
                for i in 0..ROWS {
                    sums[i] = V::splat(slope[i][column]).multiply_add(row, sums[i]);
                }
            }
            for i in 0..ROWS {
                let slopes = &mut slopes[(panel * ROWS + i) * width + at..];
                V::load(slopes).add(sums[i]).store(slopes);
            }
        }
    }
}

/// Adds `slope[rows, block]ᵀ · left` to `slopes`.
///
/// `left` and `slopes`: rows of `width` elements, those of the strip and those of the block.
#[inline(always)]
pub(crate) fn add_to_right<I: Instructions, const ROWS: usize>(
    slope: &[f32],
    block: usize,
    left: &[f32],
    width: usize,
    slopes: &mut [f32],
) {
    if width.is_multiple_of(LANES) {
        add_right::<I::Wide, ROWS>(slope, block, left, width, slopes);
    } else {
        add_right::<I::Narrow, ROWS>(slope, block, left, width, slopes);
    }
}

#[inline(always)]
fn add_right<V: Vector, const ROWS: usize>(
    slope: &[f32],
    block: usize,
    left: &[f32],
    width: usize,
    slopes: &mut [f32],
) {
    for panel in 0..block / ROWS {
        let column = panel * ROWS;
        for at in 0..width / V::LANES {
            let at = at * V::LANES;
            let mut sums = [V::splat(0.0); ROWS];
            for i in 0..ROWS {
                sums[i] = V::load(&slopes[(column + i) * width + at..]);
            }
            for row in 0..slope.len() / block {
                let factors = &slope[row * block + column..][..ROWS];
                let left = V::load(&left[row * width + at..]);
                for i in 0..ROWS {
                    sums[i] = V::splat(factors[i]).multiply_add(left, sums[i]);
                }
            }
            for i in 0..ROWS {
                sums[i].store(&mut slopes[(column + i) * width + at..]);
            }
        }
    }
}

/// The greatest of the values and of `least`. Says nothing of NaN: the exponentials will.
#[inline(always)]
pub(crate) fn most<V: Vector>(values: &[f32], least: f32) -> f32 {
    let mut most = V::splat(least);
    for piece in 0..values.len() / V::LANES {
        most = V::load(&values[piece * V::LANES..]).greater(most);
    }
    most.greatest()
}
