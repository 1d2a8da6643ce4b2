//! The folder of a corpus: which names in it are ours, and how a build appears in it all at once.
//!
//! A build writes `shard-00000.arrow.tmp` … and only when all are whole and on disk are they renamed, the manifest
//! last. Without `manifest.json` a folder is not finished, whatever else lies in it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::manifest::FORMAT;

pub(crate) const MANIFEST_NAME: &str = "manifest.json";
const TEMPORARY: &str = ".tmp";

/// The name of a shard when it is whole.
pub(crate) fn shard_name(number: usize) -> String {
    format!("shard-{number:05}.arrow")
}

/// Whether this is the name of a shard: `shard-`, five or more digits, `.arrow`.
pub(crate) fn is_shard_name(name: &str) -> bool {
    name.strip_prefix("shard-")
        .and_then(|rest| rest.strip_suffix(".arrow"))
        .is_some_and(|digits| digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_temporary_name(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).is_some_and(|name| is_shard_name(name) || name == MANIFEST_NAME)
}

/// A folder in which a corpus is being built. Dropped before [`OutputFolder::publish`], it removes what it made.
pub(crate) struct OutputFolder {
    path: PathBuf,
    made_it: bool,
    published: bool,
    /// Held open: the lock on the folder lasts as long as this handle.
    _lock: Option<File>,
}

impl OutputFolder {
    /// Claims a folder for a build and removes the leftovers of an interrupted one, and nothing else.
    ///
    /// # Errors
    /// [`Error::CorpusExists`] unless `overwrite`, [`Error::ForeignManifest`], [`Error::OutputNotAFolder`],
    /// [`Error::OutputBusy`], or [`Error::Io`].
    pub(crate) fn claim(path: &Path, overwrite: bool) -> Result<Self> {
        let made_it = !path.exists();
        match fs::create_dir_all(path) {
            Err(_) if path.exists() && !path.is_dir() => {
                return Err(Error::OutputNotAFolder { path: path.to_owned() });
            }
            result => result.map_err(Error::io("create folder", path))?,
        }
        let lock = lock(path)?;
        let finished = holds_corpus(path)?;
        if finished && !overwrite {
            return Err(Error::CorpusExists { folder: path.to_owned() });
        }
        // Only from here on is anything in it ours to remove.
        let folder = Self { path: path.to_owned(), made_it, published: false, _lock: lock };
        // The shards of a finished corpus stay until the new ones are whole.
        folder.remove(|name| is_temporary_name(name) || (!finished && is_shard_name(name)))?;
        Ok(folder)
    }

    pub(crate) fn temporary_shard(&self, number: usize) -> PathBuf {
        self.path.join(shard_name(number) + TEMPORARY)
    }

    /// Gives everything its final name; replaces a corpus that was there.
    pub(crate) fn publish(mut self, shards: usize, manifest: &str) -> Result<()> {
        let temporary = self.path.join(format!("{MANIFEST_NAME}{TEMPORARY}"));
        let final_manifest = self.path.join(MANIFEST_NAME);
        write_synced(&temporary, manifest.as_bytes()).map_err(Error::io("write", &temporary))?;

        // From here to the last rename the folder has no manifest and so is not finished.
        match fs::remove_file(&final_manifest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &final_manifest)(error));
            }
            _ => self.remove(is_shard_name)?,
        }
        for number in 0..shards {
            rename(&self.temporary_shard(number), &self.path.join(shard_name(number)))?;
        }
        // The shards' names must be on disk before the manifest's is, also after a power cut.
        sync_folder(&self.path)?;
        rename(&temporary, &final_manifest)?;
        self.published = true;
        sync_folder(&self.path)?;
        if let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        Ok(())
    }

    fn remove(&self, is_ours: impl Fn(&str) -> bool) -> Result<()> {
        let cannot_list = |error| Error::io("list folder", &self.path)(error);
        for entry in fs::read_dir(&self.path).map_err(cannot_list)? {
            let entry = entry.map_err(cannot_list)?;
            if entry.file_name().to_str().is_some_and(&is_ours) {
                fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        // Best effort: this runs because something else failed, and that is what the user shall hear of.
        // Shards are ours under their final names too if there is no manifest beside them.
        let unfinished = !self.path.join(MANIFEST_NAME).exists();
        let _ = self.remove(|name| is_temporary_name(name) || (unfinished && is_shard_name(name)));
        if self.made_it {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Whether a manifest of ours is there, readable or not.
fn holds_corpus(folder: &Path) -> Result<bool> {
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let path = folder.join(MANIFEST_NAME);
    match fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice::<Format>(&bytes) {
            Ok(Format { format }) if format == FORMAT => Ok(true),
            _ => Err(Error::ForeignManifest { folder: folder.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Locks the folder itself, which leaves no file behind and ends with the process, however that ends.
fn lock(path: &Path) -> Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(path).map_err(Error::io("open folder", path))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Error::OutputBusy { folder: path.to_owned() }),
        // Some network file systems lock no folders; builds there are unguarded, as they are elsewhere without locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("rename", from))
}

fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("sync folder", path))?;
    }
    Ok(())
}
