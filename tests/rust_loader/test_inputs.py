"""Each kind of file gives the corpus that the same documents give one by one."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reldistill_loader import Corpus, InputError, Progress, tokenize

DOCUMENTS = [f"{3 + number % 900} {3 + number % 31}" for number in range(30_000)]


def plain(content: bytes) -> bytes:
    return content


def gz(content: bytes) -> bytes:
    """Two members, as `cat a.gz b.gz` makes them."""
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


def zst(content: bytes) -> bytes:
    """Two frames."""
    codec, half = pa.Codec("zstd"), len(content) // 2
    frames = [codec.compress(part, asbytes=True) for part in (content[:half], content[half:])]
    return b"".join(frames)


def txt(documents: list[str]) -> bytes:
    return "".join(f"{document}\n" for document in documents).encode()


def jsonl(documents: list[str]) -> bytes:
    return "".join(json.dumps({"id": 1, "text": document}) + "\n" for document in documents).encode()


def parquet(documents: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": range(len(documents)), "text": documents}), sink, row_group_size=7_000)
    return bytes(sink.getvalue().to_pybytes())


def ids(corpus: Path) -> list[list[int]]:
    opened = Corpus.open(corpus)
    return [opened.sequence(index).tolist() for index in range(len(opened))]


@pytest.mark.parametrize("pack", [plain, gz, zst])
@pytest.mark.parametrize("kind", [txt, jsonl, parquet])
def test_each_kind_gives_the_same_corpus(
    tmp_path: Path, number_tokenizer: str, kind: Callable[[list[str]], bytes], pack: Callable[[bytes], bytes]
) -> None:
    suffix = "" if pack is plain else f".{pack.__name__}"
    file = tmp_path / f"text.{kind.__name__}{suffix}"
    file.write_bytes(pack(kind(DOCUMENTS)))
    states: list[Progress] = []
    manifest = tokenize(file, number_tokenizer, tmp_path / "corpus", progress=states.append)
    assert manifest.documents == len(DOCUMENTS)
    assert manifest.sources == (file.name,)
    assert ids(tmp_path / "corpus") == [[1, *map(int, document.split()), 2] for document in DOCUMENTS]
    assert states[-1].bytes_total == file.stat().st_size
    assert 0.9 * file.stat().st_size <= states[-1].bytes_done <= file.stat().st_size


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["3 4", "5"], pa.large_string()),
        pa.array(["3 4", "5"], pa.string_view()),
        pa.array(["3 4", "5"]).dictionary_encode(),
    ],
    ids=["large", "view", "dictionary"],
)
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4"])
def test_strings_of_each_arrow_type(tmp_path: Path, number_tokenizer: str, values: pa.Array, compression: str) -> None:
    pq.write_table(pa.table({"text": values}), tmp_path / "a.parquet", compression=compression)
    tokenize(tmp_path / "a.parquet", number_tokenizer, tmp_path / "corpus")
    assert ids(tmp_path / "corpus") == [[1, 3, 4, 2], [1, 5, 2]]


def test_a_null_is_a_broken_record(tmp_path: Path, number_tokenizer: str) -> None:
    pq.write_table(pa.table({"text": ["3", None, "4"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet:2: its text is null"):
        tokenize(tmp_path, number_tokenizer, tmp_path / "corpus")
    manifest = tokenize(tmp_path, number_tokenizer, tmp_path / "corpus", on_error="skip")
    assert [(skipped.line, skipped.cause) for skipped in manifest.skipped] == [(2, "its text is null")]
    assert ids(tmp_path / "corpus") == [[1, 3, 2], [1, 4, 2]]


@pytest.mark.parametrize(
    ("column", "message"),
    [("body", r"no column \"body\"; its columns are \[\"id\", \"text\"\]"), ("id", "not strings")],
)
def test_a_column_without_text_is_named(tmp_path: Path, number_tokenizer: str, column: str, message: str) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet(DOCUMENTS[:5]))
    with pytest.raises(InputError, match=message):
        tokenize(tmp_path / "a.parquet", number_tokenizer, tmp_path / "corpus", text_column=column)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.parquet", "a.parquet.gz"])
def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path, number_tokenizer: str, name: str, on_error: str) -> None:
    kind = parquet if "parquet" in name else txt
    pack = gz if name.endswith("gz") else zst if name.endswith("zst") else plain
    whole = pack(kind(DOCUMENTS))
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=name):
        tokenize(tmp_path / name, number_tokenizer, tmp_path / "corpus", on_error=on_error)  # type: ignore[arg-type]
    assert not (tmp_path / "corpus").exists()


def test_a_flipped_bit_in_a_packed_file_is_an_error(tmp_path: Path, number_tokenizer: str) -> None:
    packed = bytearray(gz(txt(DOCUMENTS)))
    packed[len(packed) // 3] ^= 16
    (tmp_path / "a.txt.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"a\.txt\.gz"):
        tokenize(tmp_path / "a.txt.gz", number_tokenizer, tmp_path / "corpus")


def test_folders_are_walked_for_all_kinds(tmp_path: Path, number_tokenizer: str) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt.gz").write_bytes(gzip.compress(b"3\n"))
    (folder / "b.jsonl.zst").write_bytes(zst(jsonl(["4"])))
    (folder / "c.parquet").write_bytes(parquet(["5"]))
    (folder / "d.csv.gz").write_bytes(gzip.compress(b"6\n"))
    (folder / "gz").write_bytes(b"7\n")
    manifest = tokenize(folder, number_tokenizer, tmp_path / "corpus")
    assert manifest.sources == ("a.txt.gz", "b.jsonl.zst", "c.parquet")
    assert ids(tmp_path / "corpus") == [[1, 3, 2], [1, 4, 2], [1, 5, 2]]
