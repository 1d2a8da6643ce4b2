//! NumPy arrays over memory of the crate, without a copy.

use std::sync::Arc;

use numpy::ndarray::{ArrayView, Dimension, IntoDimension};
use numpy::{Element, PyArray};
use pyo3::prelude::*;
use reldistill_loader::{Buffer, IdDtype};

/// What an array over a buffer keeps alive: the buffer goes back to its pool when the last such array is gone.
#[pyclass(frozen, module = "reldistill_loader")]
struct Memory(#[expect(dead_code, reason = "held for as long as an array looks at it")] Arc<Buffer>);

/// Integers of a buffer from `start` on, as a writable array of this shape; they lie within what the buffer was taken
/// for.
pub(crate) fn array<'py>(
    py: Python<'py>,
    buffer: &Arc<Buffer>,
    dtype: IdDtype,
    start: usize,
    shape: impl IntoDimension,
) -> PyResult<Bound<'py, PyAny>> {
    let shape = shape.into_dimension();
    match dtype {
        IdDtype::Int32 => typed::<i32, _>(py, buffer, start, shape),
        IdDtype::Int64 => typed::<i64, _>(py, buffer, start, shape),
    }
}

fn typed<'py, T: Element, D: Dimension>(
    py: Python<'py>,
    buffer: &Arc<Buffer>,
    start: usize,
    shape: D,
) -> PyResult<Bound<'py, PyAny>> {
    let memory = Bound::new(py, Memory(buffer.clone()))?.into_any();
    // SAFETY: the crate's pieces lie within their buffers, which the array keeps alive through `memory`; once they are
    // handed out, only the arrays read and write there.
    let array = unsafe {
        let first = buffer.start().cast::<T>().add(start);
        PyArray::borrow_from_array(&ArrayView::from_shape_ptr(shape, first.as_ptr()), memory)
    };
    Ok(array.into_any())
}
