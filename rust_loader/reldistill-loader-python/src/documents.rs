//! Any Python iterable of strings as a source of documents.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString};
use reldistill_loader::{CHUNK_BYTES, Chunk, ChunkSource, ChunkText, Error, Position, Result, Source};

use crate::errors::input_error;

/// A slow iterable is not waited for any longer: what it gave so far goes on its way.
const LONGEST_PULL: Duration = Duration::from_millis(100);

/// An exception on its way through code that knows no Python.
#[derive(Default)]
pub(crate) struct Raised(Mutex<Option<PyErr>>);

impl Raised {
    /// Keeps the exception; what is returned makes the crate stop.
    pub(crate) fn keep(&self, error: PyErr) -> Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Error::Interrupted
    }

    /// The exception that was kept, if there is one.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Pulls documents with the interpreter held, a chunk at a time.
pub(crate) struct Documents<'a> {
    documents: Py<PyIterator>,
    source: Arc<Source>,
    resume_key: Option<String>,
    /// Documents that were taken so far.
    taken: u64,
    exhausted: bool,
    raised: &'a Raised,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(documents: Py<PyIterator>, name: String, resume_key: Option<String>, raised: &'a Raised) -> Self {
        let source = Arc::new(Source { name, path: None });
        Self { documents, source, resume_key, taken: 0, exhausted: false, raised }
    }

    fn pull(&mut self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut iterator = self.documents.bind(py).clone();
        let (mut documents, mut bytes) = (Vec::new(), 0);
        let started = Instant::now();
        while bytes < CHUNK_BYTES && started.elapsed() < LONGEST_PULL {
            let Some(item) = iterator.next() else {
                self.exhausted = true;
                break;
            };
            let document = self.text(&item?, documents.len())?;
            bytes += document.len() + 1;
            documents.push(document);
        }
        Ok(documents)
    }

    /// Takes documents for a while and drops them, up to so many in all.
    fn pass_over(&mut self, py: Python<'_>, until: u64) -> PyResult<()> {
        let mut iterator = self.documents.bind(py).clone();
        let started = Instant::now();
        while self.taken < until && started.elapsed() < LONGEST_PULL {
            let Some(item) = iterator.next() else {
                let (name, taken) = (&self.source.name, self.taken);
                let cause = format!("{name} ends after {taken} documents, and the interrupted build had read {until}");
                return Err(input_error(py, format!("{cause}; pass another resume_key for other documents")));
            };
            item?;
            self.taken += 1;
        }
        Ok(())
    }

    fn text(&self, item: &Bound<'_, PyAny>, before: usize) -> PyResult<String> {
        let wrong = |cause: String| {
            let number = 1 + self.taken + before as u64;
            input_error(item.py(), format!("document {number} of {}: {cause}", self.source.name))
        };
        let Ok(text) = item.cast::<PyString>() else {
            return Err(wrong(format!("it is of type {}; pass an iterable of str", item.get_type().name()?)));
        };
        let utf8 =
            text.to_cow().map_err(|error| wrong(format!("no valid Unicode ({error}); remove lone surrogates")))?;
        Ok(utf8.into_owned())
    }
}

impl ChunkSource for Documents<'_> {
    fn next_chunk(&mut self, _watch: &mut dyn FnMut() -> Result<()>) -> Result<Option<Chunk>> {
        if self.exhausted {
            return Ok(None);
        }
        let documents = Python::attach(|py| self.pull(py)).map_err(|error| self.raised.keep(error))?;
        if documents.is_empty() {
            return Ok(None);
        }
        let position = Position { source: 0, offset: self.taken, first: 1 + self.taken, file_bytes: 0 };
        self.taken += documents.len() as u64;
        let bytes = documents.iter().map(|document| document.len() as u64).sum();
        Ok(Some(Chunk {
            source: self.source.clone(),
            first: position.first,
            text: ChunkText::Documents(documents.into_iter().map(Ok).collect()),
            bytes,
            position,
        }))
    }

    fn names(&self) -> Vec<String> {
        vec![self.source.name.clone()]
    }

    fn bytes_total(&self) -> Option<u64> {
        None
    }

    fn identity(&self) -> Option<String> {
        // The lengths keep any two pairs apart.
        let name = &self.source.name;
        self.resume_key.as_ref().map(|key| format!("documents {} {name} {} {key}", name.len(), key.len()))
    }

    fn seek(&mut self, position: &Position, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        while self.taken < position.offset {
            Python::attach(|py| self.pass_over(py, position.offset)).map_err(|error| self.raised.keep(error))?;
            watch()?;
        }
        Ok(())
    }
}
