//! Files that may be compressed, read as what is in them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// How a file is packed: its last suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`, of one member or several.
    Gzip,
    /// `.zst`, of one frame or several.
    Zstandard,
}

/// Bytes of unpacked text that are passed over before the caller is heard again.
const PASSED_AT_ONCE: u64 = 16 << 20;

/// The content of a file, and how far the file itself has been read.
pub(crate) struct Content {
    pub(crate) reader: BufReader<Box<dyn Read + Send>>,
    file_bytes: Arc<AtomicU64>,
}

impl Content {
    /// Opens a file.
    pub(crate) fn open(path: &Path, compression: Compression) -> Result<Self> {
        Self::open_at(path, compression, 0, &mut || Ok(()))
    }

    /// Opens a file behind the first `offset` bytes of what is in it. A packed file has to be unpacked up to there;
    /// `watch` is called now and then meanwhile.
    ///
    /// # Errors
    /// [`Error::BadFile`] if there is less in it, [`Error::Io`], and what `watch` returns.
    pub(crate) fn open_at(
        path: &Path,
        compression: Compression,
        offset: u64,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let file_bytes = Arc::new(AtomicU64::new(0));
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let mut left = offset;
        // A pipe can be read, but not sought in.
        if compression == Compression::None && offset > 0 {
            file.seek(SeekFrom::Start(offset)).map_err(Error::io("read", path))?;
            left = 0;
        }
        let file = Counted { file, bytes: file_bytes.clone() };
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
            Compression::Zstandard => {
                Box::new(zstd::stream::read::Decoder::new(file).map_err(Error::io("open", path))?)
            }
        };
        let mut reader = BufReader::with_capacity(1 << 20, reader);
        while left > 0 {
            let mut piece = reader.by_ref().take(left.min(PASSED_AT_ONCE));
            let passed = io::copy(&mut piece, &mut io::sink()).map_err(read_error(path, compression))?;
            if passed == 0 {
                let cause = format!("{left} bytes of text are missing that the interrupted build had read");
                return Err(Error::BadFile { path: path.to_owned(), cause });
            }
            left -= passed;
            watch()?;
        }
        Ok(Self { reader, file_bytes })
    }

    /// Bytes of the file that were read so far; of a packed file, packed ones.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed)
    }
}

/// What a failed read means: damage inside of a packed file, or trouble with the system.
pub(crate) fn read_error(path: &Path, compression: Compression) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |error| match compression {
        Compression::Gzip | Compression::Zstandard if error.raw_os_error().is_none_or(|number| number == 0) => {
            Error::BadFile {
                path: path.clone(),
                cause: format!("it cannot be unpacked ({error}); it may be cut short"),
            }
        }
        _ => Error::io("read", &path)(error),
    }
}

struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
