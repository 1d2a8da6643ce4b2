"""Batches: the order, ranks, micro-batches, resuming, and threads that come and go."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reldistill_loader import (
    Batch,
    Batches,
    Corpus,
    CorpusError,
    InputError,
    PackedBatch,
    PaddedBatch,
    tokenize_documents,
)
from rust_loader.conftest import MakeCorpus
from rust_loader.plain_order import global_batch
from rust_loader.small_tokenizers import byte_level_bpe


def take(batches: Batches, count: int) -> list[Batch]:
    return [next(batches) for _ in range(count)]


def indices(batches: Iterable[Batch]) -> list[list[int]]:
    return [batch.indices.tolist() for batch in batches]


def packed(batch: Batch, tokens: int) -> list[PackedBatch]:
    pieces = batch.micro_batches(tokens)
    return [piece for piece in pieces if isinstance(piece, PackedBatch)]


def padded(batch: Batch, tokens: int) -> list[PaddedBatch]:
    pieces = batch.micro_batches(tokens)
    return [piece for piece in pieces if isinstance(piece, PaddedBatch)]


ORDERS = [(1, 0, 3), (10, 7, 4), (100, 2**64 - 1, 32), (257, 5, 300)]


@pytest.mark.parametrize(("sequences", "seed", "batch_size"), ORDERS)
def test_the_order_is_the_documented_one(sequences: int, seed: int, batch_size: int, make_corpus: MakeCorpus) -> None:
    batches = make_corpus(sequences).batches(seed=seed, batch_size=batch_size)
    expected = [global_batch(sequences, seed, batch_size, number) for number in range(12)]
    # Laid out longest first, those of one length in the order of the batch. Sequence s has 3 + s mod 7 tokens.
    laid_out = [sorted(batch, key=lambda index: -(index % 7)) for batch in expected]
    assert indices(take(batches, 12)) == laid_out


def test_an_epoch_visits_each_sequence_once_and_the_next_in_another_order(make_corpus: MakeCorpus) -> None:
    batches = make_corpus(60).batches(batch_size=12)
    first = [index for batch in take(batches, 5) for index in batch.indices]
    second = [index for batch in take(batches, 5) for index in batch.indices]
    assert sorted(first) == sorted(second) == list(range(60))
    assert first != second


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_ranks_share_a_batch_by_tokens(world_size: int, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(200)
    ranks = [corpus.batches(batch_size=24, rank=rank, world_size=world_size) for rank in range(world_size)]
    for number in range(10):
        shares = [next(rank) for rank in ranks]
        assert {share.number for share in shares} == {number}
        assert {share.global_sequences for share in shares} == {24}
        union = sorted(index for share in shares for index in share.indices.tolist())
        assert union == sorted(global_batch(200, 0, 24, number))
        tokens = [share.tokens for share in shares]
        # Sequences have at most nine tokens.
        assert max(tokens) - min(tokens) <= 9


def test_more_ranks_than_sequences_leave_some_empty(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(50)
    shares = [next(corpus.batches(batch_size=3, rank=rank, world_size=5)) for rank in range(5)]
    assert sorted(len(share) for share in shares) == [0, 0, 1, 1, 1]
    empty = shares[-1]
    assert (empty.tokens, empty.lengths, empty.global_sequences) == (0, (), 3)
    assert empty.indices.shape == (0,)
    assert empty.indices.dtype == np.int64
    assert empty.micro_batches(100) == []


@pytest.mark.parametrize("tokens", [1, 9, 40, 10**9])
def test_packed_pieces_are_exactly_the_batch(tokens: int, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(300)
    (batch,) = take(corpus.batches(batch_size=50, position_offset=2), 1)
    found: dict[int, list[int]] = {}
    lengths: list[int] = []
    for piece in packed(batch, tokens):
        assert piece.input_ids.dtype.name == piece.position_ids.dtype.name == "int64"
        assert piece.cu_seqlens.dtype.name == "int32"
        assert np.diff(piece.cu_seqlens).tolist() == list(piece.lengths)
        assert piece.cu_seqlens[0] == 0
        assert piece.cu_seqlens[-1] == len(piece.input_ids) == len(piece.position_ids)
        assert len(piece.input_ids) <= tokens or len(piece.lengths) == 1
        for number, index in enumerate(piece.indices.tolist()):
            start, end = piece.cu_seqlens[number : number + 2].tolist()
            found[index] = piece.input_ids[start:end].tolist()
            assert piece.position_ids[start:end].tolist() == list(range(2, 2 + end - start))
        lengths += piece.lengths
    assert found == {index: corpus.sequence(index).tolist() for index in batch.indices.tolist()}
    assert lengths == sorted(batch.lengths, reverse=True)


@pytest.mark.parametrize("tokens", [1, 9, 40, 10**9])
def test_padded_pieces_are_exactly_the_batch(tokens: int, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(300)
    (batch,) = take(corpus.batches(batch_size=50, layout="padded"), 1)
    found: dict[int, list[int]] = {}
    for piece in padded(batch, tokens):
        assert piece.input_ids.dtype == piece.attention_mask.dtype == np.int64
        assert (
            piece.input_ids.shape == piece.attention_mask.shape == (len(piece.lengths), -(-max(piece.lengths) // 8) * 8)
        )
        assert piece.input_ids.size <= tokens or len(piece.lengths) == 1
        assert piece.attention_mask.sum(axis=1).tolist() == list(piece.lengths)
        assert not piece.input_ids[piece.attention_mask == 0].any(), "the padding id is 0"
        for row, mask, index in zip(piece.input_ids, piece.attention_mask, piece.indices.tolist(), strict=True):
            found[index] = row[mask == 1].tolist()
    assert found == {index: corpus.sequence(index).tolist() for index in batch.indices.tolist()}


def test_arrays_and_tensors_are_views_of_one_memory(make_corpus: MakeCorpus) -> None:
    batch = next(make_corpus(10).batches(batch_size=4))
    piece, *rest = packed(batch, 12)
    assert rest
    for array in (piece.input_ids, piece.position_ids, batch.input_ids):
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.aligned
    assert np.shares_memory(piece.input_ids, batch.input_ids)
    assert np.concatenate([part.input_ids for part in (piece, *rest)]).tolist() == batch.input_ids.tolist()
    tensor = torch.from_numpy(piece.input_ids)
    tensor[0] = 12345
    assert batch.input_ids[0] == 12345


def test_memory_is_used_again_only_when_nothing_looks_at_it(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(300)
    held = []
    addresses = set()
    for number, batch in enumerate(take_one_by_one(corpus.batches(batch_size=32, prefetch=2), 100)):
        addresses.add(batch.input_ids.ctypes.data)
        if number % 10 == 0:
            held.append((batch.indices.tolist(), torch.from_numpy(packed(batch, 10**9)[0].input_ids)))
        del batch
    assert len(addresses) < 30
    for found, tensor in held:
        assert tensor.tolist() == [token for index in found for token in corpus.sequence(index).tolist()]


def take_one_by_one(batches: Batches, count: int) -> Iterator[Batch]:
    for _ in range(count):
        yield next(batches)


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_whole_batches_are_the_micro_batch_of_all(dtype: Any, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(100)
    batch = next(corpus.batches(batch_size=20, position_offset=2, dtype=dtype))
    (whole,) = packed(batch, 10**9)
    for name in ("input_ids", "position_ids", "cu_seqlens"):
        assert getattr(batch, name).tolist() == getattr(whole, name).tolist()
    assert batch.input_ids.dtype == batch.position_ids.dtype == dtype
    assert batch.cu_seqlens.dtype == np.int32
    with pytest.raises(InputError, match=r'a packed batch has no attention_mask; ask for batches\(layout="padded"\)'):
        _ = batch.attention_mask

    matrix = next(corpus.batches(batch_size=20, layout="padded", dtype=dtype))
    (rows,) = padded(matrix, 10**9)
    assert matrix.input_ids.tolist() == rows.input_ids.tolist()
    assert matrix.attention_mask.tolist() == rows.attention_mask.tolist()
    assert rows.input_ids.dtype == rows.attention_mask.dtype == dtype
    for name in ("position_ids", "cu_seqlens"):
        with pytest.raises(InputError, match=f"a padded batch has no {name}"):
            getattr(matrix, name)


def test_an_empty_rank_has_empty_arrays(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    batch = next(corpus.batches(batch_size=1, rank=1, world_size=2))
    assert (batch.input_ids.shape, batch.position_ids.shape, batch.cu_seqlens.tolist()) == ((0,), (0,), [0])
    matrix = next(corpus.batches(batch_size=1, rank=1, world_size=2, layout="padded"))
    assert matrix.input_ids.shape == matrix.attention_mask.shape == (0, 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_page_locked_memory_needs_a_device(make_corpus: MakeCorpus) -> None:
    with pytest.raises(InputError, match="pin_memory = True needs a CUDA device and there is none"):
        make_corpus(10).batches(pin_memory=True)


def test_padding_needs_a_padding_token(tmp_path: Path) -> None:
    tokenizer = byte_level_bpe()
    without = tokenizer.to_str().replace("<pad>", "<nothing>")
    tokenize_documents(["a b"], without, tmp_path / "corpus", source="test")
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus.manifest.pad_id is None
    with pytest.raises(InputError, match=r'layout="padded" needs a padding token .*; use layout="packed"'):
        corpus.batches(layout="padded")


def test_arguments_that_make_no_sense_are_refused(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(5)
    for options, message in [
        ({"batch_size": 0}, "batch_size = 0 is not allowed; pass the sequences of a global batch, 1 to 16777216"),
        ({"world_size": 0}, "world_size = 0 is not allowed"),
        ({"rank": 2, "world_size": 2}, "rank = 2 is not allowed; with world_size = 2 pass 0 to 1"),
        ({"layout": "ragged"}, 'layout = "ragged" is not allowed; pass "packed" or "padded"'),
        ({"dtype": "int16"}, 'dtype = "int16" is not allowed; pass "int64" or "int32"'),
        ({"threads": 0}, "threads = 0 is not allowed; pass 1 to 256 threads"),
        ({"prefetch": 10**6}, "prefetch = 1000000 is not allowed; pass 0 to 1024 batches"),
    ]:
        with pytest.raises(InputError, match=message):
            corpus.batches(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tokens = 0 is not allowed"):
        next(corpus.batches()).micro_batches(0)


@pytest.mark.parametrize("prefetch", [0, 1, 3, 64])
def test_a_run_resumes_exactly_also_with_other_ranks(prefetch: int, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(70)
    batches = corpus.batches(seed=9, batch_size=16, prefetch=prefetch)
    take(batches, 6)
    state = batches.state_dict()
    assert state["next_batch"] == 6
    assert {type(value) for value in state.values()} == {int, str}
    expected = indices(take(batches, 5))

    resumed = corpus.batches(seed=9, batch_size=16, prefetch=2)
    next(resumed)
    resumed.load_state_dict(state)
    assert indices(take(resumed, 5)) == expected

    ranks = [corpus.batches(seed=9, batch_size=16, rank=rank, world_size=3, threads=1 + rank) for rank in range(3)]
    for rank in ranks:
        rank.load_state_dict(state)
    for wanted in expected:
        assert sorted(index for rank in ranks for index in next(rank).indices.tolist()) == sorted(wanted)


def test_any_position_is_reached_at_once(make_corpus: MakeCorpus) -> None:
    batches = make_corpus(70).batches(batch_size=16)
    started = time.monotonic()
    batches.load_state_dict(batches.state_dict() | {"next_batch": 10**15})
    batch = next(batches)
    assert time.monotonic() - started < 1
    assert batch.number == 10**15
    assert sorted(batch.indices.tolist()) == sorted(global_batch(70, 0, 16, 10**15))


def test_a_state_of_other_batches_is_refused_with_the_difference(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(70)
    state = corpus.batches(seed=1, batch_size=16).state_dict()
    with pytest.raises(CorpusError, match="seed is 1 in the state and 2 here, batch_size is 16 in the state"):
        corpus.batches(seed=2, batch_size=8).load_state_dict(state)
    with pytest.raises(
        CorpusError, match=r"corpus is [0-9a-f]{64} in the state and [0-9a-f]{64} here, sequences is 70"
    ):
        make_corpus(71, "other").batches(seed=1, batch_size=16).load_state_dict(state)
    for broken in ({}, {"next_batch": -1}, state | {"next_batch": "7"}, state | {"seed": None}):
        with pytest.raises(CorpusError, match="this state cannot be loaded: it has no valid"):
            corpus.batches(seed=1, batch_size=16).load_state_dict(broken)


def test_damage_is_raised_where_it_belongs_and_not_passed_over(make_corpus: MakeCorpus) -> None:
    path = make_corpus(60_000, shard_tokens=10**6).path
    shard = path / "shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[300_000] ^= 1
    shard.write_bytes(content)
    corpus = Corpus.open(path)
    batches = corpus.batches(batch_size=2, prefetch=50)
    with pytest.raises(CorpusError, match="block 1 ") as first:
        take(batches, 30_000)
    good = int(batches.state_dict()["next_batch"])
    with pytest.raises(CorpusError) as again:
        next(batches)
    assert str(again.value) == str(first.value)
    reference = corpus.batches(batch_size=2, prefetch=0)
    take(reference, good)
    with pytest.raises(CorpusError):
        next(reference)


def threads_named(name: str) -> int:
    tasks = Path("/proc/self/task")
    return sum((task / "comm").read_text().strip() == name for task in tasks.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_dropped_batches_leave_no_thread(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(50)
    many = [corpus.batches(batch_size=4) for _ in range(5)]
    for batches in many:
        next(batches)
    assert threads_named("prefetch-0") >= 5
    del many, batches
    gc.collect()
    deadline = time.monotonic() + 10
    while threads_named("prefetch-0") > 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads_named("prefetch-0") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_child_goes_on_with_the_same_batches(make_corpus: MakeCorpus) -> None:
    batches = make_corpus(500).batches(batch_size=16, prefetch=4)
    take(batches, 3)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Only what a child needs: pytest's own exits must not run here.
        signal.alarm(20)
        os.write(writing, repr(indices(take(batches, 20))).encode())
        del batches
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert found == repr(indices(take(batches, 20)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_child_forked_while_other_threads_wait_for_the_batches_does_not_halt(make_corpus: MakeCorpus) -> None:
    # A thread that waits for a batch holds a lock, and a child has no such thread.
    batches = make_corpus(500).batches(batch_size=256, prefetch=1)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            next(batches)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(100):
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                take(batches, 2)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_two_python_threads_share_the_batches_without_loss(make_corpus: MakeCorpus) -> None:
    batches = make_corpus(100).batches(batch_size=8)
    numbers: list[int] = []

    def consume() -> None:
        numbers.extend(next(batches).number for _ in range(200))

    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert sorted(numbers) == list(range(400))


WAIT_FOR_A_LARGE_BATCH = """
import sys
from reldistill_loader import Corpus
batches = Corpus.open(sys.argv[1]).batches(batch_size=2**24)
print("waiting", flush=True)
next(batches)
"""


def test_ctrl_c_ends_waiting_for_a_batch(make_corpus: MakeCorpus) -> None:
    command = [sys.executable, "-c", WAIT_FOR_A_LARGE_BATCH, str(make_corpus(100).path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stderr is not None
        waiting.stdout.readline()
        time.sleep(0.3)
        started = time.monotonic()
        waiting.send_signal(signal.SIGINT)
        errors = waiting.stderr.read()
        assert time.monotonic() - started < 30  # the batch would take longer than anybody waits
    assert "KeyboardInterrupt" in errors


WITHOUT_TORCH = """
import sys
import reldistill_loader
assert not {"torch", "transformers", "datasets", "pyarrow"} & set(sys.modules), "heavy imports"
"""


def test_the_loader_imports_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True)
