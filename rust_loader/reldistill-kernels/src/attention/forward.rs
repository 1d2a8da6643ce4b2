//! From query, key and value to the output.

use super::{Attention, Head, Inputs, Scratch};
use crate::dropout::Dropout;
use crate::exponential::exponential;
use crate::instruction_set::Work;
use crate::panels::{Layouts, Place};
use crate::products::{LANES, NO_TOKEN, add_to_left, logits, most};
use crate::threads::deal;
use crate::values::{Output, ValuesMut};
use crate::vector::{Instructions, Vector};
use crate::{Error, InstructionSet};

/// Writes the output `[tokens, heads · width]` and for each row of each map, `[tokens, heads]`, the logarithm of the sum of its
/// exponentials, which the gradient needs.
///
/// # Errors
/// Something has another size.
pub fn attention_forward(
    attention: &Attention<'_>,
    inputs: &Inputs<'_>,
    output: ValuesMut<'_>,
    log_sums: &mut [f32],
    threads: usize,
    instructions: InstructionSet,
) -> Result<(), Error> {
    attention.check(inputs)?;
    attention.check_size("output", output.len())?;
    attention.check_log_sums(log_sums.len())?;
    let (output, log_sums) = (Output::new(output), Output::new(ValuesMut::Float32(log_sums)));
    let heads = attention.heads_of_all();
    deal(heads.len(), threads, |number, scratch| {
        let head = heads[number];
        instructions.run(Forward { attention, inputs, output: &output, log_sums: &log_sums, scratch, head });
    });
    Ok(())
}

struct Forward<'a, 'b> {
    attention: &'a Attention<'b>,
    inputs: &'a Inputs<'b>,
    output: &'a Output<'b>,
    log_sums: &'a Output<'b>,
    scratch: &'a mut Scratch,
    head: Head,
}

impl Work for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions, const ROWS: usize>(self) {
        let Self { attention, inputs, output, log_sums, scratch, head: Head { start, tokens, head } } = self;
        let Scratch { query, key, value, maps: [map, _], .. } = scratch;
        let place = Place::new(start, tokens, head, attention.heads, attention.width);
        let nothing = Layouts { left: None, columns: false, rows: false, slopes: false };
        query.fill::<ROWS>(&inputs.query, place, Layouts { left: Some(attention.scale), ..nothing });
        key.fill::<ROWS>(&inputs.key, place, Layouts { columns: true, ..nothing });
        value.fill::<ROWS>(&inputs.value, place, Layouts { rows: true, slopes: true, ..nothing });

        let padded = tokens.next_multiple_of(LANES);
        let strip = attention.strip::<ROWS>(padded, 1);
        map.resize(map.len().max(strip * padded), 0.0);
        let dropout = Dropout::new(attention.dropout, attention.seed);
        let (width, mut first) = (attention.width, 0);
        while first < padded {
            let end = (first + strip).min(padded);
            let columns = attention.columns(&(first..end), padded);
            let (from, block) = (columns.start, columns.len());
            let map = &mut map[..(end - first) * block];
            logits::<I::Wide, ROWS>(&query.left[first * width..end * width], &key.columns, padded, from, block, map);
            for row in first..end {
                let line = &mut map[(row - first) * block..][..block];
                if row >= tokens {
                    line.fill(0.0);
                    continue;
                }
                attention.hide(row, tokens, from, line);
                let number = (start + row) * attention.heads + head;
                let log_sum = probabilities::<I::Wide>(line, from, &dropout, number);
                // SAFETY: this row belongs to this head of this sequence, which no other thread holds.
                unsafe { log_sums.write(number, &[log_sum]) };
            }
            let wide = value.padded_width;
            let right = &value.rows[columns.start * wide..columns.end * wide];
            add_to_left::<I, ROWS>(map, block, right, wide, &mut value.slopes[first * wide..end * wide]);
            first = end;
        }
        for token in 0..tokens {
            // SAFETY: as above.
            unsafe { output.write(place.row(token), &value.slopes[token * value.padded_width..][..width]) };
        }
    }
}

/// A row of logits, of the columns from `first` on, becomes what is left of its probabilities; gives the logarithm of the sum of its exponentials.
#[inline(always)]
fn probabilities<V: Vector>(line: &mut [f32], first: usize, dropout: &Dropout, number: usize) -> f32 {
    let shift = most::<V>(line, NO_TOKEN);
    let mut sum = V::splat(0.0);
    for piece in 0..line.len() / V::LANES {
        let line = &mut line[piece * V::LANES..];
        let p = exponential(V::load(line).subtract(V::splat(shift)));
        sum = sum.add(p);
        p.store(line);
    }
    let sum = sum.sum();
    let factor = V::splat(dropout.kept / sum);
    if dropout.threshold == 0 {
        for piece in 0..line.len() / V::LANES {
            let line = &mut line[piece * V::LANES..];
            V::load(line).multiply(factor).store(line);
        }
    } else {
        let key = dropout.key(number);
        for piece in 0..line.len() / V::LANES {
            let at = piece * V::LANES;
            let line = &mut line[at..];
            V::load(line).multiply(factor).kept(key, (first + at) as u32, dropout.threshold).store(line);
        }
    }
    shift + sum.ln()
}
