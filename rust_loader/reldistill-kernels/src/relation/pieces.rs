//! The loss of all sequences, a few heads at a time.

use super::both_ways;
use super::problem::{Gradients, PROJECTIONS, Pair, Problem};
use super::strips::{Scratch, relation};
use crate::instruction_set::Work;
use crate::panels::{Layouts, Place};
use crate::threads::deal;
use crate::values::Output;
use crate::vector::Instructions;
use crate::{Error, InstructionSet};

/// Heads that a thread takes at a time: neighbours share cache lines of the projections.
const HEADS_AT_ONCE: usize = 4;

/// The term of each relation (equation 6, divided by the divisor), and the gradient of `Σ weight · term`.
///
/// Takes at most so many threads, this one among them. The result is the same for any number of them.
pub fn relation_terms(
    problem: &Problem<'_>,
    gradients: Gradients<'_>,
    threads: usize,
    instructions: InstructionSet,
) -> Result<Vec<f64>, Error> {
    problem.check(&gradients)?;
    let outputs = gradients.map(|gradient| gradient.map(Output::new));
    let mut pieces = Vec::new();
    let mut start = 0;
    for &tokens in problem.lengths {
        for head in (0..problem.relation_heads).step_by(HEADS_AT_ONCE) {
            let heads = head..(head + HEADS_AT_ONCE).min(problem.relation_heads);
            pieces.push((start, tokens, heads));
        }
        start += tokens;
    }
    let found = deal(pieces.len(), threads, |number, scratch| {
        let (start, tokens, heads) = pieces[number].clone();
        let mut terms = vec![0.0; problem.relations.len()];
        for head in heads {
            instructions.run(Head { problem, outputs: &outputs, scratch, start, tokens, head, terms: &mut terms });
        }
        terms
    });
    let mut terms = vec![0.0; problem.relations.len()];
    for of_a_piece in found {
        for (sum, term) in terms.iter_mut().zip(of_a_piece) {
            *sum += term;
        }
    }
    Ok(terms)
}

/// All relations of one head of one sequence.
struct Head<'a, 'b> {
    problem: &'a Problem<'b>,
    outputs: &'a [Option<Output<'b>>; PROJECTIONS],
    scratch: &'a mut Scratch,
    start: usize,
    tokens: usize,
    head: usize,
    terms: &'a mut [f64],
}

impl Work for Head<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions, const ROWS: usize>(self) {
        let Self { problem, outputs, scratch, start, tokens, head, terms } = self;
        let heads = problem.relation_heads;
        let mut wanted = [false; PROJECTIONS];
        for projection in 0..PROJECTIONS {
            wanted[projection] = outputs[projection].is_some();
            let mut used = false;
            for pair in problem.relations {
                used |= pair.left == projection || pair.right == projection;
            }
            let models = [
                (&mut scratch.teacher[projection], &problem.teacher[projection], used, false),
                (&mut scratch.student[projection], &problem.student[projection], used || wanted[projection], true),
            ];
            for (panels, state, needed, gradient) in models {
                if let Some(state) = state
                    && needed
                {
                    let width = state.width / heads;
                    let layouts = Layouts {
                        left: Some(1.0 / (width as f32).sqrt()),
                        columns: true,
                        rows: gradient,
                        slopes: gradient,
                    };
                    panels.fill::<ROWS>(&state.values, Place::new(start, tokens, head, heads, width), layouts);
                }
            }
        }

        let share = 1.0 / (heads as f64 * tokens as f64 * problem.divisor as f64);
        let coefficient = share as f32;
        scratch.done.clear();
        scratch.done.resize(problem.relations.len(), false);
        for number in 0..problem.relations.len() {
            if scratch.done[number] {
                continue;
            }
            let pair = problem.relations[number];
            if let Some(other) = transpose(problem.relations, number, &scratch.done)
                && tokens <= both_ways::LONGEST
            {
                let weight = problem.relations[other].weight;
                let both = both_ways::relations::<I, ROWS>(scratch, tokens, pair, weight, coefficient, wanted);
                if let Some([ours, its]) = both {
                    terms[number] += share * ours;
                    terms[other] += share * its;
                    scratch.done[other] = true;
                    continue;
                }
            }
            terms[number] += share * relation::<I, ROWS>(scratch, tokens, pair, coefficient, wanted);
        }

        for projection in 0..PROJECTIONS {
            if let Some(output) = &outputs[projection] {
                let panels = &scratch.student[projection];
                let place = Place::new(start, tokens, head, heads, panels.width);
                for token in 0..tokens {
                    let slopes = &panels.slopes[token * panels.padded_width..][..panels.width];
                    // SAFETY: these elements belong to this head of this sequence, which no other piece holds.
                    unsafe { output.write(place.row(token), slopes) };
                }
            }
        }
    }
}

/// A relation behind this one that is its transpose and not done yet.
fn transpose(relations: &[Pair], number: usize, done: &[bool]) -> Option<usize> {
    let pair = relations[number];
    let is_transpose = |other: &Pair| other.left == pair.right && other.right == pair.left && pair.left != pair.right;
    (number + 1..relations.len()).find(|other| !done[*other] && is_transpose(&relations[*other]))
}
