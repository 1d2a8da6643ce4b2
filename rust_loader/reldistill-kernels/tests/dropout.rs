//! Dropout: what is left, how much of it, and that nothing but seed and place decides.

use reldistill_kernels::{InstructionSet, Values, ValuesMut, dropout};

const SHARE: f32 = 0.1;

fn dropped(values: &[f32], width: usize, seed: u64, threads: usize, instructions: InstructionSet) -> Vec<f32> {
    let mut output = vec![f32::NAN; values.len()];
    dropout(Values::Float32(values), ValuesMut::Float32(&mut output), width, SHARE, seed, threads, instructions)
        .expect("sizes fit");
    output
}

fn count(rows: usize, width: usize) -> Vec<f32> {
    (0..rows * width).map(|number| number as f32 + 1.0).collect()
}

#[test]
fn what_is_left_is_divided_by_its_share_and_the_rest_is_zero() {
    for width in [1, 7, 16, 45] {
        let values = count(150, width);
        let left = dropped(&values, width, 3, 2, InstructionSet::detect());
        for (before, after) in values.iter().zip(&left) {
            assert!(*after == 0.0 || (after / before - 1.0 / 0.9).abs() < 1e-6, "{before}: {after}");
        }
    }
}

#[test]
fn so_many_are_dropped_as_was_asked_in_rows_and_in_columns() {
    let (rows, width) = (400, 384);
    let left = dropped(&vec![1.0; rows * width], width, 1, 2, InstructionSet::detect());
    let zeros = |places: &mut dyn Iterator<Item = usize>| places.filter(|place| left[*place] == 0.0).count() as f64;
    let off = |found: f64, of: usize| (found - 0.1 * of as f64).abs() / (0.09 * of as f64).sqrt();
    assert!(off(zeros(&mut (0..rows * width)), rows * width) < 4.0);
    for row in 0..rows {
        assert!(off(zeros(&mut (row * width..(row + 1) * width)), width) < 5.0, "row {row}");
    }
    for column in 0..width {
        assert!(off(zeros(&mut (column..rows * width).step_by(width)), rows) < 5.0, "column {column}");
    }
}

#[test]
fn nothing_but_seed_and_place_decides() {
    let values = count(200, 37);
    let expected = dropped(&values, 37, 9, 1, InstructionSet::detect());
    for instructions in InstructionSet::available() {
        for threads in [1, 3, 8] {
            assert_eq!(dropped(&values, 37, 9, threads, instructions), expected, "{instructions:?}, {threads} threads");
        }
    }
    assert_ne!(dropped(&values, 37, 10, 1, InstructionSet::detect()), expected);
}

#[test]
fn bf16_drops_the_same() {
    let values: Vec<u16> = (0..90).map(|number| ((number as f32 + 1.0).to_bits() >> 16) as u16).collect();
    let mut output = vec![u16::MAX; 90];
    let (from, into) = (Values::BFloat16(&values), ValuesMut::BFloat16(&mut output));
    dropout(from, into, 9, SHARE, 5, 2, InstructionSet::detect()).expect("sizes fit");
    let single = dropped(&count(10, 9), 9, 5, 1, InstructionSet::detect());
    for (half, single) in output.iter().zip(single) {
        assert_eq!(*half == 0, single == 0.0);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_nothing() {
    let (values, mut output) = (count(4, 3), vec![0.0; 12]);
    let mut refused = |values: &[f32], width| {
        let into = ValuesMut::Float32(&mut output);
        dropout(Values::Float32(values), into, width, SHARE, 0, 1, InstructionSet::detect()).is_err()
    };
    assert!(refused(&values[..9], 3));
    assert!(refused(&values, 5));
    assert!(!refused(&values, 3));
    assert!(dropped(&[], 3, 0, 2, InstructionSet::detect()).is_empty());
}
