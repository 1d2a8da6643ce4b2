//! Everything that can go wrong, said so that the reader knows where and what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What the user passed is wrong: another argument or other text helps.
    Input,
    /// A corpus on disk, or a saved position in one, is not what it should be.
    Corpus,
    /// The operating system refused: disk full, no permission, no such file.
    Io,
    /// An index lies outside of the corpus.
    Index,
    /// The caller's own callback asked to stop.
    Interrupted,
}

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No input was given at all.
    #[error(
        "no inputs were given; pass at least one .txt, .jsonl or .parquet file (also .gz or .zst), a folder or a glob"
    )]
    NoInputs,

    /// An input is neither a file, nor a folder, nor a glob that matches something.
    #[error("input {pattern:?} matches no file; check the path (relative ones start at {working_folder:?})")]
    NoMatch {
        /// The path or glob as it was given.
        pattern: String,
        /// Where relative paths start.
        working_folder: PathBuf,
    },

    /// An input is not a valid glob.
    #[error("input {pattern:?} is not a valid glob: {cause}")]
    BadGlob {
        /// The glob as it was given.
        pattern: String,
        /// What the glob parser said.
        cause: String,
    },

    /// A folder, or a glob, leads to no text file.
    #[error("input {path:?} holds no .txt, .jsonl or .parquet file, plain, .gz or .zst")]
    NoTextFile {
        /// The folder or glob as it was given.
        path: PathBuf,
    },

    /// A file was named that is of no format that is read.
    #[error(
        "input {path:?} is neither .txt (a document a line), .jsonl (an object a line) nor .parquet (a row each), plain, .gz or .zst; convert it or rename it"
    )]
    UnsupportedExtension {
        /// The file as it was given.
        path: PathBuf,
    },

    /// A line of an input file is no document.
    #[error("{}:{line}: {cause}; correct the line, or leave such lines out: `minictl data build --on-error skip`, on_error=\"skip\" in Python", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        cause: String,
    },

    /// An input file as a whole is damaged, or lacks what was asked for.
    #[error("{}: {cause}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },

    /// An item of a caller's own documents is no document.
    #[error("document {number} of {source_name}: {cause}")]
    BadDocument {
        /// What the documents come from, in the caller's words.
        source_name: String,
        /// The document, from 1.
        number: u64,
        /// What is wrong with it.
        cause: String,
    },

    /// The tokenizer cannot be used.
    #[error("tokenizer {name}: {cause}; pass a tokenizer.json, for example of tokenizer.backend_tokenizer.save(path)")]
    Tokenizer {
        /// The path, or a word for a text that was passed in place of one.
        name: String,
        /// What is wrong with it.
        cause: String,
    },

    /// `max_length` leaves no room for text, or is beyond what a shard can hold.
    #[error(
        "max_length = {max_length} is out of range: this tokenizer adds {special_tokens} special tokens, so it must be \
         from {} to {largest}", special_tokens + 1
    )]
    MaxLength {
        /// The length asked for.
        max_length: usize,
        /// Special tokens that the tokenizer adds to each sequence.
        special_tokens: usize,
        /// The greatest length that can be stored.
        largest: usize,
    },

    /// An argument has a value outside of what is allowed.
    #[error("{name} = {value} is not allowed; {allowed}")]
    Argument {
        /// The argument's name.
        name: &'static str,
        /// What was passed.
        value: String,
        /// What may be passed.
        allowed: String,
    },

    /// The output folder holds a finished corpus.
    #[error(
        "{folder:?} holds a finished corpus; choose another folder, or replace it: --overwrite, overwrite=True in Python"
    )]
    CorpusExists {
        /// The output folder.
        folder: PathBuf,
    },

    /// The output folder of a whole corpus holds parts of one.
    #[error(
        "{folder:?} holds parts of a corpus; merge them (minictl data merge, merge_parts in Python), choose another folder, \
         or remove the folders part-…-of-… in it"
    )]
    HoldsParts {
        /// The output folder.
        folder: PathBuf,
    },

    /// The output folder of a part holds a finished corpus that has none.
    #[error("{folder:?} holds a finished corpus that was not built in parts; choose another folder for the parts")]
    NotInParts {
        /// The output folder.
        folder: PathBuf,
    },

    /// The output folder has a `manifest.json` that this crate did not write.
    #[error("{folder:?} holds a manifest.json of something else; choose another output folder")]
    ForeignManifest {
        /// The output folder.
        folder: PathBuf,
    },

    /// The output path is something other than a folder.
    #[error("output {path:?} is not a folder; choose another output")]
    OutputNotAFolder {
        /// The output path.
        path: PathBuf,
    },

    /// Another process builds in the same folder.
    #[error("another process is building a corpus in {folder:?}; wait for it, or choose another output folder")]
    OutputBusy {
        /// The output folder.
        folder: PathBuf,
    },

    /// The inputs gave no sequence.
    #[error("the inputs hold no text: {documents} documents, none with a token; no corpus was written")]
    NothingToWrite {
        /// Documents that were read.
        documents: u64,
    },

    /// Corpora of two tokenizers were to be mixed.
    #[error("{other:?} was made with another tokenizer than {first:?}; mix corpora of one tokenizer")]
    OtherTokenizer {
        /// The first corpus.
        first: PathBuf,
        /// One that differs.
        other: PathBuf,
    },

    /// Text that is said to be that of an interrupted build gives other ids.
    #[error(
        "the text is not the one that the interrupted build in {folder:?} read; to start again, delete \
         unfinished.journal there (in Python a resume_key must be another one for other documents)"
    )]
    OtherText {
        /// The output folder.
        folder: PathBuf,
    },

    /// The padded layout was asked for, but the tokenizer has no padding token.
    #[error(
        "layout=\"padded\" needs a padding token and the corpus's tokenizer has none; use layout=\"packed\", or add \
         a token such as [PAD] to the tokenizer and build the corpus again"
    )]
    NoPadToken,

    /// New memory for batches could not be registered with the device.
    #[error(
        "{bytes} bytes cannot be locked into memory for the GPU: {cause}; use pin_memory=False, or fewer batches ahead"
    )]
    NotRegistered {
        /// How much was asked for.
        bytes: usize,
        /// What the device's driver said.
        cause: String,
    },

    /// A path is no folder of a corpus.
    #[error("{folder:?} is not a corpus: there is no such folder; build one first")]
    NoCorpus {
        /// The path.
        folder: PathBuf,
    },

    /// A folder has no manifest, so its build did not end.
    #[error("{folder:?} is not a finished corpus: it has no manifest.json; build it (again)")]
    NotFinished {
        /// The folder.
        folder: PathBuf,
    },

    /// A folder holds parts, and no manifest of the whole.
    #[error(
        "{folder:?} holds parts of a corpus that are not merged; when all are there: minictl data merge, merge_parts in Python"
    )]
    NotMerged {
        /// The folder.
        folder: PathBuf,
    },

    /// A folder that is to be merged holds no parts.
    #[error("{folder:?} holds no parts of a corpus (folders part-…-of-…); build them with --part, part in Python")]
    NoParts {
        /// The folder.
        folder: PathBuf,
    },

    /// Parts do not make a whole.
    #[error("the parts in {folder:?} cannot be merged: {cause}")]
    PartsDiffer {
        /// The folder of the corpus.
        folder: PathBuf,
        /// What is missing or differs, and what to do.
        cause: String,
    },

    /// A part was opened as a corpus, and no text fell to it.
    #[error("{folder:?} is part {number} of {of} of a corpus and holds no sequence; open the merged corpus")]
    EmptyPart {
        /// The part's folder.
        folder: PathBuf,
        /// Its number, from 1.
        number: u64,
        /// How many parts there are.
        of: u64,
    },

    /// The manifest does not say what a manifest says.
    #[error("{}: {cause}; copy it again from its source, or build the corpus again", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },

    /// The manifest belongs to a later version of the format.
    #[error("{}: corpus format {found} is newer than {supported}, the newest this version reads; upgrade reldistill", path.display())]
    NewerFormat {
        /// The manifest.
        path: PathBuf,
        /// The version it has.
        found: u64,
        /// The newest version that is understood.
        supported: u64,
    },

    /// A shard is damaged, missing or not the one that the manifest describes.
    #[error("shard {}: {cause}; copy it again from its source, or build the corpus again", path.display())]
    Shard {
        /// The shard.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },

    /// A saved position belongs to other batches.
    #[error("this state cannot be loaded: {difference}")]
    State {
        /// What differs, both values named.
        difference: String,
    },

    /// A sequence outside of the corpus was asked for.
    #[error("sequence {index} is out of range: the corpus holds {sequences} sequences")]
    SequenceOutOfRange {
        /// The index asked for.
        index: u64,
        /// Sequences in the corpus.
        sequences: u64,
    },

    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The caller's callback, or its documents, asked to stop; the caller knows why.
    #[error("stopped by the caller")]
    Interrupted,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoInputs
            | Error::NoMatch { .. }
            | Error::BadGlob { .. }
            | Error::NoTextFile { .. }
            | Error::UnsupportedExtension { .. }
            | Error::BadLine { .. }
            | Error::BadFile { .. }
            | Error::BadDocument { .. }
            | Error::Tokenizer { .. }
            | Error::MaxLength { .. }
            | Error::Argument { .. }
            | Error::CorpusExists { .. }
            | Error::HoldsParts { .. }
            | Error::NotInParts { .. }
            | Error::ForeignManifest { .. }
            | Error::OutputNotAFolder { .. }
            | Error::OutputBusy { .. }
            | Error::NothingToWrite { .. }
            | Error::OtherText { .. }
            | Error::OtherTokenizer { .. }
            | Error::NoPadToken
            | Error::NotRegistered { .. } => ErrorKind::Input,
            Error::NoCorpus { .. }
            | Error::NotFinished { .. }
            | Error::NotMerged { .. }
            | Error::NoParts { .. }
            | Error::PartsDiffer { .. }
            | Error::EmptyPart { .. }
            | Error::Manifest { .. }
            | Error::NewerFormat { .. }
            | Error::Shard { .. }
            | Error::State { .. } => ErrorKind::Corpus,
            Error::SequenceOutOfRange { .. } => ErrorKind::Index,
            Error::Io { .. } => ErrorKind::Io,
            Error::Interrupted => ErrorKind::Interrupted,
        }
    }

    /// Names the file and the action that an I/O error came from: `.map_err(Error::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    }
}
