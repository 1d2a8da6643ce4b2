"""`documents="join"`: held against a plain loop over the same documents."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reldistill_loader import Corpus, InputError, tokenize, tokenize_documents

CLS, SEP = 1, 2


def joined(documents: list[list[int]], max_length: int) -> list[list[int]]:
    """RoBERTa's full sentences, written down plainly; ids without special tokens."""
    sequences: list[list[int]] = []
    open_sequence: list[int] = []
    room = max_length - 2
    for document in documents:
        for start in range(0, len(document), room):
            window = document[start : start + room]
            if open_sequence and len(open_sequence) + len(window) + 1 <= max_length:
                open_sequence += [*window, SEP]
            else:
                if open_sequence:
                    sequences.append(open_sequence)
                open_sequence = [CLS, *window, SEP]
    return sequences + ([open_sequence] if open_sequence else [])


def sequences(corpus: Path) -> list[list[int]]:
    opened = Corpus.open(corpus)
    return [opened.sequence(index).tolist() for index in range(len(opened))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.integers(3, 999), max_size=25), min_size=1, max_size=30).filter(any),
    st.integers(3, 40),
    st.integers(1, 3),
)
def test_sequences_are_filled_in_order(
    tmp_path: Path, number_tokenizer: str, documents: list[list[int]], max_length: int, threads: int
) -> None:
    text = [" ".join(map(str, document)) for document in documents]
    manifest = tokenize_documents(
        text, number_tokenizer, tmp_path / "corpus", source="numbers", max_length=max_length, join=True,
        threads=threads, overwrite=True,
    )  # fmt: skip
    assert manifest.joined
    assert manifest.documents == len(documents)
    assert sequences(tmp_path / "corpus") == joined(documents, max_length)


def test_chunks_of_a_file_are_joined_across_and_files_are_not(tmp_path: Path, number_tokenizer: str) -> None:
    documents = [[3 + number % 900] * (1 + number % 5) for number in range(60_000)]
    lines = [" ".join(map(str, document)) + "\n" for document in documents]
    (tmp_path / "a.txt").write_text("".join(lines))
    (tmp_path / "b.txt").write_text("".join(lines[:7]))
    tokenize(
        [tmp_path / "a.txt", tmp_path / "b.txt"], number_tokenizer, tmp_path / "c", max_length=32, documents="join"
    )
    assert sequences(tmp_path / "c") == joined(documents, 32) + joined(documents[:7], 32)


def test_any_other_word_is_refused(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3\n")
    with pytest.raises(InputError, match='documents = "glue" is not allowed'):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", documents="glue")  # type: ignore[arg-type]
