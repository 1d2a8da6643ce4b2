//! Batches of an open corpus: whole, balanced, in order, resumable, and never wrong.

mod number_words;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use number_words::{corpus, corpus_in_shards_of, ids, message, open};
use reldistill_loader::{BLOCK_BYTES, Batch, BatchOptions, Batches, BatchesState, Corpus, Error, GlobalOrder};

const PATIENCE: Duration = Duration::from_secs(20);
const ONE_RANK: BatchOptions = BatchOptions { seed: 3, batch_size: 8, rank: 0, world_size: 1, prefetch: 2 };

fn made(sequences: usize) -> (tempfile::TempDir, Arc<Corpus>) {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), sequences);
    (folder, Arc::new(corpus))
}

fn taken(batches: &mut Batches, count: usize) -> Vec<Batch> {
    (0..count).map(|_| batches.next(PATIENCE).unwrap().unwrap()).collect()
}

fn first(corpus: &Arc<Corpus>, options: BatchOptions, count: usize) -> Vec<Batch> {
    taken(&mut Batches::new(corpus.clone(), options).unwrap(), count)
}

#[test]
fn one_rank_gets_the_global_order_with_the_right_ids() {
    let (_folder, corpus) = made(30);
    for batch in first(&corpus, ONE_RANK, 9) {
        let order = GlobalOrder { sequences: 30, seed: 3, batch_size: 8 };
        assert_eq!(batch.indices, order.batch(batch.number));
        for piece in batch.packed(20, 5).unwrap() {
            for (number, &index) in piece.indices.iter().enumerate() {
                let range = piece.cu_seqlens[number] as usize..piece.cu_seqlens[number + 1] as usize;
                let found: Vec<u32> = piece.input_ids[range.clone()].iter().map(|&id| id as u32).collect();
                assert_eq!(found, ids(&corpus, index as u64));
                assert_eq!(piece.position_ids[range.clone()], (5..5 + range.len() as i64).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn ranks_together_get_the_global_batch() {
    let (_folder, corpus) = made(50);
    for world_size in [1, 2, 3, 5, 11] {
        let mut indices = Vec::new();
        for rank in 0..world_size {
            let batch = first(&corpus, BatchOptions { rank, world_size, ..ONE_RANK }, 4).pop().unwrap();
            assert_eq!((batch.number, batch.global_sequences), (3, 8));
            indices.extend(batch.indices);
        }
        let mut expected = GlobalOrder { sequences: 50, seed: 3, batch_size: 8 }.batch(3);
        indices.sort_unstable();
        expected.sort_unstable();
        assert_eq!(indices, expected, "{world_size} ranks");
    }
}

#[test]
fn a_rank_in_excess_has_an_empty_batch() {
    let (_folder, corpus) = made(50);
    let batch = first(&corpus, BatchOptions { rank: 10, world_size: 11, ..ONE_RANK }, 1).pop().unwrap();
    assert_eq!((batch.indices.len(), batch.tokens()), (0, 0));
    assert!(batch.packed(10, 0).unwrap().is_empty() && batch.padded(10, 0).unwrap().is_empty());
}

#[test]
fn reading_ahead_alters_nothing() {
    let (_folder, corpus) = made(50);
    let plain = first(&corpus, BatchOptions { prefetch: 0, ..ONE_RANK }, 20);
    for prefetch in [1, 2, 64] {
        assert_eq!(first(&corpus, BatchOptions { prefetch, ..ONE_RANK }, 20), plain);
    }
}

#[test]
fn padded_rows_end_in_padding() {
    let (_folder, corpus) = made(5);
    let batch = first(&corpus, BatchOptions { batch_size: 5, ..ONE_RANK }, 1).pop().unwrap();
    let pieces = batch.padded(12, 99).unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.lengths.clone()).collect::<Vec<_>>(), [vec![7], vec![6, 5], vec![4, 3]]);
    assert_eq!(pieces[1].input_ids, [1, 6, 6, 6, 6, 2, 1, 5, 5, 5, 2, 99]);
    assert_eq!(pieces[1].attention_mask, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!((pieces[1].longest, pieces[1].indices.clone()), (6, vec![3, 2]));
    assert!(message(batch.padded(0, 99)).starts_with("tokens = 0 is not allowed"));
}

#[test]
fn a_state_goes_on_where_it_was_whatever_was_read_ahead() {
    let (_folder, corpus) = made(50);
    let mut batches = Batches::new(corpus.clone(), ONE_RANK).unwrap();
    taken(&mut batches, 5);
    let state = batches.state();
    assert_eq!(state.next_batch, 5);
    let expected = taken(&mut batches, 3);

    let mut resumed = Batches::new(corpus, BatchOptions { prefetch: 7, ..ONE_RANK }).unwrap();
    taken(&mut resumed, 2);
    resumed.load_state(&state).unwrap();
    assert_eq!(taken(&mut resumed, 3), expected);
}

#[test]
fn a_state_of_other_batches_is_refused_and_shown() {
    let (_folder, corpus) = made(50);
    let mut batches = Batches::new(corpus.clone(), ONE_RANK).unwrap();
    taken(&mut batches, 2);
    let good = batches.state();
    for (state, expected) in [
        (BatchesState { seed: 4, ..good.clone() }, "seed is 4 in the state and 3 here"),
        (BatchesState { batch_size: 9, ..good.clone() }, "batch_size is 9 in the state and 8 here"),
        (BatchesState { sequences: 7, corpus: "abc".into(), ..good.clone() }, "corpus is abc in the state and "),
        (BatchesState { order: 9, ..good.clone() }, "order is 9 in the state and 1 here"),
    ] {
        let message = message(batches.load_state(&state));
        assert!(message.contains(expected), "{message}");
        assert_eq!(batches.state(), good);
    }
}

#[test]
fn arguments_out_of_range_are_refused() {
    let (_folder, corpus) = made(5);
    for (options, expected) in [
        (BatchOptions { batch_size: 0, ..ONE_RANK }, "batch_size = 0 is not allowed"),
        (BatchOptions { world_size: 0, ..ONE_RANK }, "world_size = 0 is not allowed"),
        (
            BatchOptions { rank: 2, world_size: 2, ..ONE_RANK },
            "rank = 2 is not allowed; with world_size = 2 pass 0 to 1",
        ),
        (BatchOptions { prefetch: 4096, ..ONE_RANK }, "prefetch = 4096 is not allowed"),
    ] {
        assert!(message(Batches::new(corpus.clone(), options)).starts_with(expected));
    }
}

#[test]
fn damage_is_raised_at_its_batch_and_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(corpus_in_shards_of(folder.path(), 60_000, 1 << 26));
    let shard = folder.path().join("corpus/shard-00000.arrow");
    let mut bytes = fs::read(&shard).unwrap();
    // Of its blocks only the last, with the footer, is touched when it is opened.
    assert!(bytes.len() > 2 * BLOCK_BYTES);
    bytes[BLOCK_BYTES + 1000] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let corpus = Arc::new(open(&folder.path().join("corpus")).unwrap());

    let mut batches = Batches::new(corpus.clone(), BatchOptions { batch_size: 2, ..ONE_RANK }).unwrap();
    let mut good = 0;
    let error = loop {
        match batches.next(PATIENCE) {
            Ok(batch) => good += u64::from(batch.is_some()),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::Shard { path, cause } if *path == shard && cause.starts_with("block 1 ")),
        "{error}"
    );
    assert_eq!(batches.state().next_batch, good);
    assert_eq!(message(batches.next(PATIENCE)), error.to_string());
    // Exactly the batch with a damaged sequence, and no earlier one.
    let order = GlobalOrder { sequences: corpus.sequences(), seed: 3, batch_size: 2 };
    let is_damaged = |number| order.batch(number).iter().any(|&index| corpus.sequence(index).is_err());
    assert!(is_damaged(good) && !(0..good).any(is_damaged));
}
