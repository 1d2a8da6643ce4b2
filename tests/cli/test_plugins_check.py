"""``minictl plugins check``: what passes, what fails with advice, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill_cli.main import app

NO_HEADS = """
from dataclasses import dataclass
from reldistill import hookimpl

@dataclass(frozen=True)
class NoHeads:
    name: str = "no-heads"
    needs: frozenset[str] = frozenset({"hidden"})

    def logits(self, states, relation_heads):
        print("in logits")
        return states.require("hidden") @ states.require("hidden").T

@hookimpl
def reldistill_relations():
    return [NoHeads()]
"""

TONE = """
from reldistill import Evaluation, hookimpl
from datasets import Dataset
from reldistill.evaluation.data import read_tsv
from reldistill_plugins.tasks.sentences import SentenceTask

class Tone(SentenceTask):
    def selection(self, languages):
        return [Evaluation("dev", "dev")]

    evaluations = selection

    def load(self, source, split, language):
        file = source.find([f"{split}.tsv"])
        if file is None:
            raise source.missing(f"{split} rows", "train.tsv, dev.tsv")
        rows = read_tsv(source.note(file))
        return Dataset.from_dict({
            "index": [str(n) for n in range(len(rows))], "text": [row["text"] for row in rows],
            "label": [row["label"] for row in rows]})

@hookimpl
def reldistill_tasks():
    return [Tone(name, ("calm", "angry"), ("accuracy",), "accuracy", epochs=(3,), learning_rates=(2e-5,), family="tone")
            for name in ("tone", "mood")]
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plugins", "check", *arguments])


def as_json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(check(*arguments, "--json").stdout)
    return found


def test_a_sound_plugin_is_a_row_for_it_and_for_each_thing_and_exit_code_0(plugins: PluginFolder) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    outcome = check()
    assert outcome.exit_code == 0
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert ["plugin", "mine", "5", "-", "-"] in rows
    assert any(row[:2] == ["relation", "my-qk"] and row[3] == "-" for row in rows)
    assert "skipped: relation my-qk: mps: there is no MPS device here" in outcome.stdout
    assert outcome.stderr.splitlines() == ["checking plugin mine", "checking relation my-qk"]


def test_a_failure_is_shown_with_its_advice_and_ends_with_4(plugins: PluginFolder) -> None:
    plugins.add("mine", NO_HEADS)
    outcome = check("mine")
    assert outcome.exit_code == 4
    lines = outcome.stdout.splitlines()
    at = lines.index("failed: relation no-heads: shape")
    assert lines[at + 1] == "  Found: 4 tokens and 1 relation heads gave [4, 4], not [heads, 4, 4]"
    assert [line.split(":")[0] for line in lines[at + 2 : at + 4]] == ["  Contract", "  Change"]
    assert "checks failed\nWhat to change stands above." in outcome.stderr
    assert "Traceback" not in outcome.output


def test_a_plugin_that_does_not_load_is_a_failure_with_its_reason_and_the_next_is_checked(
    plugins: PluginFolder,
) -> None:
    plugins.add("broken", "raise RuntimeError('no licence')")
    plugins.add("leaves", "import sys; sys.exit()")
    plugins.add("sound", GOOD_RELATION.format(name="my-qk"))
    outcome = check()
    assert outcome.exit_code == 4
    assert "  Found: the plugin does not load: RuntimeError: no licence" in outcome.stdout
    assert "plugin sound" in outcome.stdout


def test_json_is_all_that_is_on_stdout_whatever_plugins_print(plugins: PluginFolder) -> None:
    plugins.add("mine", NO_HEADS)
    outcome = check("mine", "--json")
    assert outcome.exit_code == 4
    found = json.loads(outcome.stdout)
    assert found["plugins"] == ["plugin 'mine' of mine 1.0"]
    assert found["passed"] + found["failed"] + found["skipped"] == len(found["checks"])
    (shape,) = [row for row in found["checks"] if row["name"] == "shape"]
    assert (shape["subject"], shape["outcome"]) == ("relation no-heads", "failed")
    assert shape["message"].startswith("Found: 4 tokens")
    assert "in logits" in outcome.stderr


def test_names_of_plugins_and_distributions_choose(plugins: PluginFolder) -> None:
    plugins.add("one", GOOD_RELATION.format(name="first"), distribution="Some_Plugins")
    plugins.add("two", NO_HEADS)
    assert as_json("some-plugins")["plugins"] == ["plugin 'one' of some-plugins 1.0"]
    assert as_json("one", "Some.Plugins")["plugins"] == ["plugin 'one' of some-plugins 1.0"]


def test_the_restriction_of_a_run_holds_where_no_name_is_given(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add("one", GOOD_RELATION.format(name="first"))
    plugins.add("two", NO_HEADS)
    monkeypatch.setenv("MINICTL_PLUGINS", "one")
    assert as_json()["plugins"] == ["plugin 'one' of one 1.0"]
    assert as_json("two")["plugins"] == ["plugin 'two' of two 1.0"]


def test_an_unknown_name_ends_with_2_and_a_suggestion(plugins: PluginFolder) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    outcome = check("mein")
    assert outcome.exit_code == 2
    assert (
        "error: no installed plugin or distribution is called 'mein'\nDid you mean mine? Installed:" in outcome.stderr
    )


def test_with_nothing_installed_that_is_said() -> None:
    outcome = check()
    assert outcome.exit_code == 0
    assert "--builtin checks those" in outcome.stdout
    assert as_json() == {"plugins": [], "passed": 0, "failed": 0, "skipped": 0, "checks": []}


def test_a_built_in_plugin_is_checked_by_its_name() -> None:
    found = as_json("layers")
    assert found["failed"] == found["skipped"] == 0
    assert {row["subject"] for row in found["checks"]} >= {"plugin layers", "layer strategy paper"}


def test_each_task_gets_its_own_folder_and_golden_file(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("tasks-of-mine", TONE)
    (tmp_path / "data/tone").mkdir(parents=True)
    (tmp_path / "golden").mkdir()
    rows = "text\tlabel\n" + "at rest\tcalm\nfurious\tangry\n" * 4
    for split in ("train", "dev"):
        (tmp_path / f"data/tone/{split}.tsv").write_text(rows)
    entry = {
        "rows": {"text": ["a", "b"], "label": ["calm", "angry"], "index": ["0", "1"]},
        "outputs": [[1, 0], [1, 0]],
        "scores": {"accuracy": 50.0},
    }
    (tmp_path / "golden/mood.json").write_text(json.dumps([entry]))
    found = as_json("tasks-of-mine", "--data-dir", str(tmp_path / "data"), "--golden", str(tmp_path / "golden"))
    assert found["failed"] == 0
    passed = {(row["subject"], row["name"]) for row in found["checks"] if row["outcome"] == "passed"}
    assert {("task tone", "end to end"), ("task mood", "golden scores")} <= passed
    assert not {("task mood", "end to end"), ("task tone", "golden scores")} & passed


def test_a_golden_file_of_other_scores_is_a_failure(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("tasks-of-mine", TONE)
    entry = {"rows": {"text": ["a"], "label": ["calm"], "index": ["0"]}, "outputs": [[1, 0]], "scores": {"accuracy": 1}}
    (tmp_path / "scores.json").write_text(json.dumps([entry]))
    outcome = check("tasks-of-mine", "--golden", str(tmp_path / "scores.json"))
    assert outcome.exit_code == 4
    assert "accuracy is 100.0, the golden file says 1" in outcome.stdout


@pytest.mark.parametrize("option", ["--data-dir", "--golden"])
def test_a_folder_or_file_that_is_not_there_ends_with_2(option: str) -> None:
    assert check(option, "nowhere").exit_code == 2


def test_saying_what_it_does_imports_no_torch() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from reldistill_cli.main import app\n"
        "for arguments in (['check', '--help'], ['check'], ['check', 'nothing-of-this-name']):\n"
        "    CliRunner().invoke(app, ['plugins', *arguments])\n"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "[]\n"
