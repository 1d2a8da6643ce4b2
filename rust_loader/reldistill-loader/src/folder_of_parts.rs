//! The folder of a corpus while parts of it are built, by any number of processes at a time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::corpus_folder::{MANIFEST_NAME, holds_corpus, lock, make_folder, sync_folder};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::parts::Part;

/// What the folder of a part lies in. As long as it is held nobody merges, nor builds a corpus without parts there.
pub(crate) struct FolderOfParts {
    path: PathBuf,
    part: Part,
    made_it: bool,
    /// Shared among those that build parts.
    _lock: Option<File>,
}

impl FolderOfParts {
    /// # Errors
    /// [`Error::NotInParts`], [`Error::ForeignManifest`], [`Error::OutputNotAFolder`], [`Error::OutputBusy`], what
    /// [`Manifest::read`] says of a merged corpus, or [`Error::Io`].
    pub(crate) fn claim(path: &Path, part: Part) -> Result<Self> {
        let made_it = make_folder(path)?;
        let lock = lock(path, File::try_lock_shared)?;
        if holds_corpus(path)? && !Manifest::read(path)?.0.is_merged() {
            return Err(Error::NotInParts { folder: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), part, made_it, _lock: lock })
    }

    /// Removes the manifest of the merged parts, unless it says that the part has the same shards as in `new`.
    pub(crate) fn part_becomes(&self, new: &str) -> Result<()> {
        let Ok((merged, _)) = Manifest::read(&self.path) else { return Ok(()) };
        let part_of = |name: &str| name.split_once('/').and_then(|(folder, _)| Part::of_folder(folder));
        let of = merged.shards.first().and_then(|shard| part_of(&shard.name)).map(Part::of);
        let known = merged.shards.iter().filter(|shard| part_of(&shard.name) == Some(self.part));
        let new: Manifest = serde_json::from_str(new).expect("a manifest was written from one");
        let same = known.map(|shard| &shard.xxh3_64).eq(new.shards.iter().map(|shard| &shard.xxh3_64));
        if of != Some(self.part.of()) || same {
            return Ok(());
        }
        let path = self.path.join(MANIFEST_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => sync_folder(&self.path),
        }
    }

    /// Removes the folder if it was made for the part and nothing is in it, which is a matter of tidiness alone.
    pub(crate) fn remove_if_empty(&self) {
        if self.made_it {
            let _ = fs::remove_dir(&self.path);
        }
    }
}
