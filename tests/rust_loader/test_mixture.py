"""Several corpora as one: shares, order, resuming, and what is refused."""

import copy
import pickle
from collections import Counter

import pytest

from reldistill_loader import Corpus, CorpusError, InputError, Mixture, tokenize_documents
from rust_loader.conftest import MakeCorpus
from rust_loader.plain_order import mixed_batch
from rust_loader.small_tokenizers import numbers


@pytest.fixture
def corpora(make_corpus: MakeCorpus) -> list[Corpus]:
    return [make_corpus(count, f"corpus-{count}") for count in (40, 300, 7)]


def test_the_order_is_the_documented_one(corpora: list[Corpus]) -> None:
    mixture = Mixture(corpora, weights=[1, 2, 1])
    assert mixture.shares == (0.25, 0.5, 0.25)
    batches = mixture.batches(seed=5, batch_size=700)
    state = batches.state_dict()
    # 93 and 94 lie on both sides of the first block's end.
    for number in (0, 1, 93, 94, 10**9, 2**50):
        batches.load_state_dict(state | {"next_batch": number})
        batch = next(batches)
        expected = mixed_batch([(40, 16384), (300, 32768), (7, 16384)], 5, 700, number)
        assert sorted(batch.indices.tolist()) == sorted(expected)


def test_sequences_are_those_of_the_corpora(corpora: list[Corpus]) -> None:
    mixture = Mixture(corpora)
    assert (len(mixture), mixture.tokens) == (347, sum(corpus.tokens for corpus in corpora))
    assert [mixture.locate(index) for index in (0, 39, 40, 339, 340, 346)] == [
        (0, 0), (0, 39), (1, 0), (1, 299), (2, 0), (2, 6),
    ]  # fmt: skip
    batch = next(mixture.batches(batch_size=50))
    start = 0
    for index, length in zip(batch.indices.tolist(), batch.lengths, strict=True):
        corpus, within = mixture.locate(index)
        ids = corpora[corpus].sequence(within)
        assert batch.input_ids[start : start + length].tolist() == ids.tolist() == mixture.sequence(index).tolist()
        start += length
    for index in (-1, 347):
        with pytest.raises(IndexError, match="the corpus holds 347 sequences"):
            mixture.sequence(index)


def test_shares_follow_sizes_to_the_exponent(corpora: list[Corpus]) -> None:
    assert Mixture(corpora, exponent=0).shares == pytest.approx([1 / 3] * 3, abs=1e-4)
    assert Mixture(corpora).shares == pytest.approx([40 / 347, 300 / 347, 7 / 347], abs=1e-4)
    powers = [count**0.3 for count in (40, 300, 7)]
    assert Mixture(corpora, exponent=0.3).shares == pytest.approx([p / sum(powers) for p in powers], abs=1e-4)


def test_each_block_holds_the_exact_shares_and_no_sequence_more_often_than_another(corpora: list[Corpus]) -> None:
    batches = Mixture(corpora, weights=[1, 1, 2]).batches(batch_size=65_536)
    for _ in range(2):
        counts = Counter(next(batches).indices.tolist())
        for first, end, quota in ((0, 40, 16_384), (40, 340, 16_384), (340, 347, 32_768)):
            drawn = [counts[index] for index in range(first, end)]
            assert sum(drawn) == quota
            assert max(drawn) - min(drawn) <= 2


def test_a_run_resumes_exactly_and_only_with_the_same_shares(corpora: list[Corpus]) -> None:
    mixture = Mixture(corpora, exponent=0.3)
    batches = mixture.batches(batch_size=32)
    for _ in range(5):
        next(batches)
    state = batches.state_dict()
    expected = [next(batches).input_ids.tolist() for _ in range(5)]
    resumed = pickle.loads(pickle.dumps(mixture)).batches(batch_size=32, prefetch=0)
    resumed.load_state_dict(state)
    assert [next(resumed).input_ids.tolist() for _ in range(5)] == expected
    for other in (Mixture(corpora, exponent=0.31), Mixture(corpora[::-1], exponent=0.3)):
        with pytest.raises(CorpusError, match=r"corpus is [0-9a-f]{64} in the state and [0-9a-f]{64} here"):
            other.batches(batch_size=32).load_state_dict(state)


def test_a_mixture_of_one_is_that_corpus(corpora: list[Corpus]) -> None:
    alone, mixture = corpora[0], Mixture(corpora[:1], weights=[7])
    assert (mixture.fingerprint, mixture.shares) == (alone.fingerprint, (1.0,))
    state = alone.batches().state_dict()
    batches = mixture.batches()
    batches.load_state_dict(state)
    assert next(batches).input_ids.tolist() == next(alone.batches()).input_ids.tolist()


def test_a_copy_keeps_its_weights(corpora: list[Corpus]) -> None:
    for mixture in (Mixture(corpora, weights=[3, 1, 1]), Mixture(corpora, exponent=0.5), Mixture(corpora)):
        assert copy.copy(mixture).fingerprint == mixture.fingerprint
    assert "corpus-300" in repr(mixture)


def test_what_makes_no_sense_is_refused(corpora: list[Corpus], make_corpus: MakeCorpus) -> None:
    with pytest.raises(InputError, match=r"weights = \[1.0\] is not allowed; pass one for each of the 3 corpora"):
        Mixture(corpora, weights=[1])
    with pytest.raises(InputError, match="weights = -1 is not allowed; each is a positive number"):
        Mixture(corpora, weights=[1, -1, 2])
    with pytest.raises(InputError, match="exponent = 2 is not allowed; pass a number from 0"):
        Mixture(corpora, exponent=2)
    with pytest.raises(InputError, match="weights and exponent are both given"):
        Mixture(corpora, weights=[1, 1, 1], exponent=1)
    with pytest.raises(InputError, match="corpora = 0 is not allowed"):
        Mixture([])
    folder = corpora[0].path.parent / "other"
    tokenize_documents(["3 4"], numbers(500).to_str(), folder, source="other")
    with pytest.raises(
        InputError, match=r"other\" was made with another tokenizer than .*; mix corpora of one tokenizer"
    ):
        Mixture([*corpora, Corpus.open(folder)])
