//! From the gradient of the output to those of query, key and value.
//!
//! With P the probabilities and D what dropout multiplies them by, `out = (P · D) · V`:
//!
//! ```text
//! dV = (P · D)ᵀ · dOut      dP = D · (dOut · Vᵀ)      dS = P · (dP - Σ_columns P · dP)      Σ_columns P · dP = dOut · out
//! dQ = scale · dS · K       dK = scale · dSᵀ · Q
//! ```

use super::{Attention, Head, Inputs, Scratch};
use crate::dropout::Dropout;
use crate::exponential::exponential;
use crate::instruction_set::Work;
use crate::panels::{Layouts, Panels, Place};
use crate::products::{LANES, add_to_left, add_to_right, logits};
use crate::threads::deal;
use crate::values::{Output, Values, ValuesMut};
use crate::vector::{Instructions, Vector};
use crate::{Error, InstructionSet};

/// Writes the gradients of query, key and value, given `output` and `log_sums` of [`super::attention_forward`] with the same
/// arguments, and the gradient of the output.
///
/// # Errors
/// Something has another size.
#[expect(clippy::too_many_arguments, reason = "the arguments of a gradient")]
pub fn attention_backward(
    attention: &Attention<'_>,
    inputs: &Inputs<'_>,
    output: Values<'_>,
    log_sums: &[f32],
    slope: Values<'_>,
    gradients: [ValuesMut<'_>; 3],
    threads: usize,
    instructions: InstructionSet,
) -> Result<(), Error> {
    attention.check(inputs)?;
    attention.check_size("output", output.len())?;
    attention.check_size("gradient of the output", slope.len())?;
    attention.check_log_sums(log_sums.len())?;
    for gradient in &gradients {
        attention.check_size("gradient", gradient.len())?;
    }
    let gradients = gradients.map(Output::new);
    let heads = attention.heads_of_all();
    deal(heads.len(), threads, |number, scratch| {
        let head = heads[number];
        let (output, slope, gradients) = (&output, &slope, &gradients);
        instructions.run(Backward { attention, inputs, output, log_sums, slope, gradients, scratch, head });
    });
    Ok(())
}

struct Backward<'a, 'b> {
    attention: &'a Attention<'b>,
    inputs: &'a Inputs<'b>,
    output: &'a Values<'b>,
    log_sums: &'a [f32],
    slope: &'a Values<'b>,
    gradients: &'a [Output<'b>; 3],
    scratch: &'a mut Scratch,
    head: Head,
}

impl Work for Backward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions, const ROWS: usize>(self) {
        let Self { attention, inputs, output, log_sums, slope, gradients, scratch, head: place } = self;
        let Head { start, tokens, head } = place;
        let Scratch { query, key, value, output: out, maps: [map, slopes] } = scratch;
        let place = Place::new(start, tokens, head, attention.heads, attention.width);
        let all = Layouts { left: None, columns: true, rows: true, slopes: true };
        query.fill::<ROWS>(&inputs.query, place, Layouts { left: Some(attention.scale), columns: false, ..all });
        key.fill::<ROWS>(&inputs.key, place, all);
        value.fill::<ROWS>(&inputs.value, place, Layouts { rows: false, ..all });
        out.fill::<ROWS>(slope, place, Layouts { left: Some(1.0), columns: false, rows: true, slopes: false });

        let padded = tokens.next_multiple_of(LANES);
        let strip = attention.strip::<ROWS>(padded, 2);
        for map in [&mut *map, &mut *slopes] {
            map.resize(map.len().max(strip * padded), 0.0);
        }
        let dropout = Dropout::new(attention.dropout, attention.seed);
        let (width, wide, mut first) = (attention.width, key.padded_width, 0);
        let mut row_of_output = vec![0.0; width];
        while first < padded {
            let end = (first + strip).min(padded);
            let seen = attention.columns(&(first..end), padded);
            let (from, block) = (seen.start, seen.len());
            let map = &mut map[..(end - first) * block];
            let slopes = &mut slopes[..(end - first) * block];
            logits::<I::Wide, ROWS>(&query.left[first * width..end * width], &key.columns, padded, from, block, map);
            logits::<I::Wide, ROWS>(&out.left[first * width..end * width], &value.columns, padded, from, block, slopes);
            for row in first..end {
                let map = &mut map[(row - first) * block..][..block];
                let slopes = &mut slopes[(row - first) * block..][..block];
                if row >= tokens {
                    map.fill(0.0);
                    slopes.fill(0.0);
                    continue;
                }
                attention.hide(row, tokens, from, map);
                output.read(place.row(row), &mut row_of_output);
                let mut mean = 0.0;
                for k in 0..width {
                    mean += row_of_output[k] * out.rows[row * wide + k];
                }
                let number = (start + row) * attention.heads + head;
                let of_row = Row { log_sum: log_sums[number], mean, scale: attention.scale };
                of_row.slopes::<I::Wide>(map, slopes, from, &dropout, number);
            }
            let (strip, seen) = (first * wide..end * wide, seen.start * wide..seen.end * wide);
            // The map now holds what the values were averaged with, the other one the gradient of the logits.
            add_to_right::<I, ROWS>(map, block, &out.rows[strip.clone()], wide, &mut value.slopes[seen.clone()]);
            add_to_left::<I, ROWS>(slopes, block, &key.rows[seen.clone()], wide, &mut query.slopes[strip.clone()]);
            add_to_right::<I, ROWS>(slopes, block, &query.rows[strip], wide, &mut key.slopes[seen]);
            first = end;
        }
        let panels: [&Panels; 3] = [query, key, value];
        for number in 0..3 {
            for token in 0..tokens {
                let slopes = &panels[number].slopes[token * wide..][..width];
                // SAFETY: this row belongs to this head of this sequence, which no other thread holds.
                unsafe { gradients[number].write(place.row(token), slopes) };
            }
        }
    }
}

/// What the gradient of a row needs.
struct Row {
    log_sum: f32,
    /// `Σ_columns P · dP`
    mean: f32,
    scale: f32,
}

impl Row {
    /// Of the columns from `first` on: `map`, logits, becomes `P · D`; `slopes`, `dOut · Vᵀ`, becomes `scale · dS`.
    #[inline(always)]
    fn slopes<V: Vector>(&self, map: &mut [f32], slopes: &mut [f32], first: usize, dropout: &Dropout, number: usize) {
        let (log_sum, mean, kept) = (V::splat(self.log_sum), V::splat(self.mean), V::splat(dropout.kept));
        let key = dropout.key(number);
        for piece in 0..map.len() / V::LANES {
            let at = piece * V::LANES;
            let (map, slopes) = (&mut map[at..], &mut slopes[at..]);
            let p = exponential(V::load(map).subtract(log_sum));
            let factor =
                if dropout.threshold == 0 { kept } else { kept.kept(key, (first + at) as u32, dropout.threshold) };
            p.multiply(factor).store(map);
            let slope = V::load(slopes).multiply(factor).subtract(mean);
            p.multiply(V::splat(self.scale)).multiply(slope).store(slopes);
        }
    }
}
