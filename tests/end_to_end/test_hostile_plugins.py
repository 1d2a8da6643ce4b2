"""All hostile plugins installed at once: what does not use them is untouched, what does ends with 4 and one message."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import MakeTeacher
from hostile_plugins import GOOD_RELATION, PluginFolder
from hostile_things import RELATION, adapter, strategy, task
from written_results import write_glue

pytestmark = pytest.mark.slow

CHANGES_EVERYTHING = """
import logging, os, random, signal, sys, warnings
import numpy, torch

class Replaced:
    def write(self, text): return len(text)
    def flush(self): ...
    def isatty(self): return False

random.seed(7)
numpy.random.seed(7)
torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(3)
torch.use_deterministic_algorithms(True)
torch.set_default_device("meta")
os.environ.update(MINICTL_STEPS="1", HF_HUB_OFFLINE="0", RANK="1", WORLD_SIZE="2")
os.chdir("/")
for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
logging.basicConfig(level="CRITICAL")
warnings.simplefilter("ignore")
sys.path.append("/nowhere")
sys.stdout, sys.stderr = Replaced(), Replaced()
""" + GOOD_RELATION.format(name="changes-everything")  # fmt: skip

RETURNS = "from reldistill import hookimpl, PairRelation\n@hookimpl\ndef {hook}():\n    {body}\n"

LEFT_OUT = {
    "raises": "raise RuntimeError('no licence')",
    "exits": "import sys; sys.exit(0)",
    "prints": "print('{\"json\": 1}')\nraise RuntimeError",
    "no-python": "def (",
    "hook-raises": RETURNS.format(hook="reldistill_relations", body="return 1 / 0"),
    "hook-exits": RETURNS.format(hook="reldistill_relations", body="raise SystemExit(0)"),
    "misspelt": RETURNS.format(hook="reldistill_relation", body="return []"),
    "wrong-type": RETURNS.format(hook="reldistill_relations", body="return [7]"),
    "no-list": RETURNS.format(hook="reldistill_tasks", body="return 7"),
    "too-new": "reldistill_api = 99",
    "too-old": "reldistill_api = 0",
}
"""Plugins that fail to load."""


def install(folder: PluginFolder, marker: Path) -> None:
    """Each plugin notes its import in the folder ``marker``."""
    marker.mkdir()
    plugins = {
        **LEFT_OUT,
        "changes": CHANGES_EVERYTHING,
        "prints-and-works": "print('{\"json\": 1}')\n" + GOOD_RELATION.format(name="chatty"),
        "shadow": GOOD_RELATION.format(name="qq"),
        "twin-one": GOOD_RELATION.format(name="twin"),
        "twin-two": GOOD_RELATION.format(name="twin"),
        "nan": RELATION.format(body="        return good * float('nan')").replace('name = "bad"', 'name = "nan"'),
        "bad-strategy": strategy("sys.exit(0)"),
        "bad-adapter": adapter("cut(self, model, layers)", "sys.exit(0)"),
        "bad-task": task("load(self, source, split, language)", "sys.exit(0)"),
    }
    for name, source in plugins.items():
        folder.add(name, f"open({str(marker / name)!r}, 'w').close()\n{source}")
    for name, source in {"bad-command": "import sys; sys.exit(0)", "distill": "command = 7"}.items():
        folder.add_command(name, f"open({str(marker / name)!r}, 'w').close()\n{source}", distribution=f"{name}-dist")


class Machine:
    """Runs ``minictl``, with the plugins of a folder on the path or with none."""

    def __init__(self, here: Path, plugins: Path | None) -> None:
        self.here = here
        here.mkdir()
        path = [*([str(plugins)] if plugins else []), *filter(None, sys.path)]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def minictl(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "reldistill_cli", *map(str, arguments)],
            cwd=self.here, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a file for each plugin that was imported."""
    return tmp_path_factory.mktemp("marks") / "imported"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, imported: Path) -> Machine:
    folder = PluginFolder(tmp_path_factory.mktemp("hostile") / "plugins")
    install(folder, imported)
    return Machine(folder.path.with_name("here"), folder.path)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("clean") / "here", None)


def distillation(teacher: Path, text: Path, *more: str) -> list[str | Path]:
    return ["distill", "--teacher", teacher, "--student", "2x12", "--student-heads", "2", "--data", text, "--max-length", "24",
            "--batch-size", "4", "--steps", "8", "--device", "cpu", "--output", "run", "--json", *more]  # fmt: skip


# ---- what does not use them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["distill", "--help"],
        ["plugins", "--help"],
        ["config", "show", "--teacher", "bert-base", "--json"],
        ["data", "build", "TEXT", "--tokenizer", "TOKENIZER", "--output", "corpus", "--max-length", "32", "--json"],
        ["runs", "list"],
        ["report", "RESULTS"],
        ["no-such-command"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_that_needs_no_plugin_imports_none_and_says_the_same(
    hostile: Machine,
    clean: Machine,
    imported: Path,
    teacher: MakeTeacher,
    text: Path,
    tmp_path: Path,
    arguments: list[str],
) -> None:
    results = tmp_path / "results"
    write_glue(results)
    places = {"TEXT": text, "TOKENIZER": teacher("bert") / "tokenizer.json", "RESULTS": results}
    asked = [places.get(word, word) for word in arguments]
    before = set(imported.iterdir())
    there, alone = hostile.minictl(*asked), clean.minictl(*asked)
    assert (there.returncode, there.stdout, there.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert set(imported.iterdir()) == before


def test_help_and_the_list_of_plugins_import_none(hostile: Machine, imported: Path) -> None:
    before = set(imported.iterdir())
    for arguments in (["--help"], ["plugins", "list"], ["plugins", "list", "--json"]):
        outcome = hostile.minictl(*arguments)
        assert (outcome.returncode, outcome.stderr) == (0, "")
    assert set(imported.iterdir()) == before
    listed = {row["name"] for row in json.loads(outcome.stdout)["plugins"]}
    assert listed >= set(LEFT_OUT)


def test_a_distillation_gives_the_same_student_to_the_bit(
    hostile: Machine, clean: Machine, teacher: MakeTeacher, text: Path
) -> None:
    students = []
    for machine in (clean, hostile):
        outcome = machine.minictl(*distillation(teacher("bert"), text))
        assert outcome.returncode == 0, outcome.stderr
        found = json.loads(outcome.stdout)
        assert found["plan"]["steps"] == 8
        weights = machine.here / found["student"] / "model.safetensors"
        students.append(hashlib.sha256(weights.read_bytes()).hexdigest())
    assert students[0] == students[1]
    for name in LEFT_OUT:
        assert outcome.stderr.count(f"warning: plugin '{name}' of {name} 1.0 is left out: ") == 1
    assert outcome.stderr.count("warning: ") == len(LEFT_OUT)


def test_without_them_by_minictl_plugins_there_is_no_word_of_them(
    hostile: Machine, imported: Path, teacher: MakeTeacher, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(imported.iterdir())
    monkeypatch.setitem(hostile.environment, "MINICTL_PLUGINS", "")
    outcome = hostile.minictl(*distillation(teacher("bert"), text, "--dry-run"))
    assert outcome.returncode == 0
    assert "warning" not in outcome.stderr
    assert set(imported.iterdir()) == before


def test_doctor_names_those_that_are_left_out(hostile: Machine) -> None:
    outcome = hostile.minictl("doctor", "--json")
    assert outcome.returncode == 0, outcome.stderr
    left_out = json.loads(outcome.stdout)["plugins_left_out"]
    assert {line.split("'")[1] for line in left_out} == set(LEFT_OUT)


# ---- what asks for them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--relations", "of-a-broken-one"], "unknown relation 'of-a-broken-one'; some plugins failed to load"),
        (
            ["--relations", "twin"],
            "the relation 'twin' is provided by plugin 'twin-one' of twin-one 1.0 and plugin 'twin-two'",
        ),
        (["--relations", "qq,nan"], "relation 'nan' (plugin 'nan' of nan 1.0) made numbers that are not finite"),
        (["--layers", "bad"], "plugin 'bad-strategy' of bad-strategy 1.0: the layer strategy 'bad' (pairs) failed"),
    ],
)
def test_a_distillation_that_asks_for_one_ends_with_4_and_one_message(
    hostile: Machine, teacher: MakeTeacher, text: Path, options: list[str], said: str
) -> None:
    outcome = hostile.minictl(*distillation(teacher("bert"), text, *options, "--output", "asked"))
    assert (outcome.returncode, outcome.stdout) == (4, "")
    assert outcome.stderr.count("error: ") == 1
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (hostile.here / "asked" / "student").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bad-command"], "command 'bad-command' of bad-command-dist 1.0: its import failed: SystemExit: 0"),
        (["distill-dist:distill"], "command 'distill' of distill-dist 1.0: "),
    ],
)
def test_a_broken_command_ends_with_4_and_one_message(hostile: Machine, arguments: list[str], said: str) -> None:
    outcome = hostile.minictl(*arguments)
    assert (outcome.returncode, outcome.stdout) == (4, "")
    assert outcome.stderr.startswith("error: ")
    assert said in outcome.stderr


def test_a_broken_task_ends_with_4_and_one_message(hostile: Machine, teacher: MakeTeacher) -> None:
    outcome = hostile.minictl(
        "eval", "bad", "--model", teacher("bert"), "--quick", "--data-dir", ".", "--max-length", "16"
    )
    assert (outcome.returncode, outcome.stdout) == (4, "")
    assert outcome.stderr.count("error: ") == 1
    assert "plugin 'bad-task' of bad-task 1.0: the task 'bad' (load) failed: SystemExit" in outcome.stderr


def test_a_plugin_that_changes_everything_at_import_works_where_it_is_asked_for(
    hostile: Machine, teacher: MakeTeacher, text: Path
) -> None:
    outcome = hostile.minictl(
        *distillation(teacher("bert"), text, "--relations", "changes-everything", "--output", "used")
    )
    assert outcome.returncode == 0, outcome.stderr
    assert (hostile.here / "used" / "student" / "model.safetensors").is_file()


ON_THE_SECOND = {
    "raises": ("if os.environ['RANK'] == '1': raise RuntimeError('no licence')", "failed: RuntimeError: no licence"),
    "raises-on-both": ("raise RuntimeError('no licence')", "failed: RuntimeError: no licence"),
    "spoils": ("if os.environ['RANK'] == '1': return good * float('nan')", "made numbers that are not finite"),
}


@pytest.mark.parametrize("what", ON_THE_SECOND)
def test_of_several_processes_one_says_what_the_plugin_did(
    tmp_path: Path, teacher: MakeTeacher, text: Path, what: str
) -> None:
    line, said = ON_THE_SECOND[what]
    folder = PluginFolder(tmp_path / "plugins")
    folder.add("bad", "import os\n" + RELATION.format(body=f"        {line}"))
    outcome = Machine(tmp_path / "here", folder.path).minictl(
        *distillation(teacher("bert"), text, "--relations", "qq,bad", "--nproc", "2")
    )
    assert (outcome.returncode, outcome.stdout) == (4, ""), outcome.stderr
    messages = [line for line in outcome.stderr.splitlines() if line.startswith("error: ") and "bad 1.0" in line]
    assert len(messages) == 1, outcome.stderr  # a first process that did not meet it says that another one did
    assert said in messages[0]
    assert "Traceback" not in outcome.stderr
