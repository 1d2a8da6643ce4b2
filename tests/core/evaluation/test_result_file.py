"""Reading ``result.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reldistill.errors import DataError
from reldistill.evaluation.result_file import find_results, read_result
from written_results import STUDENT, content, write_result

MRPC = {"dev": {"accuracy": 87.0, "f1": 90.5}}


def test_every_field_is_read_and_other_keys_are_passed_over(tmp_path: Path) -> None:
    result = read_result(write_result(tmp_path, "mrpc", MRPC))
    assert (result.task, result.family, result.main_metric) == ("mrpc", "glue", "accuracy")
    assert (result.model.name, result.model.teacher, result.model.parameters) == ("6x384", "bert-base", 22_713_216)
    assert (result.seeds, result.selection) == ((1, 2, 3), "the best median on dev")
    assert result.selected == {"learning_rate": 3e-5, "epochs": 3}
    score = result.score("dev", "f1")
    assert score is not None
    assert (score.median, score.mean, score.low, score.high, score.values) == (
        90.5,
        90.75,
        90.0,
        91.5,
        (90.0, 90.5, 91.5),
    )
    assert result.score("dev", "matthews") is None
    assert result.score("test", "f1") is None


def test_statistics_and_the_teacher_may_be_null(tmp_path: Path) -> None:
    result = read_result(write_result(tmp_path, "mrpc", {"dev": {"accuracy": None}}, model={"teacher": None}))
    score = result.score("dev", "accuracy")
    assert score is not None
    assert score.statistic("median") is score.statistic("mean") is None
    assert score.values == (None, None, None)
    assert result.model.teacher is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "results of format 2 are not known here"),
        ({"format": None}, "results of format None"),
        ({"task": 7}, "task is no text: 7"),
        ({"scores": {"dev": {"accuracy": {"median": "87"}}}}, "a score is no number: '87'"),
        ({"scores": {"dev": {"accuracy": {"median": True}}}}, "a score is no number: True"),
        ({"scores": {"dev": 3}}, "int"),
        ({"scores": None}, "NoneType"),
        ({"model": STUDENT | {"sha256": ""}}, "sha256 is no text"),
        ({"protocol": {"seeds": ["one"]}}, "'one'"),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_its_path_and_the_reason(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(content("mrpc", MRPC) | changes))
    with pytest.raises(DataError, match=r"result\.json") as refused:
        read_result(path)
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("key", ["task", "family", "model", "protocol", "scores", "main_metric"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    values = content("mrpc", MRPC)
    del values[key]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match=f"{key} is missing"):
        read_result(path)


@pytest.mark.parametrize("text", ["", '{"format": 1, "task"', "[1]", "\xff"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="no whole result"):
        read_result(path)


def test_results_are_found_at_any_depth_once_and_not_through_links(tmp_path: Path) -> None:
    deep = write_result(tmp_path / "runs" / "a" / "eval" / "mrpc", "mrpc", MRPC)
    other = write_result(tmp_path / "runs" / "b", "rte", {"dev": {"accuracy": 66.0}})
    (tmp_path / "runs" / "latest").symlink_to("b", target_is_directory=True)
    (tmp_path / "runs" / "a" / "config.json").write_text("{}")
    assert [r.path for r in find_results([tmp_path / "runs", tmp_path / "runs" / "a", other])] == [deep, other]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such file or folder"):
        find_results([tmp_path / "nowhere"])
