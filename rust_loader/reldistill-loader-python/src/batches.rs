//! `Batches` and `Batch`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use reldistill_loader::{BatchesState, PackedMicroBatch, PaddedMicroBatch};

use crate::errors::{corpus_error, to_python};
use crate::python_classes::{PACKED_BATCH, PADDED_BATCH};

/// How long to wait for a batch before Python's signals are looked at again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How micro-batches are laid out.
#[derive(Clone, Copy)]
pub(crate) enum Layout {
    Packed { position_offset: i64 },
    Padded { pad_id: u32 },
}

#[pyclass(frozen, module = "reldistill_loader")]
pub(crate) struct Batches {
    inner: Mutex<reldistill_loader::Batches>,
    layout: Layout,
}

impl Batches {
    pub(crate) fn new(inner: reldistill_loader::Batches, layout: Layout) -> Self {
        Self { inner: Mutex::new(inner), layout }
    }

    fn lock(&self) -> MutexGuard<'_, reldistill_loader::Batches> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Batches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Batch> {
        loop {
            // The lock is taken without the interpreter: whoever holds it may be waiting for that.
            match py.detach(|| self.lock().next(PATIENCE)).map_err(|error| to_python(py, error))? {
                Some(inner) => return Ok(Batch { inner, layout: self.layout }),
                None => py.check_signals()?,
            }
        }
    }

    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = py.detach(|| self.lock().state());
        let dict = PyDict::new(py);
        dict.set_item("next_batch", state.next_batch)?;
        dict.set_item("seed", state.seed)?;
        dict.set_item("batch_size", state.batch_size)?;
        dict.set_item("sequences", state.sequences)?;
        dict.set_item("corpus", state.corpus)?;
        dict.set_item("order", state.order)?;
        Ok(dict)
    }

    fn load_state_dict(&self, py: Python<'_>, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = BatchesState {
            next_batch: entry(state, "next_batch")?,
            seed: entry(state, "seed")?,
            batch_size: entry(state, "batch_size")?,
            sequences: entry(state, "sequences")?,
            corpus: entry(state, "corpus")?,
            order: entry(state, "order")?,
        };
        py.detach(|| self.lock().load_state(&state)).map_err(|error| to_python(py, error))
    }
}

fn entry<T>(state: &Bound<'_, PyAny>, key: &str) -> PyResult<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    let value = state.get_item(key).ok().and_then(|value| value.extract().ok());
    value.ok_or_else(|| {
        let message = format!("this state cannot be loaded: it has no valid {key:?}; pass what state_dict() returned");
        corpus_error(state.py(), message)
    })
}

#[pyclass(frozen, module = "reldistill_loader")]
pub(crate) struct Batch {
    inner: reldistill_loader::Batch,
    layout: Layout,
}

#[pymethods]
impl Batch {
    #[getter]
    fn number(&self) -> u64 {
        self.inner.number
    }

    #[getter]
    fn global_sequences(&self) -> u64 {
        self.inner.global_sequences
    }

    #[getter]
    fn indices<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let indices: Vec<i64> = self.inner.indices.iter().map(|&index| index as i64).collect();
        indices.into_pyarray(py)
    }

    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.inner.lengths)
    }

    #[getter]
    fn tokens(&self) -> usize {
        self.inner.tokens()
    }

    fn __len__(&self) -> usize {
        self.inner.indices.len()
    }

    fn __repr__(&self) -> String {
        let (number, sequences, tokens) = (self.inner.number, self.inner.indices.len(), self.inner.tokens());
        format!("Batch({number}, {sequences} sequences, {tokens} tokens)")
    }

    fn micro_batches<'py>(&self, py: Python<'py>, tokens: usize) -> PyResult<Bound<'py, PyList>> {
        let raise = |error| to_python(py, error);
        let pieces: Vec<Bound<'py, PyAny>> = match self.layout {
            Layout::Packed { position_offset } => {
                let pieces = py.detach(|| self.inner.packed(tokens, position_offset)).map_err(raise)?;
                pieces.into_iter().map(|piece| packed(py, piece)).collect::<PyResult<_>>()?
            }
            Layout::Padded { pad_id } => {
                let pieces = py.detach(|| self.inner.padded(tokens, pad_id)).map_err(raise)?;
                pieces.into_iter().map(|piece| padded(py, piece)).collect::<PyResult<_>>()?
            }
        };
        PyList::new(py, pieces)
    }
}

/// A `PackedBatch`; NumPy takes over the vectors without a copy.
fn packed<'py>(py: Python<'py>, piece: PackedMicroBatch) -> PyResult<Bound<'py, PyAny>> {
    let PackedMicroBatch { input_ids, position_ids, cu_seqlens, lengths, indices } = piece;
    PACKED_BATCH.get(py)?.call1((
        input_ids.into_pyarray(py),
        position_ids.into_pyarray(py),
        cu_seqlens.into_pyarray(py),
        PyTuple::new(py, lengths)?,
        indices.into_pyarray(py),
    ))
}

/// A `PaddedBatch`; NumPy takes over the vectors without a copy.
fn padded<'py>(py: Python<'py>, piece: PaddedMicroBatch) -> PyResult<Bound<'py, PyAny>> {
    let PaddedMicroBatch { input_ids, attention_mask, longest, lengths, indices } = piece;
    let shape = (lengths.len(), longest);
    let matrix = |values| Array2::from_shape_vec(shape, values).expect("rows are filled up to the longest");
    PADDED_BATCH.get(py)?.call1((
        matrix(input_ids).into_pyarray(py),
        matrix(attention_mask).into_pyarray(py),
        PyTuple::new(py, lengths)?,
        indices.into_pyarray(py),
    ))
}
