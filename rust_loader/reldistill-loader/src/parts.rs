//! A build over many files, cut into parts that run anywhere: which files a part takes, and what its folder is called.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::manifest::hexadecimal;

/// Parts, beyond which names of folders would grow.
const MOST_PARTS: u64 = 99_999;

/// One of several parts of a build, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    of: u64,
    number: u64,
}

impl Part {
    /// Part `number` of `of`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 1 ≤ `number` ≤ `of` ≤ 99,999.
    pub fn new(number: u64, of: u64) -> Result<Self> {
        if number == 0 || number > of || of > MOST_PARTS {
            let allowed =
                "count parts from 1 to as many as there are, at most 99,999: 1/64 to 64/64, in Python (1, 64)";
            return Err(Error::Argument { name: "part", value: format!("{number}/{of}"), allowed: allowed.to_owned() });
        }
        Ok(Self { of, number })
    }

    /// Its number, from 1.
    pub fn number(self) -> u64 {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> u64 {
        self.of
    }

    /// The name of its folder in that of the corpus.
    pub fn folder_name(self) -> String {
        format!("part-{:05}-of-{:05}", self.number, self.of)
    }

    /// The part whose folder has this name, if it is the name of one.
    pub(crate) fn of_folder(name: &str) -> Option<Self> {
        let (number, of) = name.strip_prefix("part-")?.split_once("-of-")?;
        let part = Self::new(number.parse().ok()?, of.parse().ok()?).ok()?;
        (part.folder_name() == name).then_some(part)
    }

    /// Which of the files belong to it: those whose middle byte lies in its share of the bytes of all.
    pub(crate) fn files(self, sizes: &[u64]) -> Range<usize> {
        let total: u128 = sizes.iter().map(|&size| u128::from(size)).sum();
        let (before, of) = (u128::from(self.number - 1), u128::from(self.of));
        let mut start = 0;
        // Of no bytes at all the first part is everything.
        let part_of = |middle: u128| (middle * of).checked_div(2 * total).map_or(0, |part| part.min(of - 1));
        let parts: Vec<u128> = sizes
            .iter()
            .map(|&size| {
                let middle = 2 * start + u128::from(size);
                start += u128::from(size);
                part_of(middle)
            })
            .collect();
        parts.partition_point(|&part| part < before)..parts.partition_point(|&part| part <= before)
    }
}

/// What tells a list of files from any other: SHA-256, in hexadecimal, of names and sizes in their order.
pub(crate) fn inputs_fingerprint<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> String {
    let list: Vec<(&str, u64)> = files.collect();
    hexadecimal(&Sha256::digest(serde_json::to_string(&list).expect("strings and numbers are JSON")))
}

/// The parts that have a folder in that of a corpus, in order, finished or not.
pub(crate) fn part_folders(corpus: &Path) -> Result<Vec<Part>> {
    let cannot_list = |error| Error::io("list folder", corpus)(error);
    let mut parts = Vec::new();
    let entries = match fs::read_dir(corpus) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(parts);
        }
        entries => entries.map_err(cannot_list)?,
    };
    for entry in entries {
        let entry = entry.map_err(cannot_list)?;
        let part = entry.file_name().to_str().and_then(Part::of_folder);
        parts.extend(part.filter(|_| entry.path().is_dir()));
    }
    parts.sort_unstable();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(sizes: &[u64], of: u64) -> Vec<Range<usize>> {
        (1..=of).map(|number| Part::new(number, of).unwrap().files(sizes)).collect()
    }

    #[test]
    fn files_fall_to_parts_by_their_middle() {
        // Bytes 0 to 10, 10 to 13, 13 to 20 of 20: middles at 5, 11.5 and 16.5.
        assert_eq!(files(&[10, 3, 7], 2), [0..1, 1..3]);
        assert_eq!(files(&[10, 3, 7], 4), [0..0, 0..1, 1..2, 2..3]);
        assert_eq!(files(&[10, 3, 7], 1)[0], 0..3);
        assert_eq!(files(&[], 2), [0..0, 0..0]);
        assert_eq!(files(&[0, 0], 2), [0..2, 2..2]);
        assert_eq!(files(&[5, 5, 0], 2), [0..1, 1..3]);
        assert_eq!(files(&[u64::MAX, u64::MAX], 2), [0..1, 1..2]);
    }

    proptest! {
        #[test]
        fn each_file_is_in_one_part_and_in_order(sizes in prop::collection::vec(0u64..1000, 0..40), of in 1u64..50) {
            let mut next = 0;
            for (number, range) in (0..).zip(files(&sizes, of)) {
                prop_assert_eq!(range.start, next);
                next = range.end;
                let total: u64 = sizes.iter().sum();
                for file in range {
                    let middle = 2 * sizes[..file].iter().sum::<u64>() + sizes[file];
                    prop_assert!(2 * total * number <= middle * of);
                    prop_assert!(middle * of < 2 * total * (number + 1) || number + 1 == of || total == 0);
                }
            }
            prop_assert_eq!(next, sizes.len());
        }
    }

    #[test]
    fn a_folder_is_named_after_its_part() {
        assert_eq!(Part::new(3, 64).unwrap().folder_name(), "part-00003-of-00064");
        assert_eq!(Part::of_folder("part-00003-of-00064"), Some(Part { number: 3, of: 64 }));
        for name in [
            "part-00000-of-00064",
            "part-00065-of-00064",
            "part-3-of-64",
            "part-00003-of-00064x",
            "part-+0003-of-00064",
            "part-00003",
        ] {
            assert_eq!(Part::of_folder(name), None, "{name}");
        }
    }

    #[test]
    fn a_part_that_cannot_be_is_refused() {
        for (number, of) in [(0, 4), (5, 4), (0, 0), (1, 100_000)] {
            let message = Part::new(number, of).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("part = {number}/{of} is not allowed; count parts from 1")),
                "{message}"
            );
        }
    }

    #[test]
    fn names_sizes_and_order_tell_inputs_apart() {
        let prints = [
            vec![("a", 1), ("b", 2)],
            vec![("b", 2), ("a", 1)],
            vec![("a", 1), ("b", 3)],
            vec![("a", 1), ("c", 2)],
            vec![("a", 1)],
        ]
        .map(|files| inputs_fingerprint(files.into_iter()));
        for (number, print) in prints.iter().enumerate() {
            assert!(!prints[..number].contains(print));
        }
    }
}
