"""Builds in parts: a merged corpus is one corpus for everybody who reads it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import load_dataset

from reldistill_loader import Corpus, CorpusError, InputError, PackedBatch, Part, merge_parts, summarize, tokenize
from rust_loader.small_tokenizers import numbers

PARTS = 3


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for file in range(7):
        lines = (f"{3 + (file * 100 + line) % 900} " * (1 + line % 6) + "\n" for line in range(50 * (1 + file % 3)))
        (folder / f"{file}.txt").write_text("".join(lines))
    return folder


def build(texts: Path, output: Path, part: tuple[int, int] | None = None) -> None:
    tokenize(texts, numbers(999).to_str(), output, part=part, max_length=8, shard_tokens=600)


@pytest.fixture
def merged(texts: Path, tmp_path: Path) -> Corpus:
    for number in range(1, PARTS + 1):
        build(texts, tmp_path / "corpus", (number, PARTS))
    manifest = merge_parts(tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus.manifest == manifest
    return corpus


@pytest.fixture
def whole(texts: Path, tmp_path: Path) -> Corpus:
    build(texts, tmp_path / "whole")
    return Corpus.open(tmp_path / "whole")


def sequences(corpus: Corpus) -> list[list[int]]:
    return [corpus.sequence(index).tolist() for index in range(len(corpus))]


def test_a_merged_corpus_holds_the_same_sequences(merged: Corpus, whole: Corpus) -> None:
    assert sequences(merged) == sequences(whole)
    assert merged.manifest.part is None
    for name in ("sources", "documents", "sequences", "tokens", "skipped"):
        assert getattr(merged.manifest, name) == getattr(whole.manifest, name)
    folders = {shard.name.partition("/")[0] for shard in merged.manifest.shards}
    assert folders == {"part-00001-of-00003", "part-00002-of-00003", "part-00003-of-00003"}
    assert len(merged.manifest.shards) > PARTS


def test_training_sees_the_same_batches(merged: Corpus, whole: Corpus) -> None:
    one, other = (corpus.batches(seed=5, batch_size=64) for corpus in (merged, whole))
    for _ in range(2 * len(whole) // 64):
        mine, theirs = next(one), next(other)
        assert mine.indices.tolist() == theirs.indices.tolist()
        for left, right in zip(mine.micro_batches(512), theirs.micro_batches(512), strict=True):
            assert isinstance(left, PackedBatch)
            assert isinstance(right, PackedBatch)
            np.testing.assert_array_equal(left.input_ids, right.input_ids)


def test_a_part_says_which_one_it_is(merged: Corpus) -> None:
    part = Corpus.open(merged.path / "part-00002-of-00003").manifest.part
    assert isinstance(part, Part)
    assert (part.number, part.of, part.folder) == (2, 3, "part-00002-of-00003")


def test_verifying_reads_the_parts(merged: Corpus) -> None:
    assert len(Corpus.open(merged.path, verify="full")) == len(merged)
    shard = merged.path / "part-00002-of-00003" / "shard-00001.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CorpusError, match=r"part-00002-of-00003/shard-00001\.arrow: block 0"):
        Corpus.open(merged.path, verify="full")


def test_a_summary_is_that_of_the_whole(merged: Corpus, whole: Corpus) -> None:
    mine, theirs = summarize(merged), summarize(whole)
    assert (mine.histogram, mine.padding, mine.percentiles) == (theirs.histogram, theirs.padding, theirs.percentiles)


def test_pyarrow_reads_the_shards(merged: Corpus, whole: Corpus) -> None:
    found: list[list[int]] = []
    for shard in merged.manifest.shards:
        with pa.memory_map(str(merged.path / shard.name)) as file:
            found += pa.ipc.open_file(file).read_all()["input_ids"].to_pylist()
    assert found == sequences(whole)


@pytest.mark.filterwarnings("ignore")
def test_datasets_loads_all_parts_at_once(merged: Corpus, whole: Corpus, tmp_path: Path) -> None:
    files = str(merged.path / "**" / "*.arrow")
    dataset = load_dataset("arrow", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert dataset["input_ids"][:] == sequences(whole)


def test_missing_parts_are_listed(texts: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "corpus", (2, 4))
    with pytest.raises(CorpusError, match="of 4 parts these are missing or not finished: 1, 3 to 4; build them"):
        merge_parts(tmp_path / "corpus")
    with pytest.raises(CorpusError, match="holds parts of a corpus that are not merged"):
        Corpus.open(tmp_path / "corpus")


def test_a_merged_corpus_is_replaced_only_on_request(merged: Corpus) -> None:
    with pytest.raises(InputError, match="holds a finished corpus"):
        merge_parts(merged.path)
    assert merge_parts(merged.path, overwrite=True) == merged.manifest


@pytest.mark.parametrize("part", [(0, 4), (5, 4), (1, 100_000)])
def test_a_part_that_cannot_be_is_refused(texts: Path, tmp_path: Path, part: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"part = {part[0]}/{part[1]} is not allowed; count parts from 1"):
        build(texts, tmp_path / "corpus", part)


def test_a_bound_on_sequences_is_for_whole_corpora(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_sequences = 9 is not allowed; a part takes all of its files"):
        tokenize(texts, numbers(999).to_str(), tmp_path / "corpus", part=(1, 2), max_sequences=9)
