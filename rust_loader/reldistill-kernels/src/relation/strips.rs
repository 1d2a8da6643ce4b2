//! All relations of one head of one sequence.

use std::ops::Range;

use super::both_ways::LineSums;
use super::divergence::RowSums;
use super::problem::{PROJECTIONS, Pair};
use crate::panels::Panels;
use crate::products::{self, LANES, NO_TOKEN, STRIP_BYTES, logits};
use crate::vector::Instructions;

/// From this length on a strip is cut along the columns too.
const LONG: usize = 2_048;
/// Columns of such a piece.
const BLOCK: usize = 1_024;

/// A thread's memory, kept from head to head.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) teacher: [Panels; PROJECTIONS],
    pub(crate) student: [Panels; PROJECTIONS],
    pub(crate) maps: [Vec<f32>; 2],
    pub(crate) lines: LineSums,
    /// Of each relation, whether it was computed with its transpose.
    pub(crate) done: Vec<bool>,
    sums: Vec<RowSums>,
}

/// Adds up the divergence of a head in one relation, not yet averaged, and adds the gradient of `coefficient` times it and its weight
/// to the slopes of those projections that are `wanted`.
#[inline(always)]
pub(crate) fn relation<I: Instructions, const ROWS: usize>(
    scratch: &mut Scratch,
    tokens: usize,
    pair: Pair,
    coefficient: f32,
    wanted: [bool; PROJECTIONS],
) -> f64 {
    let padded = tokens.next_multiple_of(LANES);
    let block = if tokens < LONG { padded } else { BLOCK };
    let strip = (STRIP_BYTES / (2 * size_of::<f32>() * block) / ROWS * ROWS).clamp(ROWS, padded);
    let Scratch { teacher, student, maps: [theirs, ours], sums, .. } = scratch;
    for map in [&mut *theirs, &mut *ours] {
        map.resize(map.len().max(strip * block), 0.0);
    }
    let gradient = wanted[pair.left] || wanted[pair.right];
    let coefficient = coefficient * pair.weight / (student[pair.left].width as f32).sqrt();
    let mut divergence = 0.0;
    for first in (0..padded).step_by(strip) {
        let rows = first..(first + strip).min(padded);
        sums.clear();
        sums.resize(rows.len(), RowSums::EMPTY);
        for from in (0..padded).step_by(block) {
            let columns = from..(from + block).min(padded);
            let maps = [&mut *theirs, &mut *ours].map(|map| &mut map[..rows.len() * columns.len()]);
            let [theirs, ours] = fill::<I, ROWS>(maps, [teacher, student], pair, &rows, &columns, tokens);
            for (sums, (theirs, ours)) in sums.iter_mut().zip(lines(theirs, ours, columns.len())) {
                sums.take::<I::Wide>(theirs, ours);
            }
        }
        let real = tokens.saturating_sub(first).min(rows.len());
        divergence += sums[..real].iter().map(RowSums::divergence).sum::<f64>();
        if !gradient {
            continue;
        }
        for from in (0..padded).step_by(block) {
            let columns = from..(from + block).min(padded);
            let maps = [&mut *theirs, &mut *ours].map(|map| &mut map[..rows.len() * columns.len()]);
            // A strip of one piece still holds its exponentials.
            let [theirs, ours] = if block < padded {
                let [theirs, ours] = fill::<I, ROWS>(maps, [teacher, student], pair, &rows, &columns, tokens);
                for (sums, (theirs, ours)) in sums.iter().zip(lines(theirs, ours, columns.len())) {
                    sums.exponentials::<I::Wide>(theirs, ours);
                }
                [theirs, ours]
            } else {
                maps
            };
            for (sums, (theirs, ours)) in sums.iter().zip(lines(theirs, ours, columns.len())) {
                sums.slope::<I::Wide>(theirs, ours, coefficient);
            }
            ours[real * columns.len()..].fill(0.0);
            add_slopes::<I, ROWS>(ours, student, pair, &rows, &columns, wanted);
        }
    }
    divergence
}

/// The logits of some rows and columns in both maps.
#[inline(always)]
pub(crate) fn fill<'a, I: Instructions, const ROWS: usize>(
    mut maps: [&'a mut [f32]; 2],
    models: [&[Panels; PROJECTIONS]; 2],
    pair: Pair,
    rows: &Range<usize>,
    columns: &Range<usize>,
    tokens: usize,
) -> [&'a mut [f32]; 2] {
    for (map, panels) in maps.iter_mut().zip(models) {
        let (left, right) = (&panels[pair.left], &panels[pair.right]);
        let stride = right.columns.len() / right.width;
        let left = &left.left[rows.start * left.width..rows.end * left.width];
        logits::<I::Wide, ROWS>(left, &right.columns, stride, columns.start, columns.len(), map);
        if tokens < columns.end {
            for row in map.chunks_exact_mut(columns.len()) {
                row[tokens - columns.start..].fill(NO_TOKEN);
            }
        }
    }
    maps
}

fn lines<'a>(
    theirs: &'a mut [f32],
    ours: &'a mut [f32],
    columns: usize,
) -> impl Iterator<Item = (&'a mut [f32], &'a mut [f32])> {
    theirs.chunks_exact_mut(columns).zip(ours.chunks_exact_mut(columns))
}

/// From the gradient of the logits to that of the projections.
#[inline(always)]
pub(crate) fn add_slopes<I: Instructions, const ROWS: usize>(
    slope: &[f32],
    student: &mut [Panels; PROJECTIONS],
    pair: Pair,
    rows: &Range<usize>,
    columns: &Range<usize>,
    wanted: [bool; PROJECTIONS],
) {
    let width = student[pair.left].padded_width;
    let at = |range: &Range<usize>| range.start * width..range.end * width;
    if wanted[pair.left] {
        let mut slopes = std::mem::take(&mut student[pair.left].slopes);
        let (right, into) = (&student[pair.right].rows[at(columns)], &mut slopes[at(rows)]);
        products::add_to_left::<I, ROWS>(slope, columns.len(), right, width, into);
        student[pair.left].slopes = slopes;
    }
    if wanted[pair.right] {
        let mut slopes = std::mem::take(&mut student[pair.right].slopes);
        let (left, into) = (&student[pair.left].rows[at(rows)], &mut slopes[at(columns)]);
        products::add_to_right::<I, ROWS>(slope, columns.len(), left, width, into);
        student[pair.right].slopes = slopes;
    }
}
