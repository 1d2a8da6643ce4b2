//! A rank's batch cut into pieces that fit its device.

use std::ops::Range;

/// Padded rows are filled up to a multiple of this many tokens: tensor cores work on tiles of 8.
pub(crate) const WIDTH_MULTIPLE: usize = 8;

/// What a piece costs: how many tokens the device has to hold for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// The tokens of its sequences, without padding.
    Packed,
    /// Its sequences times its width.
    Padded,
}

/// Columns of padded rows of which the longest has so many tokens.
pub(crate) fn width(longest: usize) -> usize {
    longest.next_multiple_of(WIDTH_MULTIPLE)
}

/// Cuts sequences, longest first, into consecutive pieces of at most `tokens` tokens.
///
/// Similar lengths sit together and the most expensive piece comes first: what fits then fits later as well. A piece
/// has at least one sequence, also one that is longer than `tokens`. Together the pieces are exactly the batch.
pub(crate) fn cut(longest_first: &[usize], tokens: usize, cost: Cost) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut packed = 0;
    for (position, &length) in longest_first.iter().enumerate() {
        if let Some(piece) = pieces.last_mut() {
            let grown = match cost {
                Cost::Packed => packed + length,
                Cost::Padded => (piece.len() + 1) * width(longest_first[piece.start]),
            };
            if grown <= tokens {
                packed += length;
                piece.end += 1;
                continue;
            }
        }
        packed = length;
        pieces.push(position..position + 1);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost_of(lengths: &[usize], cost: Cost) -> usize {
        match cost {
            Cost::Packed => lengths.iter().sum(),
            Cost::Padded => lengths.len() * lengths.iter().max().unwrap().div_ceil(8) * 8,
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_batch_and_fit(
            mut lengths in prop::collection::vec(1usize..600, 0..80),
            tokens in 1usize..5000,
            cost in prop_oneof![Just(Cost::Packed), Just(Cost::Padded)],
        ) {
            lengths.sort_unstable_by(|one, other| other.cmp(one));
            let pieces = cut(&lengths, tokens, cost);
            prop_assert_eq!(pieces.iter().flat_map(Range::clone).collect::<Vec<_>>(), (0..lengths.len()).collect::<Vec<_>>());
            for piece in &pieces {
                prop_assert!(piece.len() == 1 || cost_of(&lengths[piece.clone()], cost) <= tokens);
            }
            // No piece could have taken the first sequence of the next one.
            for pair in pieces.windows(2) {
                prop_assert!(cost_of(&lengths[pair[0].start..pair[1].start + 1], cost) > tokens);
            }
        }
    }

    #[test]
    fn padding_counts_where_rows_are_padded() {
        let lengths = [11, 5, 3, 2];
        assert_eq!(cut(&lengths, 16, Cost::Packed), [0..2, 2..4]);
        assert_eq!(cut(&lengths, 16, Cost::Padded), [0..1, 1..3, 3..4]);
        assert_eq!(cut(&lengths, 48, Cost::Padded), [0..3, 3..4]);
    }
}
