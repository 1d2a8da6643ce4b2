//! The folder of a corpus: which names in it are ours, and how a build appears in it all at once.
//!
//! A build writes `shard-00000.arrow.tmp` … and only when all are whole and on disk are they renamed, the manifest
//! last. Without `manifest.json` a folder is not finished, whatever else lies in it. Shards that are whole stay when a
//! build ends early, if `unfinished.journal` lists them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::folder_of_parts::FolderOfParts;
use crate::manifest::FORMAT;
use crate::parts::{Part, part_folders};

pub(crate) const MANIFEST_NAME: &str = "manifest.json";
const JOURNAL_NAME: &str = "unfinished.journal";
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

/// Whether this is the name of a shard in the folder of a corpus, or in that of a part in it.
pub(crate) fn is_shard_path(name: &str) -> bool {
    match name.split_once('/') {
        Some((folder, name)) => Part::of_folder(folder).is_some() && is_shard_name(name),
        None => is_shard_name(name),
    }
}

/// Whether this is the name of one of the first `count` shards.
fn is_one_of_first(name: &str, count: usize) -> bool {
    let number = name.strip_prefix("shard-").and_then(|rest| rest.strip_suffix(".arrow")?.parse::<usize>().ok());
    number.is_some_and(|number| number < count && shard_name(number) == name)
}

/// A folder in which a corpus is being built. Dropped before [`OutputFolder::publish`], it removes what it made, but
/// for the shards that are to be kept.
pub(crate) struct OutputFolder {
    path: PathBuf,
    made_it: bool,
    /// Whether there is a finished corpus, which is to be replaced.
    replaces: bool,
    /// Shards that the next build can go on with; unknown until leftovers were looked at, and nothing is removed before.
    kept: Option<usize>,
    published: bool,
    /// What the folder lies in, if it is that of a part.
    above: Option<FolderOfParts>,
    /// Held open: the lock on the folder lasts as long as this handle.
    _lock: Option<File>,
}

impl OutputFolder {
    /// Claims a folder for a build; what lies in it stays as it is.
    ///
    /// # Errors
    /// [`Error::CorpusExists`] unless `overwrite`, [`Error::HoldsParts`], [`Error::ForeignManifest`],
    /// [`Error::OutputNotAFolder`], [`Error::OutputBusy`], or [`Error::Io`].
    pub(crate) fn claim(path: &Path, overwrite: bool) -> Result<Self> {
        let made_it = make_folder(path)?;
        let lock = lock(path, File::try_lock)?;
        if !part_folders(path)?.is_empty() {
            return Err(Error::HoldsParts { folder: path.to_owned() });
        }
        Self::locked(path, made_it, overwrite, lock)
    }

    /// Claims the folder of a part in that of its corpus, where others may be built at the same time.
    ///
    /// # Errors
    /// [`Error::NotInParts`] if a finished corpus is there that has none; else as [`OutputFolder::claim`].
    pub(crate) fn claim_part(corpus: &Path, part: Part, overwrite: bool) -> Result<Self> {
        let above = FolderOfParts::claim(corpus, part)?;
        let folder = Self::claim(&corpus.join(part.folder_name()), overwrite)?;
        Ok(folder.within(above))
    }

    /// Claims a folder of which parts are to be merged; gives those that are there, at least one.
    ///
    /// # Errors
    /// [`Error::NoCorpus`] if there is no folder, [`Error::NoParts`]; else as [`OutputFolder::claim`].
    pub(crate) fn claim_to_merge(path: &Path, overwrite: bool) -> Result<(Self, Vec<Part>)> {
        if !path.is_dir() {
            return Err(Error::NoCorpus { folder: path.to_owned() });
        }
        let lock = lock(path, File::try_lock)?;
        let parts = part_folders(path)?;
        if parts.is_empty() {
            return Err(Error::NoParts { folder: path.to_owned() });
        }
        Ok((Self::locked(path, false, overwrite, lock)?, parts))
    }

    fn within(mut self, above: FolderOfParts) -> Self {
        self.above = Some(above);
        self
    }

    fn locked(path: &Path, made_it: bool, overwrite: bool, lock: Option<File>) -> Result<Self> {
        let replaces = holds_corpus(path)?;
        if replaces && !overwrite {
            return Err(Error::CorpusExists { folder: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), made_it, replaces, kept: None, published: false, above: None, _lock: lock })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal of an unfinished build lies.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL_NAME)
    }

    /// Where a shard is written.
    pub(crate) fn temporary_shard(&self, number: usize) -> PathBuf {
        self.path.join(shard_name(number) + TEMPORARY)
    }

    /// Where a shard of an interrupted build lies: under its final name if that was interrupted while it gave them.
    pub(crate) fn unfinished_shard(&self, number: usize) -> PathBuf {
        let temporary = self.temporary_shard(number);
        if self.replaces || temporary.exists() { temporary } else { self.path.join(shard_name(number)) }
    }

    /// Keeps the first `kept` shards of an interrupted build and removes its other leftovers, and nothing else.
    pub(crate) fn clean(&mut self, kept: usize) -> Result<()> {
        for number in 0..kept {
            let (found, temporary) = (self.unfinished_shard(number), self.temporary_shard(number));
            if found != temporary {
                rename(&found, &temporary)?;
            }
        }
        self.kept = Some(kept);
        // The shards of a finished corpus stay until the new ones are whole.
        self.remove(|name| self.is_useless(name) || (!self.replaces && is_shard_name(name)))
    }

    /// From now on the first `kept` shards stay, whatever happens: the journal lists them.
    pub(crate) fn keep(&mut self, kept: usize) -> Result<()> {
        self.kept = Some(kept);
        // What the journal lists must be found under its name, also after a power cut.
        sync_folder(&self.path)
    }

    /// Whether a name is that of a leftover that no build can go on with.
    fn is_useless(&self, name: &str) -> bool {
        let kept = self.kept.unwrap_or(0);
        match name.strip_suffix(TEMPORARY) {
            Some(MANIFEST_NAME) => true,
            Some(name) => is_shard_name(name) && !is_one_of_first(name, kept),
            None => name == JOURNAL_NAME && kept == 0,
        }
    }

    /// Gives everything its final name; replaces a corpus that was there.
    ///
    /// Whenever this is cut off, the folder holds the old corpus, the new one, or no manifest and each shard under one
    /// of its names, beside the journal that lists them.
    pub(crate) fn publish(mut self, shards: usize, manifest: &str) -> Result<()> {
        let temporary = self.path.join(format!("{MANIFEST_NAME}{TEMPORARY}"));
        let final_manifest = self.path.join(MANIFEST_NAME);
        write_synced(&temporary, manifest.as_bytes()).map_err(Error::io("write", &temporary))?;

        if let Some(above) = &self.above {
            above.part_becomes(manifest)?;
        }
        // From here to the last rename the folder has no manifest and so is not finished.
        match fs::remove_file(&final_manifest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &final_manifest)(error));
            }
            _ => self.replaces = false,
        }
        sync_folder(&self.path)?;
        self.remove(is_shard_name)?;
        for number in 0..shards {
            rename(&self.temporary_shard(number), &self.path.join(shard_name(number)))?;
        }
        // The shards' names must be on disk before the manifest's is, also after a power cut.
        sync_folder(&self.path)?;
        rename(&temporary, &final_manifest)?;
        self.published = true;
        // A journal beside a finished corpus does no harm.
        let _ = fs::remove_file(self.journal());
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
        if let Some(kept) = self.kept {
            let ours = |name: &str| !self.replaces && is_shard_name(name) && !is_one_of_first(name, kept);
            let _ = self.remove(|name| self.is_useless(name) || ours(name));
        }
        if self.made_it {
            // Fails where something is kept.
            let _ = fs::remove_dir(&self.path);
        }
        if let Some(above) = &self.above {
            above.remove_if_empty();
        }
    }
}

/// Makes a folder and those above it; says whether there was none.
pub(crate) fn make_folder(path: &Path) -> Result<bool> {
    let made_it = !path.exists();
    match fs::create_dir_all(path) {
        Err(_) if path.exists() && !path.is_dir() => Err(Error::OutputNotAFolder { path: path.to_owned() }),
        result => result.map_err(Error::io("create folder", path)).map(|()| made_it),
    }
}

/// Whether a manifest of ours is there, readable or not.
pub(crate) fn holds_corpus(folder: &Path) -> Result<bool> {
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
pub(crate) fn lock(path: &Path, how: fn(&File) -> std::result::Result<(), TryLockError>) -> Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(path).map_err(Error::io("open folder", path))?;
    match how(&folder) {
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

pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("sync folder", path))?;
    }
    Ok(())
}
