//! Files that may be compressed, read as what is in them.

use std::fs::File;
use std::io::{self, BufReader, Read};
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

/// The content of a file, and how far the file itself has been read.
pub(crate) struct Content {
    pub(crate) reader: BufReader<Box<dyn Read + Send>>,
    file_bytes: Arc<AtomicU64>,
}

impl Content {
    /// Opens a file.
    pub(crate) fn open(path: &Path, compression: Compression) -> Result<Self> {
        let file_bytes = Arc::new(AtomicU64::new(0));
        let file = File::open(path).map_err(Error::io("open", path))?;
        let file = Counted { file, bytes: file_bytes.clone() };
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
            Compression::Zstandard => {
                Box::new(zstd::stream::read::Decoder::new(file).map_err(Error::io("open", path))?)
            }
        };
        Ok(Self { reader: BufReader::with_capacity(1 << 20, reader), file_bytes })
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
