//! Dropout on NumPy arrays.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reldistill_kernels::InstructionSet;

use crate::floats::{Array, ArrayMut};

#[pyfunction]
#[pyo3(signature = (values, output, *, dropout, seed, threads))]
pub(crate) fn dropout(
    py: Python<'_>,
    values: Array<'_>,
    mut output: ArrayMut<'_>,
    dropout: f32,
    seed: u64,
    threads: usize,
) -> PyResult<()> {
    check_share(dropout)?;
    let width = values.width();
    let (values, output) = (values.values()?, output.values()?);
    let instructions = InstructionSet::detect();
    py.detach(|| reldistill_kernels::dropout(values, output, width, dropout, seed, threads, instructions))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Raises where it is no share that can be dropped.
pub(crate) fn check_share(dropout: f32) -> PyResult<()> {
    if (0.0..1.0).contains(&dropout) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("dropout {dropout}: must be at least 0 and below 1")))
}
