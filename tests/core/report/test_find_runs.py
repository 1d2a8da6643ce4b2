"""Which runs there are, and which one a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from reldistill import UsageError
from reldistill.report import BrokenRun, Run, find_run, list_runs
from written_runs import trained, write_run


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs() -> Path:
    """Three runs, of which ``bert-b`` wrote last, and ``latest`` leads to ``bert-a``."""
    for number, name in enumerate(("roberta-c", "bert-a", "bert-b")):
        write_run(Path("runs") / name, [trained(number + 1)], changed=1_000_000_000 + number)
    Path("runs/latest").symlink_to("bert-a", target_is_directory=True)
    return Path("runs")


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        find_run(text)
    return str(caught.value)


def test_the_run_that_last_wrote_a_row_comes_first_and_latest_is_not_listed_twice(runs: Path) -> None:
    assert [run.name for run in list_runs(runs)] == ["bert-b", "bert-a", "roberta-c"]


def test_a_run_elsewhere_that_latest_leads_to_is_listed(runs: Path) -> None:
    write_run(Path("elsewhere"), [trained(1)])
    Path("runs/latest").unlink()
    Path("runs/latest").symlink_to("../elsewhere", target_is_directory=True)
    assert list_runs(runs)[0].name == "latest"


def test_a_broken_run_is_listed_with_the_reason_and_hides_no_other(runs: Path) -> None:
    (runs / "bert-a" / "config.toml").unlink()
    with (runs / "roberta-c" / "metrics.jsonl").open("a") as file:
        file.write("nonsense\n")
    found = {run.name: run for run in list_runs(runs)}
    assert isinstance(found["bert-b"], Run)
    first, second = found["bert-a"], found["roberta-c"]
    assert isinstance(first, BrokenRun)
    assert first.reason == "runs/bert-a/config.toml is not there"
    assert isinstance(second, BrokenRun)
    assert second.reason == "runs/roberta-c/metrics.jsonl:2: the line is not JSON"


def test_a_run_whose_file_cannot_be_read_is_listed_with_the_reason(runs: Path) -> None:
    (runs / "bert-a" / "metrics.jsonl").unlink()
    (runs / "bert-a" / "metrics.jsonl").mkdir()
    (broken,) = [run for run in list_runs(runs) if isinstance(run, BrokenRun)]
    assert broken.reason == "runs/bert-a/metrics.jsonl: Is a directory"


def test_what_is_no_run_is_not_listed(runs: Path) -> None:
    (runs / "notes").mkdir()
    (runs / "notes.txt").touch()
    (runs / "latest.tmp-12").symlink_to("bert-b", target_is_directory=True)
    (runs / "gone").symlink_to("nowhere", target_is_directory=True)
    assert len(list_runs(runs)) == 3


def test_a_folder_that_is_not_there_holds_no_run() -> None:
    assert list_runs(Path("runs")) == []


def test_a_file_is_no_folder_of_runs() -> None:
    Path("runs").touch()
    with pytest.raises(UsageError, match="runs is a file, not a folder of runs"):
        list_runs()


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("bert-a", "runs/bert-a"), ("rob", "runs/roberta-c"), ("latest", "runs/bert-a"), ("runs/bert-b", "runs/bert-b"),
        ("./runs/bert-b/", "runs/bert-b"),
    ],
)  # fmt: skip
def test_a_run_is_found_by_name_beginning_folder_or_as_the_latest(runs: Path, text: str, folder: str) -> None:
    assert find_run(text) == Path(folder)


def test_a_name_that_is_also_the_beginning_of_another_means_itself(runs: Path) -> None:
    write_run(runs / "bert", [trained(1)])
    assert find_run("bert") == runs / "bert"


def test_a_folder_that_is_no_run_does_not_hide_a_run_of_that_name(runs: Path) -> None:
    Path("bert-a").mkdir()
    assert find_run("bert-a") == runs / "bert-a"


def test_the_beginning_of_several_names_is_refused_with_them(runs: Path) -> None:
    assert refusal("bert").startswith("'bert' is the beginning of 2 runs\nRuns in runs/: bert-a, bert-b.")


def test_an_unknown_run_is_refused_with_a_suggestion_and_those_there_are(runs: Path) -> None:
    said = refusal("bart-b")
    assert said.startswith("there is no run 'bart-b'\nDid you mean bert-b? Runs in runs/: bert-a, bert-b, roberta-c.")


def test_a_folder_without_a_run_is_refused(runs: Path) -> None:
    Path("texts").mkdir()
    assert refusal("texts").startswith("the folder texts holds no run\n")


@pytest.mark.parametrize("text", ["latest", "any", ""])
def test_where_there_are_no_runs_the_refusal_says_how_to_make_one(text: str) -> None:
    assert refusal(text).endswith("runs/ holds no run. Give the folder of a run, or make one: minictl distill.")


def test_the_latest_run_may_lie_elsewhere() -> None:
    write_run(Path("elsewhere"), [trained(1)])
    Path("runs").mkdir()
    Path("runs/latest").symlink_to("../elsewhere", target_is_directory=True)
    assert find_run("latest") == Path("elsewhere").resolve()


def test_of_many_runs_a_refusal_lists_some(runs: Path) -> None:
    for number in range(30):
        write_run(runs / f"many-{number:02}")
    assert refusal("many").count("many-") == 20
    assert "and 10 more" in refusal("many")
