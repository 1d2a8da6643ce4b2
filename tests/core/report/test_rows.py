"""metrics.jsonl, whole, torn and broken."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import pytest

from reldistill import DataError
from reldistill.report import read_rows
from written_runs import trained, validated, write_rows


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.jsonl"
    write_rows(path, [validated(0), trained(1), trained(2)])
    return path


def test_rows_are_read_as_they_were_written(file: Path) -> None:
    assert read_rows(file) == [validated(0), trained(1), trained(2)]


@pytest.mark.parametrize("left", [1, 5, 30])
def test_a_last_line_that_was_cut_off_is_passed_over(file: Path, left: int) -> None:
    whole = file.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    file.write_bytes(whole[: len(whole) - len(last) + left])
    assert [row["step"] for row in read_rows(file)] == [0, 1]


def test_a_last_line_that_lacks_its_end_alone_is_a_row(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    assert len(read_rows(file)) == 3


def test_what_a_power_cut_leaves_behind_the_last_line_is_passed_over(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"\0" * 512)
    assert len(read_rows(file)) == 3


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"step": 2, "loss"', "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "is not an object"),
        (b'{"step": 2, "loss": "1.0"}', "'loss' is not a number"),
        (b'{"step": 2, "loss": true}', "'loss' is not a number"),
        (b'{"step": 2, "tokens": 1' + b"0" * 400 + b"}", "'tokens' is out of all bounds"),
        (b'{"loss": 1.0}', "has no step, a whole number"),
        (b'{"step": 1.5, "loss": 1.0}', "has no step, a whole number"),
        (b'{"step": -1, "loss": 1.0}', "has no step, a whole number"),
    ],
)
def test_any_other_broken_line_is_named(file: Path, line: bytes, cause: str) -> None:
    first, *others = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + line + b"\n" + b"".join(others))
    with pytest.raises(DataError) as caught:
        read_rows(file)
    assert str(caught.value).startswith(f"{file}:2: the line {cause}")


def test_values_that_are_not_finite_are_read(file: Path) -> None:
    write_rows(file, [trained(1, float("nan")), trained(2, float("inf"))])
    first, second = read_rows(file)
    assert isnan(first["loss"])
    assert second["loss"] == float("inf")


def test_an_empty_file_has_no_row(file: Path) -> None:
    file.write_bytes(b"")
    assert read_rows(file) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metrics\.jsonl is not there"):
        read_rows(tmp_path / "metrics.jsonl")


def test_null_is_a_number_that_was_not_finite(file: Path) -> None:
    file.write_bytes(b'{"step": 1, "loss": null, "grad_norm": 2.0}\n')
    (row,) = read_rows(file)
    assert isnan(row["loss"])
    assert row["grad_norm"] == 2
