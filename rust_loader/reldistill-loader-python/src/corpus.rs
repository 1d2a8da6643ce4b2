//! `Corpus`.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::ndarray::ArrayView1;
use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use reldistill_loader::{BatchOptions, Result, TokenIds, Verify};

use crate::batches::Batches;
use crate::documents::Raised;
use crate::errors::{input_error, to_python};
use crate::python_classes::manifest;

#[pyclass(frozen, module = "reldistill_loader")]
pub(crate) struct Corpus {
    pub(crate) inner: Arc<reldistill_loader::Corpus>,
    verify: String,
}

#[pymethods]
impl Corpus {
    #[staticmethod]
    #[pyo3(signature = (path, verify="first_touch"))]
    fn open(py: Python<'_>, path: PathBuf, verify: &str) -> PyResult<Self> {
        let when = match verify {
            "first_touch" => Verify::FirstTouch,
            "full" => Verify::Full,
            "none" => Verify::None,
            other => {
                let allowed = "pass \"first_touch\", \"full\" or \"none\"";
                return Err(input_error(py, format!("verify = {other:?} is not allowed; {allowed}")));
            }
        };
        let corpus = watched(py, |watch| reldistill_loader::Corpus::open(&path, when, watch))?;
        Ok(Self { inner: Arc::new(corpus), verify: verify.to_owned() })
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.inner.folder().into_bound_py_any(py)
    }

    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        manifest(py, self.inner.manifest_text())
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    #[getter]
    fn tokens(&self) -> u64 {
        self.inner.tokens()
    }

    fn __len__(&self) -> usize {
        self.inner.sequences() as usize
    }

    fn __repr__(&self) -> String {
        let (folder, sequences, tokens) = (self.inner.folder(), self.inner.sequences(), self.inner.tokens());
        format!("Corpus({folder:?}, {sequences} sequences, {tokens} tokens)")
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let open = PyType::new::<Self>(py).getattr("open")?;
        (open, (self.inner.folder(), &self.verify)).into_pyobject(py)
    }

    fn sequence<'py>(slf: &Bound<'py, Self>, index: i64) -> PyResult<Bound<'py, PyAny>> {
        let ids = slf.get().inner.sequence(position(index)).map_err(|error| to_python(slf.py(), error))?;
        // SAFETY: the ids lie in a map that the corpus owns and never alters.
        Ok(unsafe { view(slf.as_any(), ids) })
    }

    fn length(&self, py: Python<'_>, index: i64) -> PyResult<usize> {
        self.inner.length(position(index)).map_err(|error| to_python(py, error))
    }

    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let lengths = watched(py, |watch| self.inner.lengths(watch))?;
        Ok(lengths.into_pyarray(py))
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
        let source = Arc::new(self.inner.clone().into());
        let options = BatchOptions { seed, batch_size, rank, world_size, prefetch, threads, ..BatchOptions::default() };
        Batches::new(py, source, options, layout, position_offset, dtype, pin_memory)
    }
}

/// Works without the interpreter, which is asked for signals whenever the work calls `watch`.
fn watched<T: Send>(
    py: Python<'_>,
    work: impl Send + FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<T>,
) -> PyResult<T> {
    let raised = Raised::default();
    let mut watch = || Python::attach(|py| py.check_signals()).map_err(|error| raised.keep(error));
    py.detach(|| work(&mut watch)).map_err(|error| raised.take().unwrap_or_else(|| to_python(py, error)))
}

/// Negative indices are out of range like those beyond the end.
pub(crate) fn position(index: i64) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

/// A read-only array over ids where they lie, which keeps their owner alive.
///
/// # Safety
/// The ids live as long as `owner` does, and nobody alters them.
pub(crate) unsafe fn view<'py>(owner: &Bound<'py, PyAny>, ids: TokenIds<'_>) -> Bound<'py, PyAny> {
    // SAFETY: as this function's.
    unsafe {
        match ids {
            TokenIds::Uint16(ids) => typed_view(owner, ids),
            TokenIds::Uint32(ids) => typed_view(owner, ids),
        }
    }
}

/// # Safety
/// As [`view`].
unsafe fn typed_view<'py, T: Element>(owner: &Bound<'py, PyAny>, ids: &[T]) -> Bound<'py, PyAny> {
    // SAFETY: the array owns the owner of the ids.
    let array = unsafe { PyArray1::borrow_from_array(&ArrayView1::from(ids), owner.clone()) };
    array.readwrite().make_nonwriteable();
    array.into_any()
}
