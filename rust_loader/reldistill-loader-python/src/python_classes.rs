//! The package's classes that are written in Python, made from here.
//!
//! They are imported when they are first needed: the package imports this module before it is whole itself.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A class of the package `reldistill_loader`.
pub(crate) struct PythonClass {
    module: &'static str,
    name: &'static str,
    class: PyOnceLock<Py<PyType>>,
}

impl PythonClass {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, class: PyOnceLock::new() }
    }

    /// The class itself.
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        self.class.import(py, self.module, self.name)
    }
}

pub(crate) static INPUT_ERROR: PythonClass = PythonClass::new("reldistill_loader.errors", "InputError");
pub(crate) static CORPUS_ERROR: PythonClass = PythonClass::new("reldistill_loader.errors", "CorpusError");
pub(crate) static MANIFEST: PythonClass = PythonClass::new("reldistill_loader.manifest", "Manifest");
pub(crate) static PROGRESS: PythonClass = PythonClass::new("reldistill_loader.progress", "Progress");
pub(crate) static PACKED_BATCH: PythonClass = PythonClass::new("reldistill_loader.micro_batches", "PackedBatch");
pub(crate) static PADDED_BATCH: PythonClass = PythonClass::new("reldistill_loader.micro_batches", "PaddedBatch");

/// A `Manifest` from the text of a `manifest.json` that this crate has written or checked.
pub(crate) fn manifest<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    MANIFEST.get(py)?.call_method1("from_json", (text,))
}
