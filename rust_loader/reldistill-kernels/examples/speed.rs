//! Nanoseconds that a logit costs a core: three self relations, 48 heads, widths 768 and 384.

use std::time::Instant;

use reldistill_kernels::relation::{Pair, Problem, Projection, relation_terms};
use reldistill_kernels::{InstructionSet, Values, ValuesMut};

const HEADS: usize = 48;
const WIDTHS: [usize; 2] = [768, 384];

fn main() {
    let tokens: usize = std::env::args().nth(1).map_or(128, |length| length.parse().expect("a length"));
    let lengths = vec![tokens; 512usize.div_ceil(tokens)];
    let total = tokens * lengths.len();
    let [teacher, student] = WIDTHS.map(|width| (0..total * width).map(noise).collect::<Vec<f32>>());
    let mut gradient = vec![vec![0.0; total * WIDTHS[1]]; 3];
    let problem = Problem {
        lengths: &lengths,
        relation_heads: HEADS,
        teacher: [Some(Projection { values: Values::Float32(&teacher), width: WIDTHS[0] }); 3],
        student: [Some(Projection { values: Values::Float32(&student), width: WIDTHS[1] }); 3],
        relations: &[0, 1, 2].map(|side| Pair { left: side, right: side, weight: 1.0 }),
        divisor: lengths.len(),
    };
    for instructions in InstructionSet::available() {
        let mut best = f64::INFINITY;
        for _ in 0..60 {
            let started = Instant::now();
            let [query, key, value] = &mut gradient[..] else { unreachable!("three of them") };
            let gradients = [query, key, value].map(|gradient| Some(ValuesMut::Float32(gradient)));
            relation_terms(&problem, gradients, 1, instructions).expect("a whole problem");
            best = best.min(started.elapsed().as_secs_f64());
        }
        let logits = (lengths.len() * tokens * tokens * HEADS * 3) as f64;
        println!("{instructions:?}: {:.2} ns a logit", best * 1e9 / logits);
    }
}

/// Of about the size of a projection's outputs.
fn noise(seed: usize) -> f32 {
    let mixed = (seed as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
    (f64::from(mixed) / f64::from(u32::MAX) * 3.4 - 1.7) as f32
}
