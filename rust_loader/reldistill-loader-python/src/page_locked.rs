//! Memory that a GPU copies from by itself, registered through the package's `page_locked`.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

use pyo3::prelude::*;
use reldistill_loader::{Error, Register};

const MODULE: &str = "reldistill_loader.page_locked";

/// What registers memory with CUDA for as long as it lives.
///
/// # Errors
/// `InputError` where there is no torch with CUDA.
pub(crate) fn page_locked(py: Python<'_>) -> PyResult<Arc<Register>> {
    py.import(MODULE)?.call_method0("check")?;
    Ok(Arc::new(|start: NonNull<u8>, bytes: usize| {
        let address = start.as_ptr() as usize;
        let registered = Python::attach(|py| py.import(MODULE)?.call_method1("register", (address, bytes)).map(drop));
        match registered {
            Ok(()) => Ok(Box::new(Registered(address)) as Box<dyn Any + Send + Sync>),
            Err(error) => Err(Error::NotRegistered { bytes, cause: error.to_string() }),
        }
    }))
}

struct Registered(usize);

impl Drop for Registered {
    fn drop(&mut self) {
        // Where the interpreter is gone, so is CUDA.
        let _ = Python::try_attach(|py| py.import(MODULE)?.call_method1("unregister", (self.0,)).map(drop));
    }
}
