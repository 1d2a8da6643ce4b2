//! The relation loss on NumPy arrays.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reldistill_kernels::relation::{self, Pair, Problem, Projection};
use reldistill_kernels::{InstructionSet, ValuesMut};

use crate::floats::{Array, ArrayMut};

#[pyfunction]
#[pyo3(signature = (lengths, relation_heads, teacher, student, relations, divisor, gradients, *, threads))]
#[expect(clippy::too_many_arguments, reason = "the arguments of a loss")]
pub(crate) fn relation_terms(
    py: Python<'_>,
    lengths: Vec<usize>,
    relation_heads: usize,
    teacher: [Option<Array<'_>>; 3],
    student: [Option<Array<'_>>; 3],
    relations: Vec<(usize, usize, f32)>,
    divisor: usize,
    mut gradients: [Option<ArrayMut<'_>>; 3],
    threads: usize,
) -> PyResult<Vec<f64>> {
    if relations.iter().any(|&(left, right, _)| left.max(right) > 2) {
        return Err(PyValueError::new_err("a projection is 0 (query), 1 (key) or 2 (value)"));
    }
    let relations: Vec<Pair> = relations.iter().map(|&(left, right, weight)| Pair { left, right, weight }).collect();
    let problem = Problem {
        lengths: &lengths,
        relation_heads,
        teacher: [projection(&teacher[0])?, projection(&teacher[1])?, projection(&teacher[2])?],
        student: [projection(&student[0])?, projection(&student[1])?, projection(&student[2])?],
        relations: &relations,
        divisor,
    };
    let [query, key, value] = &mut gradients;
    let gradients = [gradient(query)?, gradient(key)?, gradient(value)?];
    py.detach(|| relation::relation_terms(&problem, gradients, threads, InstructionSet::detect()))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

fn projection<'a>(state: &'a Option<Array<'_>>) -> PyResult<Option<Projection<'a>>> {
    let Some(state) = state else { return Ok(None) };
    Ok(Some(Projection { values: state.values()?, width: state.width() }))
}

fn gradient<'a>(gradient: &'a mut Option<ArrayMut<'_>>) -> PyResult<Option<ValuesMut<'a>>> {
    gradient.as_mut().map(ArrayMut::values).transpose()
}
