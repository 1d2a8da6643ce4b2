"""The ids are those of transformers' fast tokenizer, to the last one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from reldistill_loader import Corpus, tokenize, tokenize_documents
from rust_loader.small_tokenizers import LINES, byte_level_bpe, saved, unigram, word_piece

FAMILIES = {"word_piece": word_piece, "byte_level_bpe": byte_level_bpe, "unigram": unigram}

ODDITIES = [
    "",
    " ",
    "\t \u3000",
    "[CLS] a [SEP] <s> b </s> <mask> [MASK]",
    "e\u0301 vs é, \u200b\u200d\ufeff zero widths, \u202eright to left\u202c",
    "\x00\x01\x7f control \x85 characters \u2028 and separators",
    "a" * 300,
    "ß" * 120,
    "漢" * 90,
    "👩‍👩‍👧‍👦" * 15,
    "trailing blanks   ",
    "\r in the \r middle",
    " ".join(LINES),
    " ".join(LINES * 20),
]


def expected_windows(path: Path, text: str, max_length: int) -> list[list[int]]:
    """What transformers gives, without documents that hold special tokens only."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path))
    if not tokenizer(text, add_special_tokens=False)["input_ids"]:
        return []
    encoded = tokenizer(text, truncation=True, max_length=max_length, return_overflowing_tokens=True, stride=0)
    return [list(ids) for ids in encoded["input_ids"]]


def sequences(folder: Path) -> list[list[int]]:
    corpus = Corpus.open(folder, verify="full")
    return [corpus.sequence(index).tolist() for index in range(len(corpus))]


@pytest.mark.parametrize("max_length", [3, 7, 128])
@pytest.mark.parametrize("family", FAMILIES)
def test_documents_have_the_ids_of_transformers(family: str, max_length: int, tmp_path: Path) -> None:
    path = saved(FAMILIES[family](), tmp_path / "tokenizer.json")
    documents = [*LINES, *ODDITIES]
    tokenize_documents(documents, path, tmp_path / "corpus", source="test", max_length=max_length)
    expected = [window for text in documents for window in expected_windows(path, text, max_length)]
    assert sequences(tmp_path / "corpus") == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_text_and_json_lines_hold_the_same_documents(family: str, tmp_path: Path) -> None:
    path = saved(FAMILIES[family](), tmp_path / "tokenizer.json")
    documents = [text for text in [*LINES, *ODDITIES] if text.strip() and "\n" not in text]
    (tmp_path / "lines.txt").write_bytes("\n".join(documents).encode())
    (tmp_path / "windows.txt").write_bytes("".join(f"{text}\r\n" for text in documents).encode())
    (tmp_path / "records.jsonl").write_text("\n".join(json.dumps({"id": 1, "body": text}) for text in documents))
    (tmp_path / "unescaped.jsonl").write_text(
        "".join(json.dumps({"body": text}, ensure_ascii=False) + "\n" for text in documents), encoding="utf-8"
    )
    expected = [window for text in documents for window in expected_windows(path, text, 16)]
    for name in ["lines.txt", "windows.txt", "records.jsonl", "unescaped.jsonl"]:
        tokenize(tmp_path / name, path, tmp_path / name[:3], max_length=16, text_column="body")
        assert sequences(tmp_path / name[:3]) == expected, name


@pytest.mark.parametrize("family", FAMILIES)
def test_no_token_of_a_long_document_is_lost(family: str, tmp_path: Path) -> None:
    """tokenizers 0.23.2 stops early when it truncates; the loader must not."""
    tokenizer = FAMILIES[family]()
    path = saved(tokenizer, tmp_path / "tokenizer.json")
    text = " ".join(LINES * 300)
    tokenize_documents([text], path, tmp_path / "corpus", source="test", max_length=64)
    inner = [token for window in sequences(tmp_path / "corpus") for token in window[1:-1]]
    assert inner == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES.keys())
def test_stored_truncation_and_padding_are_ignored(build: Callable[[], Tokenizer], tmp_path: Path) -> None:
    tokenizer = build()
    plain = saved(tokenizer, tmp_path / "plain.json")
    tokenizer.enable_truncation(5, stride=2, direction="left")
    tokenizer.enable_padding(length=40)
    stored = saved(tokenizer, tmp_path / "stored.json")
    for path in (plain, stored):
        tokenize_documents(LINES, path, tmp_path / path.stem, source="test", max_length=24)
    assert sequences(tmp_path / "stored") == sequences(tmp_path / "plain")


def test_a_tokenizer_may_be_passed_as_its_text(tmp_path: Path) -> None:
    tokenizer = word_piece()
    path = saved(tokenizer, tmp_path / "tokenizer.json")
    as_path = tokenize_documents(LINES, path, tmp_path / "a", source="test")
    as_text = tokenize_documents(LINES, path.read_text(encoding="utf-8"), tmp_path / "b", source="test")
    assert as_path == as_text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.lists(st.text(max_size=60), min_size=1, max_size=8),
    max_length=st.integers(3, 20),
    family=st.sampled_from(sorted(FAMILIES)),
)
def test_any_text_has_the_ids_of_transformers(
    documents: list[str], max_length: int, family: str, tmp_path: Path, trained: dict[str, Path]
) -> None:
    path = trained[family]
    expected = [window for text in documents for window in expected_windows(path, text, max_length)]
    if expected:
        output = tmp_path / "corpus"
        tokenize_documents(documents, path, output, source="test", max_length=max_length, overwrite=True)
        assert sequences(output) == expected


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {name: saved(build(), folder / f"{name}.json") for name, build in FAMILIES.items()}
