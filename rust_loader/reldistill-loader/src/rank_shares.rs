//! A global batch divided among ranks so that each computes about as many tokens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Gives each rank its share of a global batch: positions into `lengths`, ascending.
///
/// Longest first, each sequence goes to the rank with the fewest tokens so far, then the fewest sequences, then the
/// lowest number (Graham's LPT rule, 1969: at most 4/3 of the best possible). Together the shares are the whole
/// batch. With more ranks than sequences, the ranks in excess get none.
pub fn rank_shares(lengths: &[usize], world_size: usize) -> Vec<Vec<usize>> {
    let mut shares = vec![Vec::new(); world_size];
    let mut longest_first: Vec<usize> = (0..lengths.len()).collect();
    longest_first.sort_by_key(|&position| (Reverse(lengths[position]), position));
    let mut ranks: BinaryHeap<_> = (0..world_size).map(|rank| Reverse((0, 0, rank))).collect();
    for position in longest_first {
        let Some(Reverse((tokens, sequences, rank))) = ranks.pop() else { break };
        shares[rank].push(position);
        ranks.push(Reverse((tokens + lengths[position], sequences + 1, rank)));
    }
    for share in &mut shares {
        share.sort_unstable();
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_are_the_batch_and_balanced(lengths in prop::collection::vec(1usize..600, 0..80), world_size in 1usize..20) {
            let shares = rank_shares(&lengths, world_size);
            prop_assert_eq!(shares.len(), world_size);
            let mut positions = shares.concat();
            positions.sort_unstable();
            prop_assert_eq!(positions, (0..lengths.len()).collect::<Vec<_>>());

            let tokens = shares.iter().map(|share| share.iter().map(|&position| lengths[position]).sum::<usize>());
            let (least, most) = tokens.fold((usize::MAX, 0), |(least, most), here| (least.min(here), most.max(here)));
            prop_assert!(most - least <= lengths.iter().copied().max().unwrap_or(0));
        }
    }

    #[test]
    fn longest_go_first_and_ties_to_the_lowest_rank() {
        assert_eq!(rank_shares(&[3, 7, 5, 7, 2], 2), [vec![1, 2], vec![0, 3, 4]]);
    }

    #[test]
    fn ranks_in_excess_get_nothing() {
        assert_eq!(rank_shares(&[5, 5], 4), [vec![0], vec![1], vec![], vec![]]);
    }
}
