//! The crate's errors as Python's exceptions.

use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use reldistill_loader::{Error, ErrorKind};

use crate::python_classes::{CORPUS_ERROR, INPUT_ERROR, PythonClass};

/// The exception for an error; trouble with the disk becomes an `OSError` that keeps its errno.
pub(crate) fn to_python(py: Python<'_>, error: Error) -> PyErr {
    match error.kind() {
        ErrorKind::Input => raise(py, &INPUT_ERROR, error.to_string()),
        ErrorKind::Corpus => raise(py, &CORPUS_ERROR, error.to_string()),
        ErrorKind::Index => PyIndexError::new_err(error.to_string()),
        // Whoever stops keeps the reason and raises that; a bare stop can only mean Ctrl-C.
        ErrorKind::Interrupted => PyKeyboardInterrupt::new_err(()),
        ErrorKind::Io => os_error(error),
    }
}

/// An `InputError` of the binding's own.
pub(crate) fn input_error(py: Python<'_>, message: String) -> PyErr {
    raise(py, &INPUT_ERROR, message)
}

/// An `InputError` for a word that is none of two.
pub(crate) fn not_allowed(py: Python<'_>, name: &str, value: &str, [one, other]: [&str; 2]) -> PyErr {
    input_error(py, format!("{name} = {value:?} is not allowed; pass {one:?} or {other:?}"))
}

/// A `CorpusError` of the binding's own.
pub(crate) fn corpus_error(py: Python<'_>, message: String) -> PyErr {
    raise(py, &CORPUS_ERROR, message)
}

fn raise(py: Python<'_>, class: &PythonClass, message: String) -> PyErr {
    match class.get(py) {
        Ok(class) => PyErr::from_type(class.clone(), (message,)),
        Err(error) => error,
    }
}

fn os_error(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Io { source, path, action } => match source.raw_os_error() {
            // OSError(errno, message, file) picks FileNotFoundError and its like by itself.
            Some(errno) => {
                let reason = source.to_string();
                let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
                PyOSError::new_err((errno, format!("{reason} (cannot {action})"), path))
            }
            None => PyOSError::new_err(message),
        },
        _ => PyOSError::new_err(message),
    }
}
