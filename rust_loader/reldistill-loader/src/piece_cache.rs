//! Ids of pieces of text that were tokenised before: words repeat.

use rustc_hash::FxHashMap;

/// Longer pieces hardly repeat.
const LONGEST_PIECE: usize = 64;
/// Pieces that are remembered; with more of them all are forgotten, so that memory stays bounded (about 16 MB) and
/// what is common comes back at once.
const MOST_PIECES: usize = 1 << 17;
/// Ids that are remembered, over all pieces.
const MOST_IDS: usize = 1 << 20;

/// An exact map from pieces to their ids.
#[derive(Default)]
pub(crate) struct PieceCache {
    /// Where the ids of a piece lie in `ids`.
    places: FxHashMap<Box<str>, (u32, u32)>,
    ids: Vec<u32>,
}

impl PieceCache {
    /// The ids of a piece, if they are known.
    pub(crate) fn get(&self, piece: &str) -> Option<&[u32]> {
        let &(start, end) = self.places.get(piece)?;
        Some(&self.ids[start as usize..end as usize])
    }

    /// Remembers the ids of a piece that is not known.
    pub(crate) fn put(&mut self, piece: &str, ids: &[u32]) {
        if piece.len() > LONGEST_PIECE {
            return;
        }
        if self.places.len() >= MOST_PIECES || self.ids.len() + ids.len() > MOST_IDS {
            self.places.clear();
            self.ids.clear();
        }
        let start = self.ids.len() as u32;
        self.ids.extend_from_slice(ids);
        self.places.insert(piece.into(), (start, self.ids.len() as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_until_there_is_too_much() {
        let mut cache = PieceCache::default();
        cache.put("a", &[1, 2]);
        cache.put("", &[]);
        assert_eq!(cache.get("a"), Some(&[1, 2][..]));
        assert_eq!(cache.get(""), Some(&[][..]));
        assert_eq!(cache.get("b"), None);
        for number in 0..MOST_PIECES as u32 {
            cache.put(&number.to_string(), &[number]);
        }
        assert_eq!(cache.get("a"), None);
        assert!(cache.places.len() <= MOST_PIECES);
        let last = MOST_PIECES as u32 - 1;
        assert_eq!(cache.get(&last.to_string()), Some(&[last][..]));
    }

    #[test]
    fn long_pieces_are_not_kept() {
        let mut cache = PieceCache::default();
        let long = "x".repeat(LONGEST_PIECE + 1);
        cache.put(&long, &[1]);
        assert_eq!(cache.get(&long), None);
    }
}
