//! `Mixture`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use reldistill_loader::BatchOptions;

use crate::batches::Batches;
use crate::corpus::{Corpus, position, view};
use crate::errors::{input_error, to_python};

#[pyclass(frozen, module = "reldistill_loader")]
pub(crate) struct Mixture {
    inner: Arc<reldistill_loader::Mixture>,
    /// The same corpora as Python knows them.
    corpora: Py<PyTuple>,
    weights: Option<Vec<f64>>,
    exponent: f64,
}

#[pymethods]
impl Mixture {
    #[new]
    #[pyo3(signature = (corpora, weights=None, exponent=None))]
    fn new(
        py: Python<'_>,
        corpora: Vec<Bound<'_, Corpus>>,
        weights: Option<Vec<f64>>,
        exponent: Option<f64>,
    ) -> PyResult<Self> {
        if weights.is_some() && exponent.is_some() {
            let message = "weights and exponent are both given; the exponent makes weights of sizes, so give one";
            return Err(input_error(py, message.to_owned()));
        }
        let exponent = exponent.unwrap_or(1.0);
        let parts = corpora.iter().map(|corpus| corpus.get().inner.clone()).collect();
        let inner = match &weights {
            Some(weights) => reldistill_loader::Mixture::by_weights(parts, weights),
            None => reldistill_loader::Mixture::by_size(parts, exponent),
        };
        let inner = Arc::new(inner.map_err(|error| to_python(py, error))?);
        Ok(Self { inner, corpora: PyTuple::new(py, corpora)?.unbind(), weights, exponent })
    }

    #[getter]
    fn corpora<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.corpora.bind(py).clone()
    }

    #[getter]
    fn shares<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.shares())
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    #[getter]
    fn tokens(&self) -> u64 {
        self.inner.corpora().iter().map(|corpus| corpus.tokens()).sum()
    }

    fn __len__(&self) -> usize {
        self.inner.sequences() as usize
    }

    fn __repr__(&self) -> String {
        let corpora = self.inner.corpora().iter().zip(self.inner.shares());
        let corpora: Vec<_> =
            corpora.map(|(corpus, share)| format!("{:?}: {:.1} %", corpus.folder(), 100.0 * share)).collect();
        format!("Mixture({})", corpora.join(", "))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let exponent = self.weights.is_none().then_some(self.exponent);
        (PyType::new::<Self>(py), (self.corpora(py), self.weights.clone(), exponent)).into_pyobject(py)
    }

    fn locate(&self, py: Python<'_>, index: i64) -> PyResult<(usize, u64)> {
        self.inner.locate(position(index)).map_err(|error| to_python(py, error))
    }

    fn sequence<'py>(slf: &Bound<'py, Self>, index: i64) -> PyResult<Bound<'py, PyAny>> {
        let ids = slf.get().inner.sequence(position(index)).map_err(|error| to_python(slf.py(), error))?;
        // SAFETY: the ids lie in the map of a corpus that the mixture owns, and that is never altered.
        Ok(unsafe { view(slf.as_any(), ids) })
    }

    #[pyo3(signature = (
        seed=0, batch_size=256, layout="packed", rank=0, world_size=1, prefetch=4, position_offset=0, *, threads=1,
        dtype="int64", pin_memory=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn batches(
        &self,
        py: Python<'_>,
        seed: u64,
        batch_size: u64,
        layout: &str,
        rank: usize,
        world_size: usize,
        prefetch: usize,
        position_offset: u32,
        threads: usize,
        dtype: &str,
        pin_memory: bool,
    ) -> PyResult<Batches> {
        let options = BatchOptions { seed, batch_size, rank, world_size, prefetch, threads, ..BatchOptions::default() };
        Batches::new(py, self.inner.clone(), options, layout, position_offset, dtype, pin_memory)
    }
}
