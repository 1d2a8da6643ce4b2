//! Two relations that are each other's transpose, such as qk and kq, for little more than the price of one.
//!
//! Both have the same logits; one takes its softmax over rows, the other over columns. Shifted by one maximum for
//! the whole head, the exponentials are the same too, and so are the products that make the gradient of the projections:
//! with row sums z and column sums z', the gradient of `S[i, j]` is `E[i, j] · (α / z[i] + α' / z'[j])` less the same of the
//! teacher.

use super::divergence::divergence;
use super::problem::{PROJECTIONS, Pair};
use super::strips::{Scratch, add_slopes, fill};
use crate::exponential::exponential;
use crate::products::{LANES, NO_TOKEN, most};
use crate::vector::{Instructions, Vector};

/// Up to this length both maps of a head are kept whole, in 2 MiB; longer heads are computed one relation at a time.
pub(crate) const LONGEST: usize = 512;
/// A row or column whose greatest logit is farther below that of the head would lose digits of its sum.
const REACH: f32 = 40.0;

/// What is summed of the rows and of the columns: the teacher's exponentials, the student's, and the teacher's times the
/// difference of the logits.
#[derive(Default)]
pub(crate) struct LineSums {
    rows: [Vec<f32>; 3],
    columns: [Vec<f32>; 3],
}

/// Divergence of `pair` and of its transpose, whose weight is `transposed`, or None where one shift does not serve the whole
/// head; the gradient of `coefficient` times their weighted sum is added to the slopes of those that are `wanted`.
#[inline(always)]
pub(crate) fn relations<I: Instructions, const ROWS: usize>(
    scratch: &mut Scratch,
    tokens: usize,
    pair: Pair,
    transposed: f32,
    coefficient: f32,
    wanted: [bool; PROJECTIONS],
) -> Option<[f64; 2]> {
    let padded = tokens.next_multiple_of(LANES);
    let all = 0..padded;
    let Scratch { teacher, student, maps: [theirs, ours], lines, .. } = scratch;
    for map in [&mut *theirs, &mut *ours] {
        map.resize(map.len().max(padded * padded), 0.0);
    }
    let maps = [theirs, ours].map(|map| &mut map[..padded * padded]);
    let [theirs, ours] = fill::<I, ROWS>(maps, [teacher, student], pair, &all, &all, tokens);
    let mut shifts = [0.0; 2];
    for (map, shift) in [&mut *theirs, &mut *ours].into_iter().zip(&mut shifts) {
        map[tokens * padded..].fill(NO_TOKEN);
        *shift = common_shift::<I::Wide>(map, padded, tokens, &mut lines.columns[0])?;
    }
    lines.take::<I::Wide>(theirs, ours, padded, tokens, shifts);
    let divergences = [&lines.rows, &lines.columns].map(|[teacher, student, difference]| {
        (0..tokens).map(|line| divergence(teacher[line], student[line], difference[line])).sum::<f64>()
    });
    if wanted[pair.left] || wanted[pair.right] {
        let coefficient = coefficient / (student[pair.left].width as f32).sqrt();
        lines.slopes::<I::Wide>(theirs, ours, padded, tokens, [coefficient * pair.weight, coefficient * transposed]);
        add_slopes::<I, ROWS>(ours, student, pair, &all, &all, wanted);
    }
    Some(divergences)
}

/// The greatest logit of the head, unless a line's own is out of its reach.
#[inline(always)]
fn common_shift<V: Vector>(map: &[f32], padded: usize, tokens: usize, columns: &mut Vec<f32>) -> Option<f32> {
    columns.clear();
    columns.resize(padded, NO_TOKEN);
    let (mut greatest, mut least) = (NO_TOKEN, f32::INFINITY);
    for row in 0..tokens {
        let row = &map[row * padded..][..padded];
        let of_the_row = most::<V>(row, NO_TOKEN);
        (greatest, least) = (greatest.max(of_the_row), least.min(of_the_row));
        for at in 0..padded / V::LANES {
            let columns = &mut columns[at * V::LANES..];
            V::load(&row[at * V::LANES..]).greater(V::load(columns)).store(columns);
        }
    }
    let least = columns[..tokens].iter().fold(least, |least, column| least.min(*column));
    (greatest - least <= REACH).then_some(greatest)
}

impl LineSums {
    /// The logits of both maps become exponentials, which are summed along rows and columns.
    #[inline(always)]
    fn take<V: Vector>(
        &mut self,
        theirs: &mut [f32],
        ours: &mut [f32],
        padded: usize,
        tokens: usize,
        [their_shift, our_shift]: [f32; 2],
    ) {
        for lines in self.rows.iter_mut().chain(&mut self.columns) {
            lines.clear();
            lines.resize(padded, 0.0);
        }
        let (their_shift, our_shift) = (V::splat(their_shift), V::splat(our_shift));
        let [column_p, column_q, column_difference] = &mut self.columns;
        for row in 0..tokens {
            let theirs = &mut theirs[row * padded..][..padded];
            let ours = &mut ours[row * padded..][..padded];
            let [mut p_sum, mut q_sum, mut difference_sum] = [V::splat(0.0); 3];
            for at in 0..padded / V::LANES {
                let at = at * V::LANES;
                let t = V::load(&theirs[at..]).subtract(their_shift);
                let s = V::load(&ours[at..]).subtract(our_shift);
                let (p, q) = (exponential(t), exponential(s));
                let difference = p.multiply(t.subtract(s));
                p.store(&mut theirs[at..]);
                q.store(&mut ours[at..]);
                p_sum = p_sum.add(p);
                q_sum = q_sum.add(q);
                difference_sum = difference_sum.add(difference);
                add_to(&mut column_p[at..], p);
                add_to(&mut column_q[at..], q);
                add_to(&mut column_difference[at..], difference);
            }
            self.rows[0][row] = p_sum.sum();
            self.rows[1][row] = q_sum.sum();
            self.rows[2][row] = difference_sum.sum();
        }
    }

    /// `ours` becomes the gradient of the logits, both relations together; the sums are used up.
    #[inline(always)]
    fn slopes<V: Vector>(
        &mut self,
        theirs: &[f32],
        ours: &mut [f32],
        padded: usize,
        tokens: usize,
        coefficients: [f32; 2],
    ) {
        for (lines, coefficient) in [&mut self.rows, &mut self.columns].into_iter().zip(coefficients) {
            for sums in &mut lines[..2] {
                for sum in &mut sums[..tokens] {
                    *sum = coefficient / *sum;
                }
                sums[tokens..].fill(0.0);
            }
        }
        for row in 0..padded {
            let theirs = &theirs[row * padded..][..padded];
            let ours = &mut ours[row * padded..][..padded];
            let (p_row, q_row) = (V::splat(self.rows[0][row]), V::splat(self.rows[1][row]));
            for at in 0..padded / V::LANES {
                let at = at * V::LANES;
                let p = V::load(&theirs[at..]).multiply(V::load(&self.columns[0][at..]).add(p_row));
                let q = V::load(&ours[at..]).multiply(V::load(&self.columns[1][at..]).add(q_row));
                q.subtract(p).store(&mut ours[at..]);
            }
        }
        ours[tokens * padded..].fill(0.0);
    }
}

#[inline(always)]
fn add_to<V: Vector>(sums: &mut [f32], values: V) {
    V::load(sums).add(values).store(sums);
}
