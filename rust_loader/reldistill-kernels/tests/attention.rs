//! Attention against its formula in f64, and its gradient against differences.

use proptest::prelude::*;
use reldistill_kernels::attention::{Attention, Inputs, attention_backward, attention_forward};
use reldistill_kernels::{InstructionSet, Values, ValuesMut};

fn noise(elements: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..elements).map(|_| next()).collect()
}

fn inputs<'a>([query, key, value]: &'a [Vec<f32>; 3]) -> Inputs<'a> {
    let [query, key, value] = [query, key, value].map(|state| Values::Float32(state));
    Inputs { query, key, value }
}

fn forward(
    attention: &Attention<'_>,
    states: &[Vec<f32>; 3],
    threads: usize,
    instructions: InstructionSet,
) -> (Vec<f32>, Vec<f32>) {
    let mut output = vec![f32::NAN; states[0].len()];
    let mut log_sums = vec![f32::NAN; states[0].len() / attention.width];
    let into = ValuesMut::Float32(&mut output);
    attention_forward(attention, &inputs(states), into, &mut log_sums, threads, instructions).expect("sizes fit");
    (output, log_sums)
}

fn backward(
    attention: &Attention<'_>,
    states: &[Vec<f32>; 3],
    slope: &[f32],
    threads: usize,
    instructions: InstructionSet,
) -> [Vec<f32>; 3] {
    let (output, log_sums) = forward(attention, states, threads, instructions);
    let mut found = [(); 3].map(|()| vec![f32::NAN; slope.len()]);
    let (output, slope) = (Values::Float32(&output), Values::Float32(slope));
    let into = found.each_mut().map(|gradient| ValuesMut::Float32(gradient));
    attention_backward(attention, &inputs(states), output, &log_sums, slope, into, threads, instructions)
        .expect("sizes fit");
    found
}

/// What is kept of each probability and what it is multiplied by, `[tokens, heads, columns]`: read off by averaging unit
/// vectors of equal probability.
fn masks(attention: &Attention<'_>) -> Vec<Vec<f32>> {
    let longest = attention.lengths.iter().copied().max().unwrap_or(0);
    let wide = Attention { width: longest, reach: None, ..*attention };
    let tokens = attention.lengths.iter().sum::<usize>();
    let zeros = vec![0.0; tokens * attention.heads * longest];
    let mut units = zeros.clone();
    let mut start = 0;
    for length in attention.lengths {
        for token in 0..*length {
            for head in 0..attention.heads {
                units[((start + token) * attention.heads + head) * longest + token] = *length as f32;
            }
        }
        start += length;
    }
    let (output, _) = forward(&wide, &[zeros.clone(), zeros, units], 1, InstructionSet::detect());
    output.chunks(longest).map(<[f32]>::to_vec).collect()
}

fn plain(attention: &Attention<'_>, states: &[Vec<f32>; 3], masks: &[Vec<f32>]) -> Vec<f64> {
    let Attention { heads, width, .. } = *attention;
    let mut output = vec![0.0; states[0].len()];
    let mut start = 0;
    for &length in attention.lengths {
        for head in 0..heads {
            let at = |token: usize| ((start + token) * heads + head) * width;
            let dot = |row: usize, column: usize| -> f64 {
                let product = |k| f64::from(states[0][at(row) + k]) * f64::from(states[1][at(column) + k]);
                (0..width).map(product).sum::<f64>() * f64::from(attention.scale)
            };
            for row in 0..length {
                let seen = |column: usize| attention.reach.is_none_or(|reach| row.abs_diff(column) <= reach);
                let powers: Vec<f64> =
                    (0..length).map(|column| if seen(column) { dot(row, column).exp() } else { 0.0 }).collect();
                let sum: f64 = powers.iter().sum();
                for column in 0..length {
                    let kept = f64::from(masks[(start + row) * heads + head][column]);
                    for k in 0..width {
                        output[at(row) + k] += kept * powers[column] / sum * f64::from(states[2][at(column) + k]);
                    }
                }
            }
        }
        start += length;
    }
    output
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn output_and_gradient_of_ragged_batches(
        lengths in prop::collection::vec(prop_oneof![4 => 1usize..50, 1 => 90usize..110], 1..4),
        heads in 1usize..5,
        width in 1usize..20,
        dropout in prop::sample::select(vec![0.0f32, 0.1, 0.5]),
        seed in any::<u64>(),
        reach in prop::sample::select(vec![None, Some(0usize), Some(1), Some(7), Some(23), Some(usize::MAX)]),
    ) {
        let attention = Attention { lengths: &lengths, heads, width, scale: 0.7, dropout, seed, reach };
        let elements = lengths.iter().sum::<usize>() * heads * width;
        let states = [1, 2, 3].map(|number| noise(elements, seed ^ number));
        let slope = noise(elements, !seed);
        let masks = masks(&attention);
        let expected = plain(&attention, &states, &masks);
        for instructions in InstructionSet::available() {
            let (output, _) = forward(&attention, &states, 2, instructions);
            for (found, expected) in output.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{instructions:?}: {found} for {expected}");
            }
            let gradients = backward(&attention, &states, &slope, 2, instructions);
            // Along a direction in all three states at once.
            let direction = [4, 5, 6].map(|number| noise(elements, seed ^ number));
            let value_at = |step: f32| -> f64 {
                let moved = [0, 1, 2].map(|side| {
                    states[side].iter().zip(&direction[side]).map(|(state, by)| state + step * by).collect::<Vec<f32>>()
                });
                plain(&attention, &moved, &masks).iter().zip(&slope).map(|(out, slope)| out * f64::from(*slope)).sum()
            };
            let step = 1.0 / 256.0;
            let expected = (value_at(step) - value_at(-step)) / (2.0 * f64::from(step));
            let found: f64 = (0..3)
                .flat_map(|side| gradients[side].iter().zip(&direction[side]))
                .map(|(gradient, by)| f64::from(*gradient) * f64::from(*by))
                .sum();
            let tolerance = 1e-3 * (1.0 + elements as f64).sqrt();
            prop_assert!((found - expected).abs() < tolerance, "{instructions:?}: {found} for {expected}");
        }
    }
}

#[test]
fn so_many_are_dropped_as_was_asked_and_each_head_row_and_seed_drops_others() {
    let attention = Attention { lengths: &[300], heads: 4, width: 8, scale: 1.0, dropout: 0.1, seed: 11, reach: None };
    let rows = masks(&attention);
    let all = rows.iter().flatten().count() as f64;
    let kept = rows.iter().flatten().filter(|kept| **kept > 0.0).count() as f64;
    assert!((kept / all - 0.9).abs() < 0.003, "{}", kept / all);
    assert!(rows.iter().flatten().all(|kept| *kept == 0.0 || (kept - 1.0 / 0.9).abs() < 1e-5));
    let other = masks(&Attention { seed: 12, ..attention });
    for (number, row) in rows.iter().enumerate() {
        assert_ne!(*row, other[number]);
        assert!(rows[..number].iter().all(|earlier| earlier != row), "row {number} drops what another drops");
    }
}

#[test]
fn vectors_and_threads_change_nothing_of_what_is_dropped() {
    let attention = Attention { lengths: &[40, 9], heads: 3, width: 8, scale: 0.5, dropout: 0.3, seed: 5, reach: None };
    let states = [1, 2, 3].map(|number| noise(49 * 24, number));
    let (first, _) = forward(&attention, &states, 1, InstructionSet::detect());
    for instructions in InstructionSet::available() {
        let (output, _) = forward(&attention, &states, 4, instructions);
        for (one, other) in output.iter().zip(&first) {
            assert!((one - other).abs() < 1e-5, "{instructions:?}");
        }
    }
    assert_eq!(forward(&attention, &states, 3, InstructionSet::detect()).0, first);
    let slope = noise(49 * 24, 9);
    let alone = backward(&attention, &states, &slope, 1, InstructionSet::detect());
    assert_eq!(backward(&attention, &states, &slope, 5, InstructionSet::detect()), alone);
}

#[test]
fn nan_is_not_hidden() {
    let attention = Attention { lengths: &[20], heads: 1, width: 8, scale: 1.0, dropout: 0.0, seed: 0, reach: None };
    for instructions in InstructionSet::available() {
        let mut states = [1, 2, 3].map(|number| noise(160, number));
        states[0][3] = f32::NAN;
        assert!(
            forward(&attention, &states, 1, instructions).0[..8].iter().all(|out| out.is_nan()),
            "{instructions:?}"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let attention = Attention { lengths: &[3], heads: 2, width: 8, scale: 1.0, dropout: 0.0, seed: 0, reach: None };
    let states = [1, 2, 3].map(|number| noise(40, number));
    let into = &mut [0.0; 48];
    let refused = attention_forward(
        &attention,
        &inputs(&states),
        ValuesMut::Float32(into),
        &mut [0.0; 6],
        1,
        InstructionSet::detect(),
    );
    assert_eq!(refused.expect_err("40 are no 48").to_string(), "query has 40 elements, 48 are needed");
}
