//! The text column of a Parquet file, some rows at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::compression::{Compression, Content, read_error};
use crate::error::{Error, Result};

/// Rows that are decoded at once.
const ROWS: usize = 256;
/// Bytes of a packed file that are unpacked between two looks at whether to stop.
const UNPACKED_AT_ONCE: u64 = 16 << 20;

/// A document of each row, or what is wrong with it.
pub(crate) type Rows = Vec<std::result::Result<String, String>>;

/// An open Parquet file.
pub(crate) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    rows: u64,
}

impl ParquetRows {
    /// Opens a file behind its first `offset` rows and finds the column. A packed file is unpacked into a temporary one, since it is not read from
    /// front to back.
    ///
    /// # Errors
    /// [`Error::BadFile`] if it is no Parquet file or has no such column of strings, or [`Error::Io`].
    pub(crate) fn open(
        path: &Path,
        compression: Compression,
        column: &str,
        offset: u64,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let bad = |cause: String| Error::BadFile { path: path.to_owned(), cause };
        let file = match compression {
            Compression::None => File::open(path).map_err(Error::io("open", path))?,
            packed => unpacked(path, packed, watch)?,
        };
        // What Arrow's own metadata say of a column (a dictionary, a view) is of no use here: strings are strings.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(|error| bad(format!("it is not a whole Parquet file: {error}")))?;
        let fields = builder.schema().fields();
        let Some(position) = fields.iter().position(|field| field.name() == column) else {
            let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
            return Err(bad(format!(
                "it has no column {column:?}; its columns are {names:?}, choose one: {COLUMN_OPTION}"
            )));
        };
        if *fields[position].data_type() != DataType::Utf8 {
            let found = fields[position].data_type();
            return Err(bad(format!(
                "its column {column:?} holds {found}, not strings; choose another: {COLUMN_OPTION}"
            )));
        }
        let (rows, mask) = (
            u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0),
            ProjectionMask::roots(builder.parquet_schema(), [position]),
        );
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let reader = builder.with_projection(mask).with_batch_size(ROWS).with_offset(offset).build();
        let reader = reader.map_err(|error| bad(format!("it cannot be read: {error}")))?;
        Ok(Self { path: path.to_owned(), reader, rows })
    }

    /// Rows of the whole file, as it says itself.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The next rows, or none at the end.
    pub(crate) fn next_rows(&mut self) -> Result<Option<Rows>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| Error::BadFile {
            path: self.path.clone(),
            cause: format!("it cannot be read on: {error}"),
        })?;
        Ok(Some(documents(&batch)))
    }
}

const COLUMN_OPTION: &str = "--text-column, text_column in Python";

fn documents(batch: &RecordBatch) -> Rows {
    let column = batch.column(0).as_string::<i32>();
    let document = |row| {
        if column.is_null(row) { Err("its text is null".to_owned()) } else { Ok(column.value(row).to_owned()) }
    };
    (0..column.len()).map(document).collect()
}

fn unpacked(path: &Path, compression: Compression, watch: &mut dyn FnMut() -> Result<()>) -> Result<File> {
    let mut content = Content::open(path, compression)?;
    let mut file = tempfile::tempfile().map_err(Error::io("make a temporary file to unpack", path))?;
    loop {
        let mut piece = content.reader.by_ref().take(UNPACKED_AT_ONCE);
        if std::io::copy(&mut piece, &mut file).map_err(read_error(path, compression))? == 0 {
            break;
        }
        watch()?;
    }
    file.seek(SeekFrom::Start(0)).map_err(Error::io("unpack", path))?;
    Ok(file)
}
