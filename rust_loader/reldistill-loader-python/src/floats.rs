//! NumPy arrays as floats of the crate: fp32, or bf16 as integers of two bytes, a type that NumPy does not have.

use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;
use reldistill_kernels::{Values, ValuesMut};

#[derive(FromPyObject)]
pub(crate) enum Array<'py> {
    Float32(PyReadonlyArray2<'py, f32>),
    BFloat16(PyReadonlyArray2<'py, u16>),
}

#[derive(FromPyObject)]
pub(crate) enum ArrayMut<'py> {
    Float32(PyReadwriteArray2<'py, f32>),
    BFloat16(PyReadwriteArray2<'py, u16>),
}

impl Array<'_> {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Float32(array) => array.as_array().ncols(),
            Self::BFloat16(array) => array.as_array().ncols(),
        }
    }

    /// Raises where rows do not lie one behind the other.
    pub(crate) fn values(&self) -> PyResult<Values<'_>> {
        Ok(match self {
            Self::Float32(array) => Values::Float32(array.as_slice()?),
            Self::BFloat16(array) => Values::BFloat16(array.as_slice()?),
        })
    }
}

impl ArrayMut<'_> {
    /// Raises where rows do not lie one behind the other.
    pub(crate) fn values(&mut self) -> PyResult<ValuesMut<'_>> {
        Ok(match self {
            Self::Float32(array) => ValuesMut::Float32(array.as_slice_mut()?),
            Self::BFloat16(array) => ValuesMut::BFloat16(array.as_slice_mut()?),
        })
    }
}
