"""A distillation on several corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import MakeTeacher
from reldistill import DataError, DistillConfig, DistillResult, UsageError, distill
from reldistill.config import parse_mixing
from reldistill.distillation import DryRun
from reldistill.distillation.locate import locate_teacher
from reldistill.registry import Registry
from reldistill_loader import tokenize
from tiny_models import write_text


@pytest.fixture
def corpora(teacher: MakeTeacher, tmp_path: Path) -> tuple[Path, list[str]]:
    """A teacher's folder, and two corpora of its tokens."""
    folder = teacher("bert", layers=3)
    tokenizer = locate_teacher(str(folder), Registry.installed()).tokenizer_json
    for name, lines in (("small", 10), ("large", 90)):
        write_text(tmp_path / f"{name}.txt", lines)
        tokenize(tmp_path / f"{name}.txt", tokenizer, tmp_path / name, max_length=40)
    return folder, [str(tmp_path / name) for name in ("small", "large")]


def config(corpora: tuple[Path, list[str]], **options: Any) -> DistillConfig:
    sizes: dict[str, Any] = {
        "student": "2x12", "student_heads": 3, "max_length": 40, "batch_size": 16, "steps": 10, "precision": "fp32",
    }  # fmt: skip
    return DistillConfig(teacher=str(corpora[0]), data=tuple(corpora[1]), **(sizes | options))


def test_corpora_are_mixed_and_the_card_says_how(
    corpora: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    results = {}
    for mixing in ("0.3", "1", "2,1"):
        result = distill(config(corpora, mixing=mixing))
        assert isinstance(result, DistillResult)
        results[mixing] = result
    # Each is a run of its own, since other sequences are drawn.
    assert len({result.folder for result in results.values()}) == 3
    assert len({result.last_row["loss"] for result in results.values()}) == 3
    cards = {mixing: (result.student / "README.md").read_text() for mixing, result in results.items()}
    assert "small, large (mixed by sequences to the power of 0.3)" in cards["0.3"]
    assert "small, large (mixed by weights 2, 1)" in cards["2,1"]


def test_a_dry_run_mixes_as_well(corpora: tuple[Path, list[str]]) -> None:
    assert isinstance(distill(config(corpora), dry_run=True), DryRun)


def test_weights_are_one_for_each_corpus(corpora: tuple[Path, list[str]]) -> None:
    with pytest.raises(UsageError, match="--mixing has 3 weights for 2 corpora"):
        distill(config(corpora, mixing="1,2,3"), dry_run=True)


def test_corpora_and_text_are_not_joined(corpora: tuple[Path, list[str]], tmp_path: Path) -> None:
    text = str(write_text(tmp_path / "text.txt", 5))
    with pytest.raises(DataError, match="is a corpus and cannot be joined with other data"):
        distill(config((corpora[0], [corpora[1][0], text])), dry_run=True)


def test_held_out_text_is_one_corpus(corpora: tuple[Path, list[str]]) -> None:
    with pytest.raises(DataError, match="--validation names 2 corpora"):
        distill(config(corpora, validation=tuple(corpora[1])), dry_run=True)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "nan", "1,0", "1,inf", "1,,2", "1,-2"])
def test_what_is_neither_exponent_nor_weights_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither an exponent nor weights"):
        parse_mixing(text)


def test_an_exponent_is_one_number_and_weights_are_several() -> None:
    assert [parse_mixing(text) for text in ("0", "0.3", "1", "2,1,0.5")] == [0, 0.3, 1, (2, 1, 0.5)]
