"""``minictl report``: what is printed where, for people and for scripts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reldistill.evaluation.tables.table import DASH
from reldistill_cli.main import app
from tiny_models import make_teacher
from written_results import write_glue, write_result

USAGE, DATA = 2, 3
ROW = "6x384 bert-base 22.7M - 70.0 80.0 88.0 90.0 66.0 91.0 87.0 44.0 77.0"


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def minictl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def printed(*arguments: str) -> str:
    outcome = minictl(*arguments)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.replace(DASH, "-")


def answer(*arguments: str) -> Any:
    return json.loads(printed(*arguments, "--json"))


def test_without_paths_it_reports_what_is_below_runs() -> None:
    write_glue(Path("runs/x/eval"))
    lines = [" ".join(line.split()) for line in printed().splitlines()]
    assert lines[0] == "GLUE and SQuAD 2.0, dev sets"
    assert ROW in lines
    assert "- Median over seeds 1, 2, 3; in percent." in lines


def test_no_line_of_a_table_is_cut_or_broken() -> None:
    name = "a-student-with-a-name-[bold]-that-is-longer-than-any-column-of-a-narrow-terminal"
    write_result(Path("runs"), "xnli", {"en": {"accuracy": 70.0}}, model={"name": name})
    row = next(line for line in printed("--paper").splitlines() if line.startswith(name))
    assert row.split()[1:7] == ["bert-base", "6", "384", "22.7M", "70.0", "-"]


def test_folders_and_files_that_are_named_are_reported_together() -> None:
    write_glue(Path("here"), "rte")
    rte = write_result(Path("there"), "rte", {"dev": {"accuracy": 66.0}})
    assert ROW in [" ".join(line.split()) for line in printed("here", str(rte)).splitlines()]


def test_each_format_holds_the_same_row() -> None:
    write_glue(Path("runs"))
    assert "| " + ROW.replace(" ", " | ") + " |" in printed("--format", "markdown").splitlines()
    assert ROW.replace(" - ", " -- ").replace(" ", " & ") + r" \\" in printed("--format", "latex").splitlines()
    rows = list(csv.reader(printed("--format", "csv").splitlines()))
    assert ["measured", *("" if cell == "-" else cell for cell in ROW.split())] in rows
    first = answer()["tables"][0]["rows"][0]
    assert first["cells"]["RTE"] == {"value": 66.0, "low": 65.5, "high": 67.0}
    assert first["cells"]["Avg"] == {"value": 77.0}


def test_csv_has_its_footnotes_on_stderr() -> None:
    write_glue(Path("runs"))
    outcome = minictl("--format", "csv")
    assert "Median over seeds" in outcome.stderr
    assert "Median over seeds" not in outcome.stdout


def test_paper_adds_the_papers_rows() -> None:
    write_glue(Path("runs"))
    assert "Paper, Table 1" not in printed()
    lines = [" ".join(line.split()) for line in printed("--paper").splitlines()]
    assert lines.index(ROW) < lines.index("Paper, Table 1")
    assert "MiniLMv2 BERT-base 22M 5.3 72.9 82.8 90.3 90.6 68.9 91.3 86.6 41.8 78.2" in lines


def test_statistic_and_spread_change_the_cells() -> None:
    write_result(Path("runs"), "rte", {"dev": {"accuracy": 66.0}})
    assert "66.2 (65.5-67.0)" in printed("--statistic", "mean", "--spread")
    assert answer("--statistic", "mean")["statistic"] == "mean"


def test_speed_is_measured_once_and_a_missing_model_is_a_warning() -> None:
    model = make_teacher(Path("runs/x/student"), "bert", positions=8)
    write_result(Path("runs/x/eval"), "rte", {"dev": {"accuracy": 66.0}})
    write_result(
        Path("runs/y"), "rte", {"dev": {"accuracy": 60.0}}, model={"path": "gone", "name": "2x12", "sha256": "b" * 64}
    )
    outcome = minictl("--speed", "--json")
    assert outcome.exit_code == 0, outcome.output
    assert "warning: speed of 2x12 not measured: gone: there is no model any more" in outcome.stderr
    table = json.loads(outcome.stdout)["tables"][0]
    speeds = {row["cells"]["Model"]: row["cells"]["Speedup"] for row in table["rows"]}
    assert speeds["2x12"] is None
    assert speeds["6x384"]["value"] > 1
    assert any("8 tokens, 7 rounds in turns" in note for note in table["footnotes"])
    (model / "model.safetensors").unlink()
    assert json.loads(minictl("--speed", "--json").stdout)["tables"][0] == table


def check_refused(outcome: Result, code: int, *said: str) -> None:
    assert outcome.exit_code == code, outcome.output
    assert outcome.stdout == ""
    for part in said:
        assert part in " ".join(outcome.stderr.split())


def test_where_nothing_was_evaluated_it_says_where_it_looked_and_what_to_run(tmp_path: Path) -> None:
    check_refused(minictl(), DATA, f"no result.json in or below {tmp_path / 'runs'}", "minictl eval mrpc")
    Path("runs").mkdir()
    check_refused(minictl(), DATA, "no result found", "minictl eval mrpc")
    check_refused(minictl("nowhere"), DATA, "nowhere: there is no such file or folder")


def test_a_broken_result_is_named() -> None:
    Path("runs").mkdir()
    Path("runs/result.json").write_text("{")
    check_refused(minictl(), DATA, "runs/result.json: this is no whole result")


def test_wrong_choices_are_refused_with_the_right_ones() -> None:
    check_refused(minictl("--format", "latx"), USAGE, "--format latx", "terminal, markdown, latex, csv", "mean latex?")
    check_refused(minictl("--statistic", "mode"), USAGE, "--statistic mode", "median, mean")
    check_refused(minictl("--json", "--format", "csv"), USAGE, "--json and --format csv exclude each other")


def test_neither_help_nor_a_report_without_speed_imports_torch() -> None:
    write_glue(Path("runs"))
    script = (
        "import sys; from typer.testing import CliRunner; from reldistill_cli.main import app\n"
        "for arguments in (['--help'], ['report', '--help'], ['report', '--paper']):\n"
        "    assert CliRunner().invoke(app, arguments).exit_code == 0\n"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "[]\n"
