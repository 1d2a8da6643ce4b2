"""``minictl runs``: what is printed where, for people and for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reldistill_cli.main import app
from written_runs import ReadPage, trained, validated, write_run

USAGE, DATA = 2, 3


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs() -> Path:
    """A finished run, one that can be resumed, and a broken one; ``latest`` leads to the first."""
    folder = Path("runs")
    write_run(
        folder / "done", [validated(0, 3), trained(1, 3), trained(100, 1.25), validated(100, 1.5)],
        student={"teacher": "bert-base", "student": "2x12"}, changed=1_000_000_000,
    )  # fmt: skip
    write_run(
        folder / "stopped", [trained(1, 3.5), trained(40, 2)], checkpoints=["step-00000030"], seed=1, changed=1_100_000_000,
        teacher="/home/somebody/models/a-teacher-with-a-name-that-is-longer-than-any-column-of-a-narrow-terminal",
    )  # fmt: skip
    write_run(folder / "torn", [trained(1)], changed=900_000_000)
    (folder / "torn" / "config.toml").unlink()
    (folder / "latest").symlink_to("done", target_is_directory=True)
    return folder


def minictl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", *arguments])


def answer(*arguments: str) -> Any:
    outcome = minictl(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stderr == ""
    return json.loads(outcome.stdout)


def lines(*arguments: str) -> list[str]:
    outcome = minictl(*arguments)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.splitlines()


def check_refused(outcome: Result, code: int, *said: str) -> None:
    assert outcome.exit_code == code, outcome.output
    assert outcome.stdout == ""
    assert outcome.stderr.count("error: ") == 1
    for part in said:
        assert part in outcome.stderr


# ---- list ---------------------------------------------------------------------------------------------------------


def test_runs_are_listed_one_a_line_the_newest_first(runs: Path) -> None:
    heading, *rows, last = lines("list")
    assert heading.split() == [
        "run",
        "teacher",
        "student",
        "relations",
        "step",
        "loss",
        "held-out",
        "state",
        "last",
        "row",
    ]
    assert [row.split()[0] for row in rows] == ["stopped", "done", "torn"]
    assert last == ""
    assert all(
        word in rows[1] for word in ("bert-base", "2x12", "qq,kk", "100/100", "1.25", "1.5", "finished", "2001-09-09")
    )
    assert "40/100" in rows[0]
    assert "not finished, resumable from step 30" in rows[0]
    assert "a-teacher-with-a-name-that-is-longer-than-any-column-of-a-narrow-terminal" in rows[0]
    assert "broken: runs/torn/config.toml is not there" in rows[2]
    assert all(row == row.rstrip() for row in rows)


def test_the_list_as_json_has_every_run(runs: Path) -> None:
    found = answer("list")
    assert [run["name"] for run in found["runs"]] == ["stopped", "done", "torn"]
    stopped, done, torn = found["runs"]
    assert (stopped["finished"], stopped["resumable_from"], stopped["step"], stopped["steps"]) == (False, 30, 40, 100)
    assert (done["finished"], done["student"], done["changed"]) == (
        True,
        "runs/done/student",
        "2001-09-09T01:46:40+00:00",
    )
    assert torn["broken"] == "runs/torn/config.toml is not there"


def test_another_folder_of_runs_can_be_listed() -> None:
    write_run(Path("elsewhere/one"), [trained(1)])
    assert [run["name"] for run in answer("list", "elsewhere")["runs"]] == ["one"]


def test_without_a_run_a_line_says_so_and_nothing_stands_on_stdout() -> None:
    outcome = minictl("list")
    assert outcome.exit_code == 0
    assert outcome.stdout == ""
    assert outcome.stderr == "runs/ holds no run. `minictl distill` makes one.\n"
    assert answer("list") == {"folder": "runs", "runs": []}


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    write_run(Path("runs/[red]\x1b[2Jname"), [trained(1)], teacher="a\nb\x1b]0;x\x07", relations="[bold]qq[/]")
    text = "\n".join(lines("list"))
    assert "\x1b" not in text
    assert "[red]" in text
    assert "[bold]qq[/]" in text
    assert len(text.splitlines()) == 3 - 1


# ---- show ---------------------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_its_losses_and_its_configuration(runs: Path) -> None:
    text = "\n".join(lines("show", "latest"))
    for said in ("runs/done", "finished: step 100 of 100", "runs/done/student", "loss/kk", "0.8333", "relation_heads"):
        assert said in text


def test_a_run_as_json_has_its_configuration_and_its_plan(runs: Path) -> None:
    found = answer("show", "done")
    assert found["config"]["relation_heads"] == 6
    assert found["plan"] == {"teacher": "bert-base", "student": "2x12"}
    assert found["validation"]["validation/loss"] == 1.5
    assert answer("show", "stopped")["plan"] is None


def test_report_writes_the_report_and_prints_where_it_is(runs: Path) -> None:
    assert lines("show", "sto", "--report") == ["runs/stopped/report.html"]
    assert "stopped" in ReadPage((runs / "stopped" / "report.html").read_text()).texts
    assert answer("show", "latest", "--report")["report"] == "runs/done/report.html"
    assert "report" in "".join(lines("show", "latest"))


def test_an_unknown_run_is_refused_with_those_there_are(runs: Path) -> None:
    check_refused(
        minictl("show", "dome"), USAGE, "there is no run 'dome'", "Did you mean done?", "Runs in runs/: done, stopped, torn."
    )  # fmt: skip


def test_a_broken_run_is_refused_with_the_file(runs: Path) -> None:
    check_refused(minictl("show", "torn"), DATA, "runs/torn/config.toml is not there")


# ---- compare ------------------------------------------------------------------------------------------------------


def test_two_runs_are_compared_by_what_differs_and_at_their_last_common_step(runs: Path) -> None:
    outcome = minictl("compare", "done", "stopped")
    assert outcome.exit_code == 0
    text = outcome.stdout
    assert [line.split() for line in text.splitlines() if line.startswith(("seed", "last: loss "))] == [
        ["seed", "0", "1"], ["last:", "loss", "1.25", "2"], ["last:", "loss", "1.5", "-"],
    ]  # fmt: skip
    assert "training, step 1 " in text
    assert "held-out text, no common step" in text
    assert outcome.stderr.startswith("warning: teacher differs: the losses are of different things")


def test_a_comparison_as_json_is_one_object(runs: Path) -> None:
    found = answer("compare", "done", "stopped")
    assert found["common_step"] == 1
    assert found["at_common_step"]["stopped"]["loss"] == 3.5
    assert found["differing"]["seed"] == {"done": 0, "stopped": 1}


def test_a_comparison_writes_a_page(runs: Path) -> None:
    assert lines("compare", "done", "stopped", "--report", "both.html")[-1] == "report: both.html"
    assert "Comparison of done, stopped" in ReadPage(Path("both.html").read_text()).texts
    assert answer("compare", "done", "stopped", "--report", "again.html")["report"] == "again.html"


def test_a_page_that_cannot_be_written_is_refused(runs: Path) -> None:
    check_refused(minictl("compare", "done", "stopped", "--report", "runs"), USAGE, "--report runs: that is a folder")
    outcome = minictl("compare", "done", "stopped", "--report", "nowhere/both.html")
    check_refused(outcome, 1, "No such file or directory: nowhere/both.html")


def test_one_run_is_nothing_to_compare(runs: Path) -> None:
    check_refused(minictl("compare", "done"), USAGE, "a comparison needs two runs or more")
    check_refused(minictl("compare", "done", "latest"), USAGE, "the run done is given twice")


def test_looking_at_runs_imports_no_torch(runs: Path) -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from reldistill_cli.main import app\n"
        "for arguments in (['list'], ['show', 'done', '--report'], ['compare', 'done', 'stopped']):\n"
        "    assert CliRunner().invoke(app, ['runs', *arguments]).exit_code == 0\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'reldistill_loader'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "[]\n"
