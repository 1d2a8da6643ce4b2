//! `Batches` and `Batch`.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use reldistill_loader::{
    BatchOptions, BatchesState, IdDtype, Layout, Mixture, PackedPiece, PaddedPiece, Register, Result,
};

use crate::arrays::array;
use crate::errors::{corpus_error, input_error, not_allowed, to_python};
use crate::page_locked::page_locked;
use crate::per_process::PerProcess;
use crate::python_classes::{PACKED_BATCH, PADDED_BATCH};

/// How long to wait for a batch before Python's signals are looked at again.
const PATIENCE: Duration = Duration::from_millis(100);

#[pyclass(frozen, module = "reldistill_loader")]
pub(crate) struct Batches {
    inner: PerProcess<reldistill_loader::Batches>,
    /// What a forked child makes its own batches of, without the lock.
    source: Arc<Mixture>,
    options: BatchOptions,
    register: Option<Arc<Register>>,
    next_batch: AtomicU64,
}

impl Batches {
    /// The batches of a source; what `options` say of layout and dtype is replaced by the arguments behind them.
    pub(crate) fn new(
        py: Python<'_>,
        source: Arc<Mixture>,
        options: BatchOptions,
        layout: &str,
        position_offset: u32,
        dtype: &str,
        pin_memory: bool,
    ) -> PyResult<Self> {
        let layout = match layout {
            "packed" => Layout::Packed { position_offset },
            "padded" => match source.pad_id() {
                Some(pad_id) => Layout::Padded { pad_id },
                None => return Err(to_python(py, reldistill_loader::Error::NoPadToken)),
            },
            other => return Err(not_allowed(py, "layout", other, ["packed", "padded"])),
        };
        let dtype = match dtype {
            "int32" => IdDtype::Int32,
            "int64" => IdDtype::Int64,
            other => return Err(not_allowed(py, "dtype", other, ["int64", "int32"])),
        };
        let register = if pin_memory { Some(page_locked(py)?) } else { None };
        let options = BatchOptions { layout, dtype, ..options };
        let inner = reldistill_loader::Batches::new(source.clone(), options, register.clone());
        let inner = PerProcess::new(inner.map_err(|error| to_python(py, error))?);
        Ok(Self { inner, source, options, register, next_batch: AtomicU64::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, reldistill_loader::Batches> {
        self.inner.lock(|| {
            let (source, register) = (self.source.clone(), self.register.clone());
            let mut batches = reldistill_loader::Batches::new(source, self.options, register)
                .expect("the options were accepted before");
            batches.go_to(self.next_batch.load(Ordering::Relaxed));
            batches
        })
    }

    fn next(&self) -> Result<Option<reldistill_loader::Batch>> {
        let mut batches = self.lock();
        let batch = batches.next(PATIENCE);
        self.next_batch.store(batches.next_batch(), Ordering::Relaxed);
        batch
    }

    fn load(&self, state: &BatchesState) -> Result<()> {
        let mut batches = self.lock();
        let loaded = batches.load_state(state);
        self.next_batch.store(batches.next_batch(), Ordering::Relaxed);
        loaded
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
            match py.detach(|| self.next()).map_err(|error| to_python(py, error))? {
                Some(inner) => return Ok(Batch { inner }),
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
        py.detach(|| self.load(&state)).map_err(|error| to_python(py, error))
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
        self.indices_of(py, 0..self.inner.indices.len())
    }

    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.inner.lengths)
    }

    #[getter]
    fn tokens(&self) -> usize {
        self.inner.tokens()
    }

    #[getter]
    fn input_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.inner.layout() {
            Layout::Packed { .. } => array(py, self.inner.ids(), self.inner.dtype(), 0, [self.inner.tokens()]),
            Layout::Padded { .. } => self.matrix(py, "input_ids"),
        }
    }

    #[getter]
    fn position_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.inner.positions() {
            Some(positions) => array(py, positions, self.inner.dtype(), 0, [self.inner.tokens()]),
            None => Err(self.other_layout(py, "position_ids")),
        }
    }

    #[getter]
    fn cu_seqlens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.inner.layout() {
            Layout::Packed { .. } if self.inner.indices.is_empty() => Ok(vec![0i32].into_pyarray(py).into_any()),
            Layout::Packed { .. } => self.whole(py)?.getattr("cu_seqlens"),
            Layout::Padded { .. } => Err(self.other_layout(py, "cu_seqlens")),
        }
    }

    #[getter]
    fn attention_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.inner.layout() {
            Layout::Packed { .. } => Err(self.other_layout(py, "attention_mask")),
            Layout::Padded { .. } => self.matrix(py, "attention_mask"),
        }
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
        let pieces: Vec<Bound<'py, PyAny>> = match self.inner.layout() {
            Layout::Packed { .. } => {
                let pieces = self.inner.packed(tokens).map_err(raise)?;
                pieces.into_iter().map(|piece| self.packed(py, piece)).collect::<PyResult<_>>()?
            }
            Layout::Padded { pad_id } => {
                let pieces = py.detach(|| self.inner.padded(tokens, pad_id)).map_err(raise)?;
                pieces.into_iter().map(|piece| self.padded(py, &piece)).collect::<PyResult<_>>()?
            }
        };
        PyList::new(py, pieces)
    }
}

impl Batch {
    /// All of it as one piece; it has at least one sequence.
    fn whole<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let pieces = self.micro_batches(py, usize::MAX)?;
        match pieces.len() {
            1 => pieces.get_item(0),
            _ => Err(input_error(py, "this batch has more than 2**31 - 1 tokens; use micro_batches".to_owned())),
        }
    }

    fn matrix<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.inner.indices.len() {
            0 => array(py, self.inner.ids(), self.inner.dtype(), 0, [0, 0]),
            _ => self.whole(py)?.getattr(name),
        }
    }

    fn other_layout(&self, py: Python<'_>, name: &str) -> PyErr {
        let (here, other) = match self.inner.layout() {
            Layout::Packed { .. } => ("packed", "padded"),
            Layout::Padded { .. } => ("padded", "packed"),
        };
        input_error(py, format!("a {here} batch has no {name}; ask for batches(layout=\"{other}\")"))
    }

    fn indices_of<'py>(&self, py: Python<'py>, sequences: Range<usize>) -> Bound<'py, PyArray1<i64>> {
        let indices: Vec<i64> = self.inner.indices[sequences].iter().map(|&index| index as i64).collect();
        indices.into_pyarray(py)
    }

    fn packed<'py>(&self, py: Python<'py>, piece: PackedPiece) -> PyResult<Bound<'py, PyAny>> {
        let PackedPiece { sequences, tokens, cu_seqlens } = piece;
        let positions = self.inner.positions().expect("packed batches have positions");
        let dtype = self.inner.dtype();
        PACKED_BATCH.get(py)?.call1((
            array(py, self.inner.ids(), dtype, tokens.start, [tokens.len()])?,
            array(py, positions, dtype, tokens.start, [tokens.len()])?,
            cu_seqlens.into_pyarray(py),
            PyTuple::new(py, &self.inner.lengths[sequences.clone()])?,
            self.indices_of(py, sequences),
        ))
    }

    fn padded<'py>(&self, py: Python<'py>, piece: &PaddedPiece) -> PyResult<Bound<'py, PyAny>> {
        let shape = [piece.sequences.len(), piece.width];
        PADDED_BATCH.get(py)?.call1((
            array(py, &piece.input_ids, self.inner.dtype(), 0, shape)?,
            array(py, &piece.attention_mask, self.inner.dtype(), 0, shape)?,
            PyTuple::new(py, &self.inner.lengths[piece.sequences.clone()])?,
            self.indices_of(py, piece.sequences.clone()),
        ))
    }
}
