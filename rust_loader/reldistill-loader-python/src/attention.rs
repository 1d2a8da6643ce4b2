//! Attention with dropout on NumPy arrays.

use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reldistill_kernels::InstructionSet;
use reldistill_kernels::attention::{self, Attention, Inputs};

use crate::dropout::check_share;
use crate::floats::{Array, ArrayMut};

#[pyfunction]
#[pyo3(signature = (lengths, heads, inputs, output, log_sums, *, scale, dropout, seed, threads, reach = None))]
#[expect(clippy::too_many_arguments, reason = "the arguments of attention")]
pub(crate) fn attention_forward(
    py: Python<'_>,
    lengths: Vec<usize>,
    heads: usize,
    inputs: [Array<'_>; 3],
    mut output: ArrayMut<'_>,
    mut log_sums: PyReadwriteArray2<'_, f32>,
    scale: f32,
    dropout: f32,
    seed: u64,
    threads: usize,
    reach: Option<usize>,
) -> PyResult<()> {
    let width = width(heads, &inputs, dropout)?;
    let attention = Attention { lengths: &lengths, heads, width, scale, dropout, seed, reach };
    let inputs = values(&inputs)?;
    let (output, log_sums) = (output.values()?, log_sums.as_slice_mut()?);
    py.detach(|| attention::attention_forward(&attention, &inputs, output, log_sums, threads, InstructionSet::detect()))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

#[pyfunction]
#[pyo3(signature = (lengths, heads, inputs, output, log_sums, slope, gradients, *, scale, dropout, seed, threads, reach = None))]
#[expect(clippy::too_many_arguments, reason = "the arguments of attention")]
pub(crate) fn attention_backward(
    py: Python<'_>,
    lengths: Vec<usize>,
    heads: usize,
    inputs: [Array<'_>; 3],
    output: Array<'_>,
    log_sums: PyReadonlyArray2<'_, f32>,
    slope: Array<'_>,
    mut gradients: [ArrayMut<'_>; 3],
    scale: f32,
    dropout: f32,
    seed: u64,
    threads: usize,
    reach: Option<usize>,
) -> PyResult<()> {
    let width = width(heads, &inputs, dropout)?;
    let attention = Attention { lengths: &lengths, heads, width, scale, dropout, seed, reach };
    let inputs = values(&inputs)?;
    let (output, slope, log_sums) = (output.values()?, slope.values()?, log_sums.as_slice()?);
    let [query, key, value] = &mut gradients;
    let gradients = [query.values()?, key.values()?, value.values()?];
    let instructions = InstructionSet::detect();
    py.detach(|| {
        attention::attention_backward(&attention, &inputs, output, log_sums, slope, gradients, threads, instructions)
    })
    .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Elements of a head.
fn width(heads: usize, inputs: &[Array<'_>; 3], dropout: f32) -> PyResult<usize> {
    let width = inputs[0].width();
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(PyValueError::new_err(format!("{heads} attention heads do not divide the width {width}")));
    }
    check_share(dropout)?;
    Ok(width / heads)
}

fn values<'a>([query, key, value]: &'a [Array<'_>; 3]) -> PyResult<Inputs<'a>> {
    Ok(Inputs { query: query.values()?, key: key.values()?, value: value.values()? })
}
