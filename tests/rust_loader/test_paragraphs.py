"""`text_documents="paragraphs"`: held against the same documents, cut out of the text by a plain loop."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reldistill_loader import Corpus, InputError, Progress, tokenize, tokenize_documents

BLANK = ["\n", "\r\n", " \n", "\t \r\n", "\u3000\n", "\x85\n"]
FULL = ["3\n", " 4 5\n", "6\r\n", "\u200b\n", "7 \n", "8 9\x0b\n", "\x1c\n"]


def paragraphs(text: str) -> list[str]:
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        # Unlike Python, Unicode does not call the control character white space.
        if line.strip() or "\x1c" in line:
            found[-1].append(line)
        else:
            found.append([])
    return ["\n".join(lines).removesuffix("\r") for lines in found if lines]


def sequences(corpus: Path) -> list[list[int]]:
    opened = Corpus.open(corpus)
    return [opened.sequence(index).tolist() for index in range(len(opened))]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(BLANK + FULL), min_size=1, max_size=30))
def test_blank_lines_and_nothing_else_separate_documents(
    tmp_path: Path, number_tokenizer: str, lines: list[str]
) -> None:
    text = "3\n" + "".join(lines)
    (tmp_path / "a.txt").write_bytes(text.encode())
    documents = paragraphs(text)
    expected = tokenize_documents(documents, number_tokenizer, tmp_path / "expected", source="a.txt", overwrite=True)
    found = tokenize(
        tmp_path / "a.txt", number_tokenizer, tmp_path / "found", text_documents="paragraphs", overwrite=True
    )
    assert found.text_documents == "paragraphs"
    assert found.documents == expected.documents == len(documents)
    assert found.empty_documents == expected.empty_documents
    assert sequences(tmp_path / "found") == sequences(tmp_path / "expected")


def zst(content: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(content, asbytes=True)
    return packed


PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zst}


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("documents", ["split", "join"])
def test_paragraphs_of_any_size_in_packed_files(
    tmp_path: Path, number_tokenizer: str, suffix: str, documents: str
) -> None:
    """Chunks are 256 KiB: there are several of them, and paragraphs longer than one."""
    numbers = [[3 + number % 900] * (1 + number % 200) for number in range(9_000)] + [[7] * 300_000, [8], [9] * 200_000]
    text = "".join("\n".join(map(str, paragraph)) + "\n\n" for paragraph in numbers)
    packed = PACK[suffix](text.encode())
    file = tmp_path / f"a.txt{suffix}"
    file.write_bytes(packed)
    states: list[Progress] = []
    manifest = tokenize(
        file, number_tokenizer, tmp_path / "found", documents=documents, text_documents="paragraphs",  # type: ignore[arg-type]
        progress=states.append,
    )  # fmt: skip
    lines = [" ".join(map(str, paragraph)) for paragraph in numbers]
    tokenize_documents(lines, number_tokenizer, tmp_path / "expected", source="a", join=documents == "join")
    assert manifest.documents == len(numbers)
    assert sequences(tmp_path / "found") == sequences(tmp_path / "expected")
    assert 0.9 * len(packed) <= states[-1].bytes_done <= len(packed) == states[-1].bytes_total


def test_errors_name_the_very_line(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"3\n\n\n4\n5\xff\n6\n\n7\n")
    with pytest.raises(InputError, match=r"a\.txt:5: not UTF-8: byte 0xff at column 2"):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", text_documents="paragraphs")
    manifest = tokenize(
        tmp_path / "a.txt", number_tokenizer, tmp_path / "c", text_documents="paragraphs", on_error="skip"
    )
    assert [(record.line, record.source) for record in manifest.skipped] == [(5, "a.txt")]
    assert (manifest.documents, sequences(tmp_path / "c")) == (2, [[1, 3, 2], [1, 7, 2]])


def test_a_paragraph_beyond_all_bounds_is_named_by_its_first_line(tmp_path: Path, number_tokenizer: str) -> None:
    long = "7 " * 1000 + "\n"
    (tmp_path / "a.txt").write_text("3\n\n" + long * (16 * 1024 * 1024 // len(long) + 1) + "\n4\n")
    with pytest.raises(InputError, match=r"a\.txt:3: longer than 16 MiB; put blank lines between its documents"):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", text_documents="paragraphs")
    tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", text_documents="paragraphs", on_error="skip")
    assert sequences(tmp_path / "c") == [[1, 3, 2], [1, 4, 2]]


def test_lines_are_the_default_and_leave_no_trace(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3\n4\n\n5\n")
    assert tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c").text_documents == "lines"
    assert sequences(tmp_path / "c") == [[1, 3, 2], [1, 4, 2], [1, 5, 2]]
    assert "text_documents" not in (tmp_path / "c" / "manifest.json").read_text()


def test_any_other_word_is_refused(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3\n")
    with pytest.raises(InputError, match='text_documents = "pages" is not allowed; pass "lines" or "paragraphs"'):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", text_documents="pages")  # type: ignore[arg-type]
