"""Damage of every kind: an error that names shard and cause, never a wrong batch, never a crash, never a hang."""

import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from reldistill_loader import Batches, Corpus, CorpusError, PackedBatch, tokenize
from rust_loader.conftest import MakeCorpus

BLOCK_BYTES = 256 * 1024


@pytest.fixture
def corpus_path(make_corpus: MakeCorpus) -> Path:
    """A corpus of two shards with several blocks each."""
    corpus = make_corpus(60_000, shard_tokens=200_000)
    sizes = [shard.bytes for shard in corpus.manifest.shards]
    assert [-(-size // BLOCK_BYTES) for size in sizes] == [3, 2]
    return corpus.path


def pieces(batches: Batches) -> list[PackedBatch]:
    """The next batch, uncut."""
    return [piece for piece in next(batches).micro_batches(10**9) if isinstance(piece, PackedBatch)]


def first(count: int, batches: Batches) -> list[list[PackedBatch]]:
    return [pieces(batches) for _ in range(count)]


def are_equal(found: list[PackedBatch], expected: list[PackedBatch]) -> bool:
    return len(found) == len(expected) and all(
        np.array_equal(ours.indices, theirs.indices)
        and np.array_equal(ours.cu_seqlens, theirs.cu_seqlens)
        and np.array_equal(ours.input_ids, theirs.input_ids)
        for ours, theirs in zip(found, expected, strict=True)
    )


def read_until_told(path: Path, expected: list[list[PackedBatch]], prefetch: int) -> tuple[str, int]:
    """Reads on and on; the error that it ended with, and how many batches came before it, all of them right."""
    good = 0
    try:
        batches = Corpus.open(path).batches(batch_size=2, prefetch=prefetch)
        for batch in expected:
            assert are_equal(pieces(batches), batch), f"batch {good} is wrong"
            good += 1
    except CorpusError as error:
        return str(error), good
    raise AssertionError("so many batches were read and nothing was said")


@contextmanager
def flipped(file: Path, bit: int) -> Iterator[None]:
    """A file with one bit the other way, for a while."""
    with file.open("r+b", buffering=0) as content:
        (byte,) = os.pread(content.fileno(), 1, bit // 8)
        os.pwrite(content.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
        yield
        os.pwrite(content.fileno(), bytes([byte]), bit // 8)


@pytest.mark.timeout(120)
def test_each_of_400_flipped_bits_is_told_before_its_batch(corpus_path: Path) -> None:
    # Two sequences at a time: a larger batch would touch all blocks at once. So many touch each in the end.
    expected = first(2000, Corpus.open(corpus_path).batches(batch_size=2, prefetch=0))
    rng = random.Random(3)
    files = {file: 8 * file.stat().st_size for file in sorted(corpus_path.iterdir())}
    manifest = corpus_path / "manifest.json"
    yielded = []
    for number in range(400):
        # The manifest is small: a share of its own, else it would hardly be hit.
        file = manifest if number % 4 == 0 else rng.choice(sorted(files))
        bit = rng.randrange(files[file])
        block = f"block {bit // 8 // BLOCK_BYTES} (bytes "
        named = re.escape(f"{manifest}: " if file == manifest else f"shard {file}: {block}")
        with flipped(file, bit):
            message, good = read_until_told(corpus_path, expected, prefetch=number % 3)
            assert re.match(named, message), f"bit {bit} of {file.name}: {message}"
            with pytest.raises(CorpusError, match=named):
                Corpus.open(corpus_path, verify="full")
        yielded.append(good)
    # If all damage were told when the corpus is opened, this would not be a test of batches.
    assert sum(count > 0 for count in yielded) > 50
    batches = Corpus.open(corpus_path).batches(batch_size=2)
    assert all(are_equal(pieces(batches), batch) for batch in expected)


@pytest.mark.timeout(120)
def test_each_of_100_truncations_is_told_when_it_is_opened(corpus_path: Path) -> None:
    rng = random.Random(4)
    wholes = {file: file.read_bytes() for file in sorted(corpus_path.iterdir())}
    for _ in range(100):
        file, whole = rng.choice(sorted(wholes.items()))
        left = rng.randrange(len(whole))
        os.truncate(file, left)
        is_shard = file.suffix == ".arrow"
        cause = f"it has {left} bytes, the manifest says {len(whole)}; " if is_shard else "not the JSON of a manifest: "
        for verify in ("first_touch", "full", "none"):
            with pytest.raises(CorpusError, match=re.escape(f"{file}: {cause}")):
                Corpus.open(corpus_path, verify=verify)
        file.write_bytes(whole)
    Corpus.open(corpus_path, verify="full")


def test_a_manifest_cut_at_any_byte_is_refused(make_corpus: MakeCorpus) -> None:
    path = make_corpus(10).path
    manifest = path / "manifest.json"
    whole = manifest.read_bytes()
    for left in range(len(whole) - 1, -1, -1):
        os.truncate(manifest, left)
        # Its last byte is the line end after the JSON.
        if left == len(whole) - 1:
            assert len(Corpus.open(path)) == 10
            continue
        with pytest.raises(CorpusError, match=r"manifest\.json: not the JSON of a manifest: EOF while parsing"):
            Corpus.open(path)


CUT_SHORT = """
import os, sys
from reldistill_loader import Corpus, CorpusError

path, shard, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
corpus = Corpus.open(path)
corpus.sequence(0)
os.truncate(shard, left)
# The last block, with the footer, was verified when the corpus was opened, and cannot be guarded any more.
for index in range(17_000, 40_000, 100):
    try:
        corpus.sequence(index)
    except CorpusError as error:
        print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems give no answer but a signal")
def test_a_shard_cut_short_while_it_is_open_is_an_error_and_no_signal(make_corpus: MakeCorpus) -> None:
    path = make_corpus(60_000, shard_tokens=10**6).path
    shard = path / "shard-00000.arrow"
    size = shard.stat().st_size
    assert size > 3 * BLOCK_BYTES
    left = BLOCK_BYTES + 5000
    done = subprocess.run(
        [sys.executable, "-c", CUT_SHORT, str(path), str(shard), str(left)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr}"
    messages = done.stdout.splitlines()
    assert len(messages) == 230
    cause = f"cannot be read: the file was cut short while it was open, from {size} bytes to {left}; copy it again"
    for block in (1, 2):
        assert any(f"shard {shard}: block {block} (bytes " in message and cause in message for message in messages)


def test_a_shard_that_vanishes_once_it_is_open_is_read_on(make_corpus: MakeCorpus) -> None:
    path = make_corpus(500).path
    expected = first(63, Corpus.open(path).batches(batch_size=8, prefetch=0))
    corpus = Corpus.open(path)
    shards = sorted(path.glob("*.arrow"))
    assert len(shards) > 2
    for shard in shards:
        shard.unlink()
    batches = corpus.batches(batch_size=8)
    assert all(are_equal(pieces(batches), batch) for batch in expected)
    with pytest.raises(CorpusError, match=r"shard-00000\.arrow: it is missing"):
        Corpus.open(path)


def test_an_input_that_vanishes_while_another_is_read_is_named(tmp_path: Path, number_tokenizer: str) -> None:
    pipe, second = tmp_path / "a.txt", tmp_path / "b.txt"
    os.mkfifo(pipe)
    second.write_text("5 6\n")

    def feed() -> None:
        with pipe.open("w") as text:
            second.unlink()
            text.write("3 4\n")

    feeder = threading.Thread(target=feed)
    feeder.start()
    with pytest.raises(FileNotFoundError) as raised:
        tokenize(tmp_path, number_tokenizer, tmp_path / "corpus")
    feeder.join()
    assert raised.value.filename == second
    assert not (tmp_path / "corpus").exists()
