"""Results in, tables out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reldistill.evaluation.result_file import find_results
from reldistill.evaluation.speed_file import Speedup
from reldistill.evaluation.tables.build import build_tables
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import group_by_model
from reldistill.evaluation.tables.multilingual import MLQA_LANGUAGES, XNLI_LANGUAGES
from reldistill.evaluation.tables.table import DASH, Row, Table
from written_results import write_glue, write_result

SPEEDUP = Speedup("a" * 64, "a processor", "12x768", "cpu", 2, 16, 128, 7, median=5.31, low=4.92, high=5.77)


def built(folder: Path, *, with_sts: bool = False, **layout: Any) -> list[Table]:
    return build_tables(group_by_model(find_results([folder])), Layout(**layout), with_sts=with_sts)


def texts(row: Row) -> list[str]:
    return [cell.text.replace(DASH, "-") for cell in row.cells]


def noted(table: Table, *parts: str) -> bool:
    """Whether one footnote has all of that."""
    return any(all(part in note.replace(DASH, "-") for part in parts) for note in table.footnotes)


def test_the_table_of_small_students_has_the_papers_columns_and_their_average(tmp_path: Path) -> None:
    write_glue(tmp_path)
    table = built(tmp_path)[0]
    assert " ".join(table.columns) == "Model Teacher #Param Speedup SQuAD2 MNLI-m QNLI QQP RTE SST MRPC CoLA Avg"
    assert [texts(row) for row in table.rows] == [
        ["6x384", "bert-base", "22.7M", "-", "70.0", "80.0", "88.0", "90.0", "66.0", "91.0", "87.0", "44.0", "77.0"]
    ]
    assert noted(table, "Median over seeds 1, 2, 3; in percent")
    assert noted(table, "SQuAD2 is F1", "QQP and MRPC too", "enter Avg")
    assert noted(table, "Selection: the best median on dev.")
    assert noted(table, "Speedup: not asked for", "--speed")


def test_the_average_needs_every_column_and_the_footnote_names_those_that_lack(tmp_path: Path) -> None:
    write_glue(tmp_path, "rte", "cola")
    table = built(tmp_path)[0]
    assert [texts(table.rows[0])[table.columns.index(c)] for c in ("RTE", "CoLA", "Avg", "SST")] == [
        "-",
        "-",
        "-",
        "91.0",
    ]
    assert noted(table, "No average of 6x384: nothing for RTE, CoLA.")


def test_a_statistic_that_is_null_is_a_missing_cell(tmp_path: Path) -> None:
    write_glue(tmp_path, "rte")
    write_result(tmp_path / "rte", "rte", {"dev": {"accuracy": None}})
    table = built(tmp_path)[0]
    assert texts(table.rows[0])[-5] == texts(table.rows[0])[-1] == "-"
    assert noted(table, "rte of 6x384: 3 of 3 seeds have no value")


def test_the_mean_over_seeds_is_shown_and_averaged_where_it_is_asked_for(tmp_path: Path) -> None:
    write_glue(tmp_path)
    table = built(tmp_path, statistic="mean")[0]
    assert table.rows[0].cells[-1].value == {"value": 77.25}
    assert table.rows[0].cells[4].value == {"value": 70.25, "low": 69.5, "high": 71.0}
    assert noted(table, "Mean over seeds")


def test_the_spread_is_the_lowest_and_the_highest_seed(tmp_path: Path) -> None:
    write_glue(tmp_path)
    table = built(tmp_path, spread=True)[0]
    assert texts(table.rows[0])[4:] == [
        "70.0 (69.5-71.0)", "80.0 (79.5-81.0)", "88.0 (87.5-89.0)", "90.0 (89.5-91.0)", "66.0 (65.5-67.0)", "91.0 (90.5-92.0)",
        "87.0 (86.5-88.0)", "44.0 (43.5-45.0)", "77.0",
    ]  # fmt: skip
    assert noted(table, "in brackets the lowest and highest")


def test_the_newest_of_several_results_of_a_task_wins_and_a_footnote_says_so(tmp_path: Path) -> None:
    write_glue(tmp_path)
    write_result(tmp_path / "again", "rte", {"dev": {"accuracy": 74.0}}, changed=2_000_000_000)
    write_result(tmp_path / "before", "rte", {"dev": {"accuracy": 50.0}}, changed=900_000_000)
    table = built(tmp_path)[0]
    assert len(table.rows) == 1
    assert texts(table.rows[0])[-1] == "78.0"
    assert noted(table, "6x384: the newest of several results is shown: rte (2 older)")


def test_models_are_told_apart_by_their_weights_and_namesakes_by_their_folders(tmp_path: Path) -> None:
    write_glue(tmp_path / "x")
    write_glue(tmp_path / "y", model={"sha256": "b" * 64, "path": "runs/y/student"})
    teacher = {"sha256": "c" * 64, "path": "b", "name": "12x768", "teacher": None, "parameters": 109_482_240}
    write_glue(tmp_path / "z", model=teacher)
    assert [texts(row)[:3] for row in built(tmp_path)[0].rows] == [
        ["12x768", "-", "109.5M"],
        ["6x384 (runs/x/student)", "bert-base", "22.7M"],
        ["6x384 (runs/y/student)", "bert-base", "22.7M"],
    ]


def test_different_seeds_are_told_result_by_result(tmp_path: Path) -> None:
    write_glue(tmp_path, *(task for task in ("squad2", "mnli", "qnli", "qqp", "sst2", "cola")))
    write_result(tmp_path / "rte", "rte", {"dev": {"accuracy": 66.0}}, protocol={"seeds": [7]})
    assert noted(built(tmp_path)[0], "1, 2, 3: mrpc of 6x384; 7: rte of 6x384")


def test_the_table_of_base_size_models_adds_sts_as_spearman(tmp_path: Path) -> None:
    write_glue(tmp_path)
    write_result(tmp_path / "stsb", "stsb", {"dev": {"pearson": 10.0, "spearman": 86.0}})
    table, further = built(tmp_path, with_sts=True)
    assert " ".join(table.columns) == "Model Teacher #Param SQuAD2 MNLI-m QNLI QQP RTE SST MRPC CoLA STS Avg"
    assert texts(table.rows[0])[-2:] == ["86.0", "78.0"]
    assert noted(table, "STS, which is Spearman")
    assert ["stsb", "dev", "pearson", "10.0"] in [texts(row)[2:] for row in further.rows]


def test_second_metrics_and_other_tasks_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    write_glue(tmp_path)
    write_result(tmp_path / "wnli", "wnli", {"dev": {"accuracy": 56.3}})
    write_result(tmp_path / "boats", "boats", {"dev": {"recall": 12.3}}, family="harbour")
    further = built(tmp_path)[-1]
    assert further.title == "Further metrics and tasks"
    assert {tuple(texts(row)[2:]) for row in further.rows} == {
        ("squad2", "dev", "exact", "67.5"), ("mnli", "mismatched", "accuracy", "81.5"), ("qqp", "dev", "f1", "86.5"),
        ("mrpc", "dev", "f1", "90.5"), ("wnli", "dev", "accuracy", "56.3"), ("boats", "dev", "recall", "12.3"),
    }  # fmt: skip


def test_xnli_has_the_papers_languages_in_its_order(tmp_path: Path) -> None:
    scores = {language: {"accuracy": 60.0 + place} for place, language in enumerate(XNLI_LANGUAGES)}
    write_result(tmp_path, "xnli", dict(sorted(scores.items())) | {"mean": {"accuracy": 67.0}})
    (table,) = built(tmp_path)
    assert " ".join(table.columns) == "Model Teacher #L #H #Param en fr es de el bg ru tr ar vi th zh hi sw ur Avg"
    assert texts(table.rows[0]) == [
        "6x384",
        "bert-base",
        "6",
        "384",
        "22.7M",
        *(f"{60 + n}.0" for n in range(15)),
        "67.0",
    ]


def test_mlqa_has_both_metrics_in_a_cell(tmp_path: Path) -> None:
    scores = {language: {"f1": 50.0 + n, "exact_match": 30.0 + 2 * n} for n, language in enumerate(MLQA_LANGUAGES)}
    write_result(tmp_path, "mlqa", scores)
    (table,) = built(tmp_path)
    assert " ".join(table.columns[5:]) == "en es de ar hi vi zh Avg"
    assert texts(table.rows[0])[5:] == [*(f"{50 + n}.0 / {30 + 2 * n}.0" for n in range(7)), "53.0 / 36.0"]
    assert table.rows[0].cells[-1].value == {"f1": 53.0, "exact_match": 36.0}


def test_lacking_languages_are_named_with_the_mean_over_those_there(tmp_path: Path) -> None:
    scores = {language: {"f1": 50.0, "exact_match": 30.0} for language in ("en", "es", "de", "ar", "hi", "mean")}
    write_result(tmp_path, "mlqa", scores)
    (table,) = built(tmp_path)
    assert texts(table.rows[0])[-3:] == ["-", "-", "-"]
    assert noted(table, "No average of 6x384: nothing for vi, zh; over the languages of its result 50.0 / 30.0.")


@pytest.mark.parametrize("with_sts", [False, True])
def test_speedup_is_shown_with_protocol_and_bounds(tmp_path: Path, with_sts: bool) -> None:
    write_glue(tmp_path)
    table = built(tmp_path, with_sts=with_sts, speedups={"a" * 64: SPEEDUP}, paper=True)[0]
    assert [texts(row)[3] for row in table.rows][:2] == ["5.3", "-" if with_sts else "1.0"]
    assert noted(
        table, "12x768", "on cpu (a processor, 2 threads), batch 16, 128 tokens, 7 rounds", "6x384 5.31 (4.92-5.77)"
    )


def test_why_a_speedup_was_not_measured_is_a_footnote(tmp_path: Path) -> None:
    write_glue(tmp_path)
    table = built(tmp_path, speedups={}, unmeasured={"a" * 64: "there is no model any more"})[0]
    assert noted(table, "Speedup of 6x384 not measured: there is no model any more.")


def test_the_papers_rows_stand_below_and_are_marked(tmp_path: Path) -> None:
    write_glue(tmp_path / "glue")
    write_result(tmp_path / "xnli", "xnli", {"en": {"accuracy": 70.0}})
    write_result(tmp_path / "mlqa", "mlqa", {"en": {"f1": 70.0, "exact_match": 60.0}})
    for with_sts, headings in (
        (False, [[None, 1], [None, 5], [None, 6], [None]]),
        (True, [[None, 3], [2], [None, 5], [None, 6], [None]]),
    ):
        tables = built(tmp_path, paper=True, with_sts=with_sts)
        assert [list(dict.fromkeys(row.paper for row in table.rows)) for table in tables] == headings
        assert all(len(row.cells) == len(table.columns) for table in tables for row in table.rows)
    assert built(tmp_path, paper=True)[0].blocks()[1][0] == "Paper, Table 1"
