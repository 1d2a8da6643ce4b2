//! Parts into one corpus, by manifest alone: no shard is read, copied or moved.

use std::fs;
use std::io;
use std::path::Path;

use crate::corpus_folder::OutputFolder;
use crate::error::{Error, Result};
use crate::manifest::{FORMAT, FORMAT_VERSION, Manifest, ShardEntry, Totals};
use crate::parts::Part;
use crate::tokenize::LISTED_SKIPS;

/// Makes one corpus of the parts in `folder`: writes its `manifest.json`, which names their shards. Returns the manifest
/// and its text.
///
/// It holds the sequences that a build of all files without parts gives, in the same order. That shards have the sizes
/// that the parts' manifests say is checked, what is in them is not read.
///
/// # Errors
/// [`Error::NoCorpus`], [`Error::OutputBusy`] while a part is being built, [`Error::NoParts`], [`Error::CorpusExists`]
/// unless `overwrite`, [`Error::ForeignManifest`], [`Error::PartsDiffer`] if parts are missing or do not belong together,
/// [`Error::NothingToWrite`], what [`Manifest::read`] says of a part, [`Error::Shard`], or [`Error::Io`].
pub fn merge_parts(folder: &Path, overwrite: bool) -> Result<(Manifest, String)> {
    let (mut output, found) = OutputFolder::claim_to_merge(folder, overwrite)?;
    let unfit = |cause: String| Error::PartsDiffer { folder: folder.to_owned(), cause };
    let parts = whole_set(&found).map_err(unfit)?;

    let mut merged: Option<Manifest> = None;
    let mut missing = Vec::new();
    for part in parts {
        let manifest = match Manifest::read(&folder.join(part.folder_name())) {
            Err(Error::NoCorpus { .. } | Error::NotFinished { .. }) => {
                missing.push(part.number());
                continue;
            }
            manifest => manifest?.0,
        };
        let of_another =
            manifest.part.as_ref().is_none_or(|entry| (entry.number, entry.of) != (part.number(), part.of()));
        if of_another {
            return Err(unfit(format!("{} holds something else than its name says", part.folder_name())));
        }
        check_sizes(folder, part, &manifest)?;
        match &mut merged {
            None => merged = Some(within(part, manifest)),
            Some(merged) => {
                check_fits(merged, part, &manifest).map_err(unfit)?;
                append(merged, within(part, manifest));
            }
        }
    }
    if let (Some(first), of) = (missing.first(), found[0].of()) {
        let numbers = listed(&missing);
        return Err(unfit(format!(
            "of {of} parts these are missing or not finished: {numbers}; build them, for example with --part {first}/{of}"
        )));
    }
    let mut merged = merged.expect("there is at least one part, and none is missing");
    if merged.totals.sequences == 0 {
        return Err(Error::NothingToWrite { documents: merged.totals.documents });
    }
    merged.part = None;
    merged.skipped.truncate(LISTED_SKIPS);
    merged.seal();
    let text = merged.to_json();
    output.clean(0)?;
    output.publish(0, &text)?;
    Ok((merged, text))
}

/// All parts of the number of parts that those found are of.
fn whole_set(found: &[Part]) -> std::result::Result<impl Iterator<Item = Part> + use<>, String> {
    let (first, last) = (found[0].of(), found[found.len() - 1].of());
    if first != last {
        return Err(format!(
            "it holds parts of {first} and parts of {last}; remove the folders part-…-of-… that do not belong to it"
        ));
    }
    Ok((1..=first).map(move |number| Part::new(number, first).expect("from 1 to a number that a folder has")))
}

fn check_sizes(folder: &Path, part: Part, manifest: &Manifest) -> Result<()> {
    for shard in &manifest.shards {
        let path = folder.join(part.folder_name()).join(&shard.name);
        let cause = match fs::metadata(&path) {
            Ok(status) if status.len() == shard.bytes => continue,
            Ok(status) => format!("it has {} bytes, the manifest says {}", status.len(), shard.bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it is missing".to_owned(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        return Err(Error::Shard { path, cause });
    }
    Ok(())
}

/// What differs between a part and those before it, if that forbids to merge them.
fn check_fits(merged: &Manifest, part: Part, manifest: &Manifest) -> std::result::Result<(), String> {
    let what = if merged.part.as_ref().map(|entry| &entry.inputs) != manifest.part.as_ref().map(|entry| &entry.inputs) {
        "of other input files: their names, sizes and order must be the same for all parts".to_owned()
    } else if merged.tokenizer != manifest.tokenizer {
        let (this, others) = (&manifest.tokenizer.sha256[..16], &merged.tokenizer.sha256[..16]);
        format!("with another tokenizer: sha256 {this}…, not {others}…")
    } else if merged.options != manifest.options {
        let json = |manifest: &Manifest| serde_json::to_string(&manifest.options).unwrap_or_default();
        format!("with other options: {}, not {}", json(manifest), json(merged))
    } else if merged.sequences_per_record_batch != manifest.sequences_per_record_batch {
        "by another version of reldistill".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("{} was built {what}; build it again like the others", part.folder_name()))
}

/// The manifest of a part as one of the folder above.
fn within(part: Part, manifest: Manifest) -> Manifest {
    let name = part.folder_name();
    let moved = |shard: ShardEntry| ShardEntry { name: format!("{name}/{}", shard.name), ..shard };
    let shards = manifest.shards.into_iter().map(moved).collect();
    Manifest { format: FORMAT.to_owned(), version: FORMAT_VERSION, shards, ..manifest }
}

fn append(merged: &mut Manifest, part: Manifest) {
    let (sum, more) = (merged.totals, part.totals);
    merged.totals = Totals {
        documents: sum.documents + more.documents,
        empty_documents: sum.empty_documents + more.empty_documents,
        skipped_records: sum.skipped_records + more.skipped_records,
        sequences: sum.sequences + more.sequences,
        tokens: sum.tokens + more.tokens,
    };
    merged.sources.extend(part.sources);
    merged.skipped.extend(part.skipped);
    merged.shards.extend(part.shards);
}

/// Numbers in rising order as a person writes them: `2, 5 to 9, 12`.
fn listed(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run =
        |&(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_run() {
        assert_eq!(listed(&[2]), "2");
        assert_eq!(listed(&[1, 2, 3, 7, 9, 10]), "1 to 3, 7, 9 to 10");
    }
}
