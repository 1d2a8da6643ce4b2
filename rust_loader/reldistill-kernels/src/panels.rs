//! One head of one sequence, laid out for the products.

use crate::products::LANES;
use crate::values::Values;

/// A head of n tokens and width d. Rows are filled up to a multiple of [`LANES`] with zeros.
#[derive(Default)]
pub(crate) struct Panels {
    /// d
    pub(crate) width: usize,
    /// d, filled up with zeros to a multiple of 8.
    pub(crate) padded_width: usize,
    /// `[rows / ROWS, d, ROWS]`, scaled: the left side of logits.
    pub(crate) left: Vec<f32>,
    /// `[d, rows]`: the right side of logits.
    pub(crate) columns: Vec<f32>,
    /// `[rows, padded width]`: either side of a gradient.
    pub(crate) rows: Vec<f32>,
    /// `[rows, padded width]`: what is added up, a gradient or an output.
    pub(crate) slopes: Vec<f32>,
    row: Vec<f32>,
}

/// Where a head lies among the values of all tokens.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Its first element.
    pub(crate) first: usize,
    /// From a row to the next.
    pub(crate) stride: usize,
    pub(crate) tokens: usize,
    pub(crate) width: usize,
}

impl Place {
    /// Of a head of a sequence that begins at token `start`, in rows of `heads` heads.
    pub(crate) fn new(start: usize, tokens: usize, head: usize, heads: usize, width: usize) -> Self {
        Self { first: (start * heads + head) * width, stride: heads * width, tokens, width }
    }

    /// Where a row begins.
    #[inline(always)]
    pub(crate) fn row(&self, token: usize) -> usize {
        self.first + token * self.stride
    }
}

/// Which layouts are needed.
#[derive(Clone, Copy)]
pub(crate) struct Layouts {
    /// `left`, times this.
    pub(crate) left: Option<f32>,
    pub(crate) columns: bool,
    pub(crate) rows: bool,
    /// Zeros in `slopes`.
    pub(crate) slopes: bool,
}

impl Panels {
    /// Takes a head in.
    #[inline(always)]
    pub(crate) fn fill<const ROWS: usize>(&mut self, values: &Values<'_>, place: Place, layouts: Layouts) {
        let Place { tokens, width, .. } = place;
        let rows = tokens.next_multiple_of(LANES);
        (self.width, self.padded_width) = (width, width.next_multiple_of(8));
        for (buffer, needed, elements) in [
            (&mut self.left, layouts.left.is_some(), rows * width),
            (&mut self.columns, layouts.columns, rows * width),
            (&mut self.rows, layouts.rows, rows * self.padded_width),
            (&mut self.slopes, layouts.slopes, rows * self.padded_width),
        ] {
            buffer.clear();
            buffer.resize(if needed { elements } else { 0 }, 0.0);
        }
        self.row.resize(width, 0.0);
        for token in 0..tokens {
            values.read(place.row(token), &mut self.row);
            if let Some(scale) = layouts.left {
                let panel = &mut self.left[token / ROWS * ROWS * width + token % ROWS..];
                for k in 0..width {
                    panel[k * ROWS] = self.row[k] * scale;
                }
            }
            if layouts.columns {
                for k in 0..width {
                    self.columns[k * rows + token] = self.row[k];
                }
            }
            if layouts.rows {
                self.rows[token * self.padded_width..][..width].copy_from_slice(&self.row);
            }
        }
    }
}
