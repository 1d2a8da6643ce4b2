//! Files, folders and globs into a list of text files.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::compression::Compression;
use crate::error::{Error, Result};

/// How a file holds documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// `.txt`: a document a line.
    Lines,
    /// `.txt`, where that was asked for: documents with blank lines between them.
    Paragraphs,
    /// `.jsonl`: an object a line, one field of which is the document.
    JsonLines,
    /// `.parquet`: a row each, one column of which is the document.
    Parquet,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the manifest: relative to the folder that was walked, else the base name.
    pub name: String,
    /// How it holds documents.
    pub format: TextFormat,
    /// How it is packed.
    pub compression: Compression,
}

/// Finds the files that `inputs` name, in their order: a file is itself, a folder is walked, the rest are globs.
///
/// What a folder or glob holds comes sorted by path, without hidden files and without files of other types.
/// A file that is named twice is read twice.
///
/// # Errors
/// [`Error::NoInputs`], [`Error::NoMatch`], [`Error::BadGlob`], [`Error::NoTextFile`],
/// [`Error::UnsupportedExtension`] or [`Error::Io`].
pub fn find_input_files(inputs: &[PathBuf]) -> Result<Vec<InputFile>> {
    if inputs.is_empty() {
        return Err(Error::NoInputs);
    }
    let mut files = Vec::new();
    for input in inputs {
        let before = files.len();
        if input.is_dir() {
            walk(input, &mut files)?;
        } else if input.exists() {
            let file = text_file(input, base_name(input));
            files.push(file.ok_or_else(|| Error::UnsupportedExtension { path: input.clone() })?);
        } else {
            for path in matches(input)? {
                if path.is_dir() {
                    walk(&path, &mut files)?;
                } else {
                    files.extend(text_file(&path, base_name(&path)));
                }
            }
        }
        if files.len() == before {
            return Err(Error::NoTextFile { path: input.clone() });
        }
    }
    Ok(files)
}

fn matches(input: &Path) -> Result<Vec<PathBuf>> {
    let pattern = input.to_string_lossy().into_owned();
    let paths =
        glob::glob(&pattern).map_err(|error| Error::BadGlob { pattern: pattern.clone(), cause: error.to_string() })?;
    let mut found = Vec::new();
    for path in paths {
        found.push(path.map_err(|error| {
            let path = error.path().to_owned();
            Error::Io { action: "read", path, source: error.into() }
        })?);
    }
    if found.is_empty() {
        return Err(Error::NoMatch { pattern, working_folder: std::env::current_dir().unwrap_or_default() });
    }
    found.sort();
    Ok(found)
}

/// All text files below a folder; a folder that links lead to twice is walked once.
fn walk(root: &Path, files: &mut Vec<InputFile>) -> Result<()> {
    let mut seen = HashSet::new();
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        if !seen.insert(fs::canonicalize(&folder).map_err(Error::io("read folder", &folder))?) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(Error::io("read folder", &folder))? {
            let path = entry.map_err(Error::io("read folder", &folder))?.path();
            if base_name(&path).starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    files.extend(found.iter().filter_map(|path| {
        let below = path.strip_prefix(root).unwrap_or(path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        text_file(path, parts.join("/"))
    }));
    Ok(())
}

fn text_file(path: &Path, name: String) -> Option<InputFile> {
    let base = base_name(path);
    let (stem, last) = base.rsplit_once('.')?;
    let (compression, kind) = match last {
        "gz" => (Compression::Gzip, stem.rsplit_once('.')?.1),
        "zst" => (Compression::Zstandard, stem.rsplit_once('.')?.1),
        kind => (Compression::None, kind),
    };
    let format = match kind {
        "txt" => TextFormat::Lines,
        "jsonl" => TextFormat::JsonLines,
        "parquet" => TextFormat::Parquet,
        _ => return None,
    };
    Some(InputFile { path: path.to_owned(), name, format, compression })
}

fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
