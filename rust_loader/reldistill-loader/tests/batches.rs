//! Batches of an open corpus: whole, balanced, in order, resumable, and never wrong.

mod number_words;

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use number_words::{corpus, corpus_in_shards_of, encoder, ids, message, open};
use reldistill_loader::{
    BLOCK_BYTES, Batch, BatchOptions, Batches, BatchesState, Buffer, Error, FileChunks, GlobalOrder, IdDtype, Layout,
    Mixture, TokenizeOptions, find_input_files, tokenize,
};

const PATIENCE: Duration = Duration::from_secs(20);
fn one_rank() -> BatchOptions {
    BatchOptions { seed: 3, batch_size: 8, prefetch: 2, ..BatchOptions::default() }
}

fn made(sequences: usize) -> (tempfile::TempDir, Arc<Mixture>) {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), sequences);
    (folder, Arc::new(Arc::new(corpus).into()))
}

fn batches(source: &Arc<Mixture>, options: BatchOptions) -> Batches {
    Batches::new(source.clone(), options, None).unwrap()
}

fn taken(batches: &mut Batches, count: usize) -> Vec<Batch> {
    (0..count).map(|_| batches.next(PATIENCE).unwrap().unwrap()).collect()
}

fn first(source: &Arc<Mixture>, options: BatchOptions, count: usize) -> Vec<Batch> {
    taken(&mut batches(source, options), count)
}

fn sorted(mut indices: Vec<u64>) -> Vec<u64> {
    indices.sort_unstable();
    indices
}

/// Indices and ids of each batch.
fn content(batches: &[Batch]) -> Vec<(Vec<u64>, Vec<i64>)> {
    batches.iter().map(|batch| (batch.indices.clone(), batch.ids().as_slice::<i64>(batch.tokens()).to_vec())).collect()
}

#[test]
fn one_rank_gets_the_global_order_with_the_right_ids() {
    let (_folder, source) = made(30);
    let options = BatchOptions { layout: Layout::Packed { position_offset: 5 }, ..one_rank() };
    for batch in first(&source, options, 9) {
        assert_eq!(sorted(batch.indices.clone()), sorted(GlobalOrder::new(30, 3, 8).batch(batch.number)));
        assert!(batch.lengths.is_sorted_by(|longer, shorter| longer >= shorter));
        let input_ids = batch.ids().as_slice::<i64>(batch.tokens());
        let position_ids = batch.positions().unwrap().as_slice::<i64>(batch.tokens());
        let mut sequences = 0;
        for piece in batch.packed(20).unwrap() {
            assert_eq!(piece.sequences.start, sequences);
            sequences = piece.sequences.end;
            let (input_ids, position_ids) = (&input_ids[piece.tokens.clone()], &position_ids[piece.tokens]);
            for (number, &index) in batch.indices[piece.sequences].iter().enumerate() {
                let range = piece.cu_seqlens[number] as usize..piece.cu_seqlens[number + 1] as usize;
                let found: Vec<u32> = input_ids[range.clone()].iter().map(|&id| id as u32).collect();
                assert_eq!(found, ids(&source.corpora()[0], index));
                assert_eq!(position_ids[range.clone()], (5..5 + range.len() as i64).collect::<Vec<_>>());
            }
        }
        assert_eq!(sequences, 8);
    }
}

#[test]
fn ranks_together_get_the_global_batch() {
    let (_folder, source) = made(50);
    for world_size in [1, 2, 3, 5, 11] {
        let mut indices = Vec::new();
        for rank in 0..world_size {
            let batch = first(&source, BatchOptions { rank, world_size, ..one_rank() }, 4).pop().unwrap();
            assert_eq!((batch.number, batch.global_sequences), (3, 8));
            indices.extend(batch.indices);
        }
        assert_eq!(sorted(indices), sorted(GlobalOrder::new(50, 3, 8).batch(3)), "{world_size} ranks");
    }
}

#[test]
fn a_rank_in_excess_has_an_empty_batch() {
    let (_folder, source) = made(50);
    let batch = first(&source, BatchOptions { rank: 10, world_size: 11, ..one_rank() }, 1).pop().unwrap();
    assert_eq!((batch.indices.len(), batch.tokens()), (0, 0));
    assert!(batch.packed(10).unwrap().is_empty() && batch.padded(10, 0).unwrap().is_empty());
}

#[test]
fn reading_ahead_alters_nothing() {
    let (_folder, source) = made(50);
    let plain = content(&first(&source, BatchOptions { prefetch: 0, ..one_rank() }, 20));
    for (prefetch, threads) in [(1, 1), (2, 1), (64, 1), (1, 8), (3, 2), (8, 8)] {
        let ahead = content(&first(&source, BatchOptions { prefetch, threads, ..one_rank() }, 20));
        assert_eq!(ahead, plain, "{prefetch} {threads}");
    }
}

#[test]
fn memory_is_used_again_and_never_under_a_batch_that_lives() {
    let (_folder, source) = made(500);
    let mut plain = batches(&source, BatchOptions { prefetch: 0, ..one_rank() });
    let mut ahead = batches(&source, BatchOptions { prefetch: 3, ..one_rank() });
    let (mut starts, mut held) = (HashSet::new(), Vec::new());
    for number in 0..200 {
        let (expected, found) = (taken(&mut plain, 1), taken(&mut ahead, 1));
        starts.insert(found[0].ids().start());
        assert_eq!(content(&found), content(&expected));
        if number % 40 == 0 {
            held.push((found, content(&expected)));
        }
    }
    held.iter().for_each(|(batch, expected)| assert_eq!(&content(batch), expected));
    assert!(starts.len() < 30, "{}", starts.len());
}

#[test]
fn padded_rows_end_in_padding_at_a_multiple_of_eight() {
    let (_folder, source) = made(5);
    for dtype in [IdDtype::Int64, IdDtype::Int32] {
        let options = BatchOptions { batch_size: 5, layout: Layout::Padded { pad_id: 99 }, dtype, ..one_rank() };
        let batch = first(&source, options, 1).pop().unwrap();
        assert!(batch.positions().is_none());
        let pieces = batch.padded(16, 99).unwrap();
        let cut: Vec<_> = pieces.iter().map(|piece| (&batch.lengths[piece.sequences.clone()], piece.width)).collect();
        assert_eq!(cut, [(&[7, 6][..], 8), (&[5, 4], 8), (&[3], 8)]);
        let integers = |buffer: &Buffer| match dtype {
            IdDtype::Int64 => buffer.as_slice::<i64>(16).to_vec(),
            IdDtype::Int32 => buffer.as_slice::<i32>(16).iter().map(|&id| i64::from(id)).collect(),
        };
        assert_eq!(integers(&pieces[1].input_ids), [1, 5, 5, 5, 2, 99, 99, 99, 1, 4, 4, 2, 99, 99, 99, 99]);
        assert_eq!(integers(&pieces[1].attention_mask), [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(batch.indices[pieces[1].sequences.clone()], [2, 1]);
        assert!(message(batch.padded(0, 99)).starts_with("tokens = 0 is not allowed"));
    }
}

#[test]
fn a_mixture_keeps_its_shares_and_resumes() {
    let (_first, one) = made(30);
    let (_second, other) = made(400);
    let corpora = || vec![one.corpora()[0].clone(), other.corpora()[0].clone()];
    let mixture = Arc::new(Mixture::by_weights(corpora(), &[1.0, 3.0]).unwrap());
    assert_eq!((mixture.sequences(), mixture.shares()), (430, vec![0.25, 0.75]));
    let mut drawn = batches(&mixture, BatchOptions { batch_size: 1024, ..one_rank() });
    let of_a_block = taken(&mut drawn, 64);
    let from_the_first = of_a_block.iter().flat_map(|batch| &batch.indices).filter(|&&index| index < 30).count();
    assert_eq!(from_the_first, 16_384);
    for (&index, &length) in of_a_block[7].indices.iter().zip(&of_a_block[7].lengths) {
        let (corpus, within) = mixture.locate(index).unwrap();
        assert_eq!(ids(&mixture.corpora()[corpus], within).len(), length);
    }
    let state = drawn.state();
    let expected = content(&taken(&mut drawn, 3));
    let mut resumed = batches(&mixture, BatchOptions { batch_size: 1024, threads: 2, ..one_rank() });
    resumed.load_state(&state).unwrap();
    assert_eq!(content(&taken(&mut resumed, 3)), expected);

    let otherwise = Arc::new(Mixture::by_weights(corpora(), &[1.0, 2.0]).unwrap());
    let message = message(batches(&otherwise, BatchOptions { batch_size: 1024, ..one_rank() }).load_state(&state));
    assert!(message.starts_with("this state cannot be loaded: corpus is "), "{message}");
}

#[test]
fn a_mixture_by_size_follows_the_exponent() {
    let (_first, one) = made(10);
    let (_second, other) = made(1000);
    let shares = |exponent| {
        let corpora = vec![one.corpora()[0].clone(), other.corpora()[0].clone()];
        Mixture::by_size(corpora, exponent).unwrap().shares()
    };
    assert_eq!(shares(0.0), [0.5, 0.5]);
    for (exponent, expected) in [(1.0, 10.0 / 1010.0), (0.3, 1.0 / (1.0 + 100f64.powf(0.3)))] {
        assert!((shares(exponent)[0] - expected).abs() < 1e-4, "{:?}", shares(exponent));
    }
}

#[test]
fn a_mixture_of_one_is_that_corpus() {
    let (_folder, source) = made(30);
    let mixture = Arc::new(Mixture::by_size(source.corpora().to_vec(), 0.3).unwrap());
    assert_eq!(mixture.fingerprint(), source.corpora()[0].fingerprint());
    assert_eq!(content(&first(&mixture, one_rank(), 9)), content(&first(&source, one_rank(), 9)));
}

#[test]
fn mixtures_that_make_no_sense_are_refused() {
    let (folder, source) = made(30);
    let corpus = || source.corpora()[0].clone();
    for (mixture, expected) in [
        (Mixture::by_weights(vec![], &[]), "corpora = 0 is not allowed; pass 1 to 4096 corpora"),
        (
            Mixture::by_weights(vec![corpus()], &[1.0, 2.0]),
            "weights = [1.0, 2.0] is not allowed; pass one for each of the 1 corpora",
        ),
        (
            Mixture::by_weights(vec![corpus(), corpus()], &[1.0, 0.0]),
            "weights = 0 is not allowed; each is a positive number",
        ),
        (Mixture::by_size(vec![corpus()], f64::NAN), "exponent = NaN is not allowed; pass a number from 0"),
    ] {
        let message = message(mixture);
        assert!(message.starts_with(expected), "{message}");
    }
    let text = folder.path().join("other.txt");
    fs::write(&text, "3 4\n").unwrap();
    let mut files = FileChunks::new(find_input_files(&[text]).unwrap(), "text").unwrap();
    let output = folder.path().join("other");
    tokenize(&mut files, encoder(500, 512).unwrap(), &output, &TokenizeOptions::default(), &mut |_| Ok(())).unwrap();
    let other = Arc::new(open(&output).unwrap());
    let message = message(Mixture::by_size(vec![corpus(), other], 0.3));
    assert!(message.contains("/other\" was made with another tokenizer than "), "{message}");
}

#[test]
fn a_state_goes_on_where_it_was_whatever_was_read_ahead() {
    let (_folder, source) = made(50);
    let mut drawn = batches(&source, one_rank());
    taken(&mut drawn, 5);
    let state = drawn.state();
    assert_eq!(state.next_batch, 5);
    let expected = content(&taken(&mut drawn, 3));

    let mut resumed = batches(&source, BatchOptions { prefetch: 7, ..one_rank() });
    taken(&mut resumed, 2);
    resumed.load_state(&state).unwrap();
    assert_eq!(content(&taken(&mut resumed, 3)), expected);
}

#[test]
fn a_state_of_other_batches_is_refused_and_shown() {
    let (_folder, source) = made(50);
    let mut drawn = batches(&source, one_rank());
    taken(&mut drawn, 2);
    let good = drawn.state();
    for (state, expected) in [
        (BatchesState { seed: 4, ..good.clone() }, "seed is 4 in the state and 3 here"),
        (BatchesState { batch_size: 9, ..good.clone() }, "batch_size is 9 in the state and 8 here"),
        (BatchesState { sequences: 7, corpus: "abc".into(), ..good.clone() }, "corpus is abc in the state and "),
        (BatchesState { order: 9, ..good.clone() }, "order is 9 in the state and 1 here"),
    ] {
        let message = message(drawn.load_state(&state));
        assert!(message.contains(expected), "{message}");
        assert_eq!(drawn.state(), good);
    }
}

#[test]
fn arguments_out_of_range_are_refused() {
    let (_folder, source) = made(5);
    for (options, expected) in [
        (BatchOptions { batch_size: 0, ..one_rank() }, "batch_size = 0 is not allowed"),
        (BatchOptions { world_size: 0, ..one_rank() }, "world_size = 0 is not allowed"),
        (
            BatchOptions { rank: 2, world_size: 2, ..one_rank() },
            "rank = 2 is not allowed; with world_size = 2 pass 0 to 1",
        ),
        (BatchOptions { prefetch: 4096, ..one_rank() }, "prefetch = 4096 is not allowed"),
        (BatchOptions { threads: 0, ..one_rank() }, "threads = 0 is not allowed; pass 1 to 256 threads"),
    ] {
        assert!(message(Batches::new(source.clone(), options, None)).starts_with(expected));
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

    let source = Arc::new(corpus.clone().into());
    let mut drawn = batches(&source, BatchOptions { batch_size: 2, ..one_rank() });
    let mut good = 0;
    let error = loop {
        match drawn.next(PATIENCE) {
            Ok(batch) => good += u64::from(batch.is_some()),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::Shard { path, cause } if *path == shard && cause.starts_with("block 1 ")),
        "{error}"
    );
    assert_eq!(drawn.state().next_batch, good);
    assert_eq!(message(drawn.next(PATIENCE)), error.to_string());
    // Exactly the batch with a damaged sequence, and no earlier one.
    let order = GlobalOrder::new(corpus.sequences(), 3, 2);
    let is_damaged = |number| order.batch(number).iter().any(|&index| corpus.sequence(index).is_err());
    assert!(is_damaged(good) && !(0..good).any(is_damaged));
}
