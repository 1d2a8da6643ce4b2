//! What can be wrong with a problem.

/// Why a loss was not computed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A relation names a projection that was not given.
    #[error("projection {0} of the {1} is needed by a relation and was not given")]
    Missing(usize, &'static str),
    /// A projection has not as many elements as tokens times width.
    #[error("projection {projection} of the {model} has {found} elements, {tokens} tokens of width {width} need {}", tokens * width)]
    Shape {
        /// Of the three.
        projection: usize,
        /// Teacher, student, or gradient.
        model: &'static str,
        /// Elements that are there.
        found: usize,
        /// Tokens of all sequences.
        tokens: usize,
        /// Width of the projection.
        width: usize,
    },
    /// The heads do not divide a width.
    #[error("{heads} relation heads do not divide the width {width}")]
    Heads {
        /// Relation heads.
        heads: usize,
        /// Width of a projection.
        width: usize,
    },
    /// A tensor of attention or dropout has not the size that its rows and their width ask for.
    #[error("{tensor} has {found} elements, {expected} are needed")]
    Size {
        /// Which.
        tensor: &'static str,
        /// Elements that are there.
        found: usize,
        /// Elements that are needed.
        expected: usize,
    },
    /// The two projections of a relation are not equally wide.
    #[error("a relation of projections of the widths {0} and {1}: a product needs equal ones")]
    Widths(usize, usize),
}
