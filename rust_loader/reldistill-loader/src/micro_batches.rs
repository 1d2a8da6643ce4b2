//! A rank's batch cut into pieces that fit its device.

use std::cmp::Reverse;

/// What a piece costs: how many tokens the device has to hold for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// The tokens of its sequences, without padding.
    Packed,
    /// Its sequences times the longest of them.
    Padded,
}

/// Cuts a batch into pieces of at most `tokens` tokens: positions into `lengths`, longest first.
///
/// Sequences are sorted by length (then position), so that similar lengths sit together and the most expensive piece
/// comes first: what fits then fits later as well. A piece has at least one sequence, also one that is longer than
/// `tokens`. Together the pieces are exactly the batch.
pub(crate) fn cut(lengths: &[usize], tokens: usize, cost: Cost) -> Vec<Vec<usize>> {
    let mut longest_first: Vec<usize> = (0..lengths.len()).collect();
    longest_first.sort_by_key(|&position| (Reverse(lengths[position]), position));

    let mut pieces: Vec<Vec<usize>> = Vec::new();
    let mut packed = 0;
    for position in longest_first {
        let length = lengths[position];
        if let Some(piece) = pieces.last_mut() {
            let grown = match cost {
                Cost::Packed => packed + length,
                Cost::Padded => (piece.len() + 1) * lengths[piece[0]],
            };
            if grown <= tokens {
                packed += length;
                piece.push(position);
                continue;
            }
        }
        packed = length;
        pieces.push(vec![position]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost_of(piece: &[usize], lengths: &[usize], cost: Cost) -> usize {
        let lengths: Vec<usize> = piece.iter().map(|&position| lengths[position]).collect();
        match cost {
            Cost::Packed => lengths.iter().sum(),
            Cost::Padded => lengths.len() * lengths.iter().max().unwrap(),
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_batch_and_fit(
            lengths in prop::collection::vec(1usize..600, 0..80),
            tokens in 1usize..5000,
            cost in prop_oneof![Just(Cost::Packed), Just(Cost::Padded)],
        ) {
            let pieces = cut(&lengths, tokens, cost);
            let mut positions = pieces.concat();
            let in_order: Vec<usize> = positions.iter().map(|&position| lengths[position]).collect();
            prop_assert!(in_order.is_sorted_by(|longer, shorter| longer >= shorter));
            positions.sort_unstable();
            prop_assert_eq!(positions, (0..lengths.len()).collect::<Vec<_>>());
            for piece in &pieces {
                prop_assert!(piece.len() == 1 || cost_of(piece, &lengths, cost) <= tokens);
            }
            // No piece could have taken the first sequence of the next one.
            for pair in pieces.windows(2) {
                let mut grown = pair[0].clone();
                grown.push(pair[1][0]);
                prop_assert!(cost_of(&grown, &lengths, cost) > tokens);
            }
        }
    }

    #[test]
    fn padding_counts_where_rows_are_padded() {
        let lengths = [2, 11, 5, 3];
        assert_eq!(cut(&lengths, 16, Cost::Packed), [vec![1, 2], vec![3, 0]]);
        assert_eq!(cut(&lengths, 16, Cost::Padded), [vec![1], vec![2, 3, 0]]);
    }
}
