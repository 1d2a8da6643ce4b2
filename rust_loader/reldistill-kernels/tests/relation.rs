//! The loss against its formula in f64, whatever vectors, threads, lengths and relations.

use proptest::prelude::*;
use reldistill_kernels::relation::{Pair, Problem, Projection, relation_terms};
use reldistill_kernels::{InstructionSet, Values, ValuesMut};

/// Numbers between -size and size, the same for the same seed.
fn noise(elements: usize, size: f32, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 * 2.0 * size - size
    };
    (0..elements).map(|_| next()).collect()
}

struct Case {
    lengths: Vec<usize>,
    heads: usize,
    /// Of a head of the teacher, and of the student.
    widths: [usize; 2],
    pairs: Vec<Pair>,
    states: [Vec<Vec<f32>>; 2],
}

impl Case {
    fn new(lengths: &[usize], heads: usize, widths: [usize; 2], pairs: &[(usize, usize)], size: f32) -> Self {
        let tokens = lengths.iter().sum::<usize>();
        let states = [0, 1].map(|model| {
            (0..3).map(|side| noise(tokens * heads * widths[model], size, 7 + 3 * model as u64 + side)).collect()
        });
        let pairs = pairs.iter().enumerate().map(|(number, &(left, right))| {
            let weight = 0.5 + number as f32;
            Pair { left, right, weight }
        });
        Self { lengths: lengths.to_vec(), heads, widths, pairs: pairs.collect(), states }
    }

    /// Terms and the gradients of query, key and value, with the crate.
    fn compute(&self, instructions: InstructionSet, threads: usize) -> (Vec<f64>, Vec<Vec<f32>>) {
        let [teacher, student] = [0, 1].map(|model| {
            [0, 1, 2].map(|side| {
                let values = Values::Float32(&self.states[model][side]);
                Some(Projection { values, width: self.heads * self.widths[model] })
            })
        });
        let mut gradients = vec![vec![f32::NAN; self.states[1][0].len()]; 3];
        let [query, key, value] = &mut gradients[..] else { unreachable!("three of them") };
        let problem = Problem {
            lengths: &self.lengths,
            relation_heads: self.heads,
            teacher,
            student,
            relations: &self.pairs,
            divisor: 5,
        };
        let into = [query, key, value].map(|gradient| Some(ValuesMut::Float32(gradient)));
        let terms = relation_terms(&problem, into, threads, instructions).expect("a whole problem");
        (terms, gradients)
    }

    /// The same by the formula; and for each gradient what it is the difference of, `Σ scale · (Q + P) · |other side|`: where
    /// teacher and student agree, little is left of it, but its rounding stays.
    fn plain(&self) -> (Vec<f64>, [Vec<Vec<f64>>; 2]) {
        let mut terms = vec![0.0; self.pairs.len()];
        let [mut gradients, mut summed] = [(); 2].map(|()| vec![vec![0.0; self.states[1][0].len()]; 3]);
        let mut start = 0;
        for &length in &self.lengths {
            for head in 0..self.heads {
                for (term, pair) in terms.iter_mut().zip(&self.pairs) {
                    let share = 1.0 / (self.heads * length * 5) as f64;
                    for row in 0..length {
                        let [p, q] = [0, 1].map(|model| self.row(model, pair, start, length, head, row));
                        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
                        *term += share * divergence;
                        let scale = share * f64::from(pair.weight) / (self.widths[1] as f64).sqrt();
                        for column in 0..length {
                            let slope = scale * (q[column].exp() - p[column].exp());
                            let parts = scale * (q[column].exp() + p[column].exp());
                            for k in 0..self.widths[1] {
                                let [left, right] = [row, column].map(|token| self.at(1, start + token, head, k));
                                for (side, at, other) in [
                                    (pair.left, left, self.states[1][pair.right][right]),
                                    (pair.right, right, self.states[1][pair.left][left]),
                                ] {
                                    gradients[side][at] += slope * f64::from(other);
                                    summed[side][at] += parts * f64::from(other.abs());
                                }
                            }
                        }
                    }
                }
            }
            start += length;
        }
        (terms, [gradients, summed])
    }

    fn at(&self, model: usize, token: usize, head: usize, k: usize) -> usize {
        (token * self.heads + head) * self.widths[model] + k
    }

    /// The logarithm of a row of the relation.
    fn row(&self, model: usize, pair: &Pair, start: usize, length: usize, head: usize, row: usize) -> Vec<f64> {
        let logits: Vec<f64> = (0..length)
            .map(|column| {
                let product: f64 = (0..self.widths[model])
                    .map(|k| {
                        let [left, right] = [row, column].map(|token| self.at(model, start + token, head, k));
                        f64::from(self.states[model][pair.left][left])
                            * f64::from(self.states[model][pair.right][right])
                    })
                    .sum();
                product / (self.widths[model] as f64).sqrt()
            })
            .collect();
        let most = logits.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
        logits.iter().map(|logit| logit - most - sum.ln()).collect()
    }

    fn check(&self) {
        let (expected, [slopes, summed]) = self.plain();
        for instructions in InstructionSet::available() {
            let (terms, gradients) = self.compute(instructions, 2);
            for (found, expected) in terms.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-5 * expected + 1e-7, "{instructions:?}: {found} for {expected}");
            }
            let found = gradients.iter().flatten();
            let bounds = slopes.iter().flatten().zip(summed.iter().flatten());
            for (found, (expected, summed)) in found.zip(bounds) {
                let off = (f64::from(*found) - expected).abs();
                assert!(off <= 3e-6 * summed, "{instructions:?}: {found} for {expected}");
            }
        }
    }
}

const NINE: [(usize, usize); 9] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn ragged_batches(
        lengths in prop::collection::vec(1usize..70, 1..4),
        heads in 1usize..7,
        teacher in 1usize..20,
        student in 1usize..20,
        pairs in prop::sample::subsequence(NINE.to_vec(), 1..=9),
        size in 0.1f32..3.0,
    ) {
        Case::new(&lengths, heads, [teacher, student], &pairs, size).check();
    }
}

#[test]
fn sequences_too_long_for_a_strip_run_along_their_maxima() {
    Case::new(&[2_101, 3], 1, [5, 4], &[(0, 0), (1, 2)], 2.0).check();
}

#[test]
fn transposed_relations_whose_logits_lie_far_apart() {
    // The greatest logits of rows differ by far more than what exponentials with one shift can hold.
    let mut case = Case::new(&[40], 1, [3, 2], &[(0, 1), (1, 0)], 1.0);
    for model in &mut case.states {
        for (number, value) in model[0].iter_mut().enumerate() {
            *value *= if number % 7 == 0 { 150.0 } else { 1.0 };
        }
    }
    case.check();
}

#[test]
fn the_same_relation_twice_and_its_transpose() {
    Case::new(&[20, 3], 2, [5, 4], &[(0, 1), (0, 1), (1, 0), (2, 2), (2, 2)], 1.0).check();
    Case::new(&[20, 3], 2, [5, 4], &[(1, 0), (0, 1), (0, 1), (1, 0), (0, 1)], 1.0).check();
}

#[test]
fn threads_change_no_bit() {
    let case = Case::new(&[33, 90, 1], 6, [16, 8], &NINE, 1.5);
    let alone = case.compute(InstructionSet::detect(), 1);
    for threads in [2, 3, 50] {
        assert_eq!(case.compute(InstructionSet::detect(), threads), alone);
    }
}

#[test]
fn nan_is_not_hidden() {
    for instructions in InstructionSet::available() {
        let mut case = Case::new(&[20], 2, [4, 4], &[(0, 0)], 1.0);
        case.states[1][0][13] = f32::NAN;
        assert!(case.compute(instructions, 1).0[0].is_nan(), "{instructions:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let case = Case::new(&[4], 2, [4, 4], &[(0, 0)], 1.0);
    let values = Values::Float32(&case.states[0][0]);
    let state = Some(Projection { values, width: 8 });
    let whole = Problem {
        lengths: &[4],
        relation_heads: 2,
        teacher: [state; 3],
        student: [state; 3],
        relations: &case.pairs,
        divisor: 1,
    };
    let refusal = |problem| {
        relation_terms(&problem, [None, None, None], 1, InstructionSet::detect())
            .expect_err("it does not fit")
            .to_string()
    };
    assert!(refusal(Problem { teacher: [None; 3], ..whole }).contains("projection 0 of the teacher"));
    assert!(refusal(Problem { lengths: &[5], ..whole }).contains("has 32 elements"));
    assert!(refusal(Problem { relation_heads: 3, ..whole }).contains("do not divide the width 8"));
}
