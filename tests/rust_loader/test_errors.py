"""Exceptions are ordinary Python classes."""

import pickle

import pytest

from reldistill_loader import Corpus, CorpusError, InputError, LoaderError


@pytest.mark.parametrize("error", [LoaderError("a"), InputError("b"), CorpusError("c")])
def test_errors_are_pickled(error: LoaderError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.args == error.args


def test_an_error_from_rust_is_pickled_too() -> None:
    with pytest.raises(CorpusError) as raised:
        Corpus.open("/no/such/corpus")
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_both_kinds_are_loader_errors_and_apart() -> None:
    assert issubclass(InputError, LoaderError)
    assert issubclass(CorpusError, LoaderError)
    assert not issubclass(InputError, CorpusError)
    assert not issubclass(LoaderError, OSError)
