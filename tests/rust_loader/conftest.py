"""Corpora of numbers: the text says which ids must come out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reldistill_loader import Corpus, tokenize_documents
from rust_loader.small_tokenizers import numbers

MakeCorpus = Callable[..., Corpus]


@pytest.fixture(scope="session")
def number_tokenizer() -> str:
    """The text of a tokenizer.json whose words are the numbers from 3 to 999."""
    return numbers(999).to_str()


@pytest.fixture
def make_corpus(tmp_path: Path, number_tokenizer: str) -> MakeCorpus:
    """Makes a corpus of so many sequences; sequence s is 1 + s mod 7 times the id 3 + s mod 900, between [CLS] and [SEP]."""

    def make(sequences: int, name: str = "corpus", shard_tokens: int = 500) -> Corpus:
        documents = (f"{3 + number % 900} " * (1 + number % 7) for number in range(sequences))
        tokenize_documents(documents, number_tokenizer, tmp_path / name, source="numbers", shard_tokens=shard_tokens)
        return Corpus.open(tmp_path / name)

    return make
