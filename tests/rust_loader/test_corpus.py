"""Reading a corpus, whole and damaged."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from reldistill_loader import Corpus, CorpusError, InputError, tokenize_documents
from rust_loader.conftest import MakeCorpus
from rust_loader.small_tokenizers import numbers

BLOCK_BYTES = 256 * 1024


def test_a_sequence_is_a_read_only_view_that_outlives_its_corpus(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(100)
    ids = corpus.sequence(8)
    assert ids.tolist() == [1, 11, 11, 2]
    assert ids.dtype == np.uint16
    assert ids.base is not None
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 5
    del corpus
    assert ids.tolist() == [1, 11, 11, 2]


def test_views_of_one_sequence_share_memory(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    assert np.shares_memory(corpus.sequence(3), corpus.sequence(3))


def test_a_large_vocabulary_takes_four_bytes(tmp_path: Path) -> None:
    manifest = tokenize_documents(["69999 5"], numbers(70_000).to_str(), tmp_path / "corpus", source="numbers")
    ids = Corpus.open(tmp_path / "corpus").sequence(0)
    assert manifest.dtype == ids.dtype.name == "uint32"
    assert ids.tolist() == [1, 69_999, 5, 2]


def test_lengths_add_up_to_the_tokens(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(1000)
    lengths = [corpus.length(index) for index in range(len(corpus))]
    assert len(corpus.manifest.shards) > 3
    assert lengths == [len(corpus.sequence(index)) for index in range(len(corpus))]
    assert sum(lengths) == corpus.tokens == corpus.manifest.tokens


@pytest.mark.parametrize("index", [-1, 10, 2**62])
def test_an_index_out_of_range_is_an_index_error(index: int, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    for read in (corpus.sequence, corpus.length):
        with pytest.raises(IndexError, match=r"the corpus holds 10 sequences"):
            read(index)


def test_a_pickled_corpus_is_opened_again(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    again = pickle.loads(pickle.dumps(corpus))
    assert (again.path, again.fingerprint, len(again)) == (corpus.path, corpus.fingerprint, 10)


def test_equal_text_has_an_equal_fingerprint(make_corpus: MakeCorpus) -> None:
    first, second, other = make_corpus(10), make_corpus(10, "again"), make_corpus(11, "other")
    assert first.fingerprint == second.fingerprint == first.manifest.fingerprint
    assert first.fingerprint != other.fingerprint


def flip(path: Path, byte: int) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 16
    path.write_bytes(content)


def test_a_flipped_bit_is_named_by_shard_and_block(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(60_000, shard_tokens=10**6)
    shard = corpus.path / "shard-00000.arrow"
    assert shard.stat().st_size > 3 * BLOCK_BYTES
    expected = [corpus.sequence(index).tolist() for index in range(len(corpus))]
    flip(shard, BLOCK_BYTES + 77)

    with pytest.raises(CorpusError, match=rf"shard .*{shard.name}: block 1 \(bytes 262144 to 524288\) is damaged"):
        Corpus.open(corpus.path, verify="full")
    damaged = Corpus.open(corpus.path)
    read = {index: ids for index in range(len(damaged)) if (ids := ids_or_none(damaged, index)) is not None}
    assert 0 < len(read) < len(damaged)
    assert all(expected[index] == ids for index, ids in read.items())


def ids_or_none(corpus: Corpus, index: int) -> list[int] | None:
    try:
        return list(map(int, corpus.sequence(index)))
    except CorpusError:
        return None


@pytest.mark.parametrize("verify", ["first_touch", "full", "none"])
def test_a_truncated_or_missing_shard_is_named(verify: str, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(500)
    shard = corpus.path / "shard-00001.arrow"
    size = shard.stat().st_size
    with shard.open("r+b") as file:
        file.truncate(size - 1)
    with pytest.raises(CorpusError, match=f"{shard.name}: it has {size - 1} bytes, the manifest says {size}; copy it"):
        Corpus.open(corpus.path, verify=verify)  # type: ignore[arg-type]
    shard.unlink()
    with pytest.raises(CorpusError, match=f"{shard.name}: it is missing; copy it again"):
        Corpus.open(corpus.path, verify=verify)  # type: ignore[arg-type]


def test_a_shard_of_another_corpus_is_refused(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    corpus = make_corpus(40)
    tokenize_documents(
        [corpus_text(number) for number in range(40)], numbers(999).to_str(), tmp_path / "other", source="numbers"
    )
    name = "shard-00000.arrow"
    assert (tmp_path / "other" / name).stat().st_size == (corpus.path / name).stat().st_size
    shutil.copy(tmp_path / "other" / name, corpus.path / name)
    with pytest.raises(CorpusError, match=rf"{name}: block 0 .* is damaged"):
        Corpus.open(corpus.path)


def corpus_text(number: int) -> str:
    return f"{4 + number % 900} " * (1 + number % 7)


def test_a_newer_format_asks_for_an_upgrade(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    manifest = corpus.path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 2}))
    with pytest.raises(CorpusError, match=r"corpus format 2 is newer than 1, .*; upgrade reldistill"):
        Corpus.open(corpus.path)


def test_an_edited_manifest_is_refused(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(10)
    manifest = corpus.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"pad": 0', '"pad": 7'))
    with pytest.raises(CorpusError, match=r"manifest\.json: it was altered: its checksum is"):
        Corpus.open(corpus.path)


def test_what_is_no_corpus_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not a corpus: there is no such folder; build one first"):
        Corpus.open(tmp_path / "none")
    with pytest.raises(CorpusError, match=r"is not a finished corpus: it has no manifest\.json; build it"):
        Corpus.open(tmp_path)
    with pytest.raises(InputError, match='verify = "always" is not allowed; pass "first_touch", "full" or "none"'):
        Corpus.open(tmp_path, verify="always")  # type: ignore[arg-type]
