//! `tokenize` and `tokenize_documents`.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyIterator;
use reldistill_loader::{
    ChunkSource, Documents as DocumentsMode, Encoder, FileChunks, Manifest, OnError, Part, Progress, Result,
    TextDocuments, TokenizeOptions, Windows, find_input_files,
};

use crate::documents::{Documents, Raised};
use crate::errors::{input_error, to_python};
use crate::python_classes::{PROGRESS, manifest};

#[pyfunction]
#[pyo3(signature = (
    inputs, tokenizer, output, *, max_length=512, documents="split", text_column="text", text_documents="lines",
    windows="tokens", threads=0, max_sequences=None, overwrite=false, on_error="raise", shard_tokens=67_108_864, part=None,
    progress=None
))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn tokenize<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    tokenizer: &Bound<'py, PyAny>,
    output: PathBuf,
    max_length: usize,
    documents: &str,
    text_column: &str,
    text_documents: &str,
    windows: &str,
    threads: usize,
    max_sequences: Option<u64>,
    overwrite: bool,
    on_error: &str,
    shard_tokens: u64,
    part: Option<(u64, u64)>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let on_error = match on_error {
        "raise" => OnError::Raise,
        "skip" => OnError::Skip,
        other => {
            return Err(input_error(py, format!("on_error = {other:?} is not allowed; pass \"raise\" or \"skip\"")));
        }
    };
    let documents = documents_from(py, documents)?;
    let text_documents = text_documents_from(py, text_documents)?;
    let windows = windows_from(py, windows)?;
    let inputs = paths(inputs)?;
    let tokenizer = TokenizerArgument::from_python(tokenizer)?;
    let text_column = text_column.to_owned();
    let options = TokenizeOptions {
        max_length,
        documents,
        text_column,
        text_documents,
        windows,
        threads,
        max_sequences,
        overwrite,
        on_error,
        shard_tokens,
    };
    run(py, progress, |_, watch| {
        let part = part.map(|(number, of)| Part::new(number, of)).transpose()?;
        let files = find_input_files(&inputs)?;
        let source = match part {
            Some(part) => FileChunks::of_part(files, &options.text_column, part)?,
            None => FileChunks::new(files, &options.text_column)?,
        };
        let mut source = source.with_text_documents(options.text_documents);
        let encoder = tokenizer.encoder(max_length)?;
        reldistill_loader::tokenize(&mut source as &mut dyn ChunkSource, encoder, &output, &options, watch)
    })
}

#[pyfunction]
#[pyo3(signature = (
    documents, tokenizer, output, *, source, max_length=512, join=false, windows="tokens", threads=0, max_sequences=None,
    overwrite=false, shard_tokens=67_108_864, resume_key=None, progress=None
))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn tokenize_documents<'py>(
    py: Python<'py>,
    documents: &Bound<'py, PyAny>,
    tokenizer: &Bound<'py, PyAny>,
    output: PathBuf,
    source: String,
    max_length: usize,
    join: bool,
    windows: &str,
    threads: usize,
    max_sequences: Option<u64>,
    overwrite: bool,
    shard_tokens: u64,
    resume_key: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if documents.is_instance_of::<pyo3::types::PyString>() {
        return Err(input_error(py, "documents is one str; pass an iterable of them, for example a list".to_owned()));
    }
    let items: Py<PyIterator> = documents.try_iter()?.unbind();
    let windows = windows_from(py, windows)?;
    let documents = if join { DocumentsMode::Join } else { DocumentsMode::Split };
    let tokenizer = TokenizerArgument::from_python(tokenizer)?;
    let options = TokenizeOptions {
        max_length,
        documents,
        windows,
        threads,
        max_sequences,
        overwrite,
        shard_tokens,
        ..TokenizeOptions::default()
    };
    run(py, progress, |raised, watch| {
        let encoder = tokenizer.encoder(max_length)?;
        let mut source = Documents::new(items, source, resume_key, raised);
        reldistill_loader::tokenize(&mut source, encoder, &output, &options, watch)
    })
}

#[pyfunction]
#[pyo3(signature = (folder, *, overwrite=false))]
pub(crate) fn merge_parts<'py>(py: Python<'py>, folder: PathBuf, overwrite: bool) -> PyResult<Bound<'py, PyAny>> {
    match py.detach(|| reldistill_loader::merge_parts(&folder, overwrite)) {
        Ok((_, text)) => manifest(py, &text),
        Err(error) => Err(to_python(py, error)),
    }
}

fn documents_from(py: Python<'_>, documents: &str) -> PyResult<DocumentsMode> {
    match documents {
        "split" => Ok(DocumentsMode::Split),
        "join" => Ok(DocumentsMode::Join),
        other => Err(input_error(py, format!("documents = {other:?} is not allowed; pass \"split\" or \"join\""))),
    }
}

fn text_documents_from(py: Python<'_>, documents: &str) -> PyResult<TextDocuments> {
    match documents {
        "lines" => Ok(TextDocuments::Lines),
        "paragraphs" => Ok(TextDocuments::Paragraphs),
        other => {
            Err(input_error(py, format!("text_documents = {other:?} is not allowed; pass \"lines\" or \"paragraphs\"")))
        }
    }
}

fn windows_from(py: Python<'_>, windows: &str) -> PyResult<Windows> {
    match windows {
        "tokens" => Ok(Windows::Tokens),
        "sentences" => Ok(Windows::Sentences),
        "lines" => Ok(Windows::Lines),
        other => Err(input_error(
            py,
            format!("windows = {other:?} is not allowed; pass \"tokens\", \"sentences\" or \"lines\""),
        )),
    }
}

/// Lets go of the interpreter, builds, and gives the manifest or raises what went wrong, in Python or here.
fn run<'py>(
    py: Python<'py>,
    progress: Option<Py<PyAny>>,
    build: impl Send + FnOnce(&Raised, &mut dyn FnMut(&Progress) -> Result<()>) -> Result<(Manifest, String)>,
) -> PyResult<Bound<'py, PyAny>> {
    let raised = Raised::default();
    let mut watch = |now: &Progress| {
        let heard = Python::attach(|py| {
            py.check_signals()?;
            if let Some(callback) = &progress {
                let Progress { bytes_done, bytes_total, documents, sequences, tokens, continued } = *now;
                let now = (bytes_done, bytes_total, documents, sequences, tokens, continued);
                let now = PROGRESS.get(py)?.call1(now)?;
                callback.call1(py, (now,))?;
            }
            Ok(())
        });
        heard.map_err(|error: PyErr| raised.keep(error))
    };
    let built = py.detach(|| build(&raised, &mut watch));
    match built {
        Ok((_, text)) => manifest(py, &text),
        Err(error) => Err(raised.take().unwrap_or_else(|| to_python(py, error))),
    }
}

/// One path, or the paths of a sequence.
fn paths(inputs: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    if let Ok(path) = inputs.extract::<PathBuf>() {
        return Ok(vec![path]);
    }
    inputs.try_iter()?.map(|item| item?.extract()).collect()
}

/// A tokenizer as it was passed: the text of a `tokenizer.json` starts with a brace, and no path of one does.
enum TokenizerArgument {
    Text(String),
    File(PathBuf),
}

impl TokenizerArgument {
    fn from_python(argument: &Bound<'_, PyAny>) -> PyResult<Self> {
        match argument.extract::<String>() {
            Ok(text) if text.trim_start().starts_with('{') => Ok(Self::Text(text)),
            _ => argument.extract().map(Self::File),
        }
    }

    /// Lets go of the text, which can be tens of megabytes.
    fn encoder(self, max_length: usize) -> Result<Encoder> {
        match self {
            Self::Text(text) => Encoder::from_text(&text, max_length),
            Self::File(path) => Encoder::from_file(&path, max_length),
        }
    }
}
