//! What is to be computed.

use crate::Error;
use crate::values::{Values, ValuesMut};

/// Query, key and value.
pub const PROJECTIONS: usize = 3;

/// Outputs of one projection for all tokens, `[tokens, width]`, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Projection<'a> {
    /// The elements.
    pub values: Values<'a>,
    /// All heads together.
    pub width: usize,
}

/// Query, key and value of one model; None where no relation needs it.
pub type States<'a> = [Option<Projection<'a>>; PROJECTIONS];

/// Where the gradient of each of the student's projections goes, `[tokens, width]`; every element is written. None
/// where it is not wanted.
pub type Gradients<'a> = [Option<ValuesMut<'a>>; PROJECTIONS];

/// A relation: the projections that are multiplied (0 query, 1 key, 2 value), and its weight in the loss.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Gives the rows.
    pub left: usize,
    /// Gives the columns.
    pub right: usize,
    /// α of equation 5; it scales the gradient, not the term.
    pub weight: f32,
}

/// Packed sequences of teacher and student, and the relations in which they are compared.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Tokens of each sequence.
    pub lengths: &'a [usize],
    /// A; divides all widths.
    pub relation_heads: usize,
    /// The teacher's projections.
    pub teacher: States<'a>,
    /// The student's projections.
    pub student: States<'a>,
    /// At least one.
    pub relations: &'a [Pair],
    /// What terms and gradient are divided by: the sequences of a global batch.
    pub divisor: usize,
}

impl Problem<'_> {
    /// Gives what is wrong with it; what passes is computed without another check.
    pub(crate) fn check(&self, gradients: &Gradients<'_>) -> Result<(), Error> {
        let tokens = self.lengths.iter().sum::<usize>();
        for pair in self.relations {
            for (model, states) in [("teacher", &self.teacher), ("student", &self.student)] {
                let [left, right] = [pair.left, pair.right].map(|side| states[side].ok_or(Error::Missing(side, model)));
                let (left, right) = (left?.width, right?.width);
                if left != right {
                    return Err(Error::Widths(left, right));
                }
            }
        }
        for projection in 0..PROJECTIONS {
            for (model, states) in [("teacher", &self.teacher), ("student", &self.student)] {
                let Some(Projection { values, width }) = states[projection] else { continue };
                if width == 0 || self.relation_heads == 0 || width % self.relation_heads != 0 {
                    return Err(Error::Heads { heads: self.relation_heads, width });
                }
                if values.len() != tokens * width {
                    return Err(Error::Shape { projection, model, found: values.len(), tokens, width });
                }
            }
            if let Some(gradient) = &gradients[projection] {
                let width = self.student[projection].ok_or(Error::Missing(projection, "student"))?.width;
                if gradient.len() != tokens * width {
                    let model = "gradient";
                    return Err(Error::Shape { projection, model, found: gradient.len(), tokens, width });
                }
            }
        }
        Ok(())
    }
}
