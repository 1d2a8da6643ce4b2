"""``minictl plugins new``: what it writes installs, passes its own tests and is used by the command that it names."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from transformers import ElectraConfig, ElectraModel
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from installed_package import InstalledPackage
from reldistill_cli.main import app
from reldistill_cli.plugin_package import write_package
from tiny_models import make_tokenizer

KINDS = ("relation", "layers", "teacher", "task")

SMALL_RUN = ("--student", "2x12", "--student-heads", 2, "--relation-heads", 4, "--max-length", 32, "--batch-size", 4,
             "--steps", 2, "--device", "cpu", "--json")  # fmt: skip

SMALL_EVAL = ("--learning-rates", "1e-3", "--epochs", 1, "--seeds", 1, "--max-length", 40, "--output", "out", "--device",
              "cpu", "--json")  # fmt: skip


def new(*words: object) -> Result:
    return CliRunner().invoke(app, ["plugins", "new", *map(str, words)])


@pytest.fixture
def electra(tmp_path: Path) -> Path:
    """A small ELECTRA whose embeddings are narrower than its layers."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer("bert")
    config = ElectraConfig(
        vocab_size=len(tokenizer), embedding_size=16, hidden_size=24, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    ElectraModel(config).save_pretrained(tmp_path / "electra")
    tokenizer.save_pretrained(tmp_path / "electra")
    return tmp_path / "electra"


# ---- whole packages -------------------------------------------------------------------------------------------------


class Fresh:
    """A package of each kind as it was just written, installed beside one another into a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for kind in KINDS:
                outcome = new(f"fresh-{kind}", "--kind", kind, "--json")
                assert outcome.exit_code == 0, outcome.output
                self.said[kind] = json.loads(outcome.stdout)
                self.package = InstalledPackage(folder / self.said[kind]["folder"], folder / "site")
        self.folder = folder

    def tested(self) -> subprocess.CompletedProcess[str]:
        """The four printed ``pytest FOLDER`` as one."""
        folders = []
        for said in self.said.values():
            install, test = said["next"][0].split(" && ")
            assert install == f"pip install -e './{said['folder']}[test]'"
            program, *rest = shlex.split(test)
            assert program == "pytest"
            folders += rest
        return self.package.run("-m", "pytest", *folders, "-q", "-rs", "-p", "no:cacheprovider", cwd=self.folder)

    def use(self, kind: str, *options: object, **instead: object) -> dict[str, Any]:
        """The printed command with options behind it, and other words in place of some of its own."""
        words = shlex.split(self.said[kind]["next"][1])
        program, *words = [str(instead.get(word.replace("-", "_"), word)) for word in words]
        assert program == "minictl"
        done = self.package.minictl(*words, *options, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    return Fresh(tmp_path_factory.mktemp("fresh"))


@pytest.mark.slow
def test_new_packages_pass_their_tests_but_for_devices_that_are_not_here(fresh: Fresh) -> None:
    tested = fresh.tested()
    assert tested.returncode == 0, tested.stdout + tested.stderr
    skipped = [line for line in tested.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("CUDA" in line or "MPS" in line for line in skipped), skipped


@pytest.mark.slow
def test_a_new_relation_is_learned(fresh: Fresh, teacher: MakeTeacher, text: Path) -> None:
    result = fresh.use("relation", "--data", text, *SMALL_RUN, "--output", "of-relation", bert_base=teacher("bert"))
    assert result["last_step"]["loss/fresh-relation"] > 0


@pytest.mark.slow
def test_a_new_strategy_chooses_the_layer(fresh: Fresh, teacher: MakeTeacher, text: Path) -> None:
    result = fresh.use("layers", "--data", text, *SMALL_RUN, "--output", "of-layers", bert_base=teacher("bert"))
    assert result["plan"]["layers"] == [[2, 2, 1.0]]


@pytest.mark.slow
def test_a_new_family_is_a_teacher(fresh: Fresh, electra: Path, text: Path) -> None:
    result = fresh.use("teacher", "--data", text, *SMALL_RUN, "--output", "of-teacher", electra_base=electra)
    config = json.loads((fresh.folder / result["student"] / "config.json").read_text())
    assert (config["model_type"], config["embedding_size"]) == ("electra", 12)


@pytest.mark.slow
def test_a_new_task_is_trained_and_scored(fresh: Fresh, teacher: MakeTeacher) -> None:
    (result,) = fresh.use("task", "--model", teacher("bert"), *SMALL_EVAL)["results"]
    assert set(result["scores"]["dev"]) == {"accuracy", "f1"}


# ---- what is written ------------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_nothing_of_the_template_is_left_in_a_package(kind: str, here: Path) -> None:
    assert new("Kelp.Lamp", "--kind", kind).exit_code == 0
    files = [path for path in (here / "kelp-lamp").rglob("*") if path.is_file()]
    for path in files:
        content = f"{path.relative_to(here)}\n{path.read_text(encoding='utf-8')}"
        for word in ("my-plugin", "my_plugin", "DESCRIPTION", "USE_COMMAND", 'reldistill>=0"'):
            assert word not in content, path
    assert {path.name for path in files} >= {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "test_kelp_lamp.py",
        "py.typed",
    }


def test_the_metadata_names_plugin_toolkit_and_test_extra(kind: str, here: Path) -> None:
    new("kelp-lamp", "--kind", kind)
    project = tomllib.loads((here / "kelp-lamp" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "kelp-lamp"
    assert project["entry-points"] == {"reldistill": {"kelp-lamp": "kelp_lamp"}}
    (toolkit,) = map(Requirement, project["dependencies"])
    assert toolkit.name == "reldistill"
    assert toolkit.specifier.contains(version("reldistill"), prereleases=True)
    assert not toolkit.specifier.contains("99")
    assert [Requirement(extra).name for extra in project["optional-dependencies"]["test"]] == ["pytest"]


def test_the_readme_has_the_command_that_is_printed_last(kind: str, here: Path) -> None:
    outcome = new("kelp-lamp", "--kind", kind)
    install, use = (line.strip() for line in outcome.stdout.splitlines()[-2:])
    assert install == "pip install -e './kelp-lamp[test]' && pytest kelp-lamp"
    assert use.replace("kelp-lamp/tests", "tests") in (here / "kelp-lamp" / "README.md").read_text().splitlines()


def test_a_folder_may_be_named(here: Path) -> None:
    outcome = new("kelp-lamp", "--kind", "layers", "--output", "deep in/there")
    assert outcome.exit_code == 0
    assert "pip install -e 'deep in/there[test]' && pytest 'deep in/there'" in outcome.stdout
    assert (here / "deep in" / "there" / "src" / "kelp_lamp" / "__init__.py").is_file()


def test_an_empty_folder_is_taken(here: Path) -> None:
    (here / "kelp-lamp").mkdir()
    assert new("kelp-lamp", "--kind", "layers").exit_code == 0


def test_compiled_templates_are_left_where_they_are(here: Path) -> None:
    import reldistill_cli

    source = Path(str(reldistill_cli.__file__)).parent / "plugin_templates" / "layers" / "src" / "my_plugin"
    compiled = source / "__pycache__" / "stray.cpython-311.pyc"
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_bytes(b"\xff\x00")
    try:
        assert new("kelp-lamp", "--kind", "layers").exit_code == 0
    finally:
        shutil.rmtree(compiled.parent)
    assert not list((here / "kelp-lamp").rglob("__pycache__"))


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("9lamps", "Allowed are letters"),
        ("-lamp", "No such option"),
        ("lamp-", "Allowed are letters"),
        ("kelp lamp", "Allowed are letters"),
        ("kelp/lamp", "Allowed are letters"),
        ("lämp", "Allowed are letters"),
        ("", "Allowed are letters"),
        ("class", "a word or a module of Python's own"),
        ("JSON", "a word or a module of Python's own"),
        ("qk", "a relation of the toolkit's own"),
        ("Paper", "a layer strategy of the toolkit's own"),
        ("xlm_r", "a teacher family of the toolkit's own"),
        ("mbert", "an alias of google-bert/"),
        ("rte", "a task of the toolkit's own"),
        ("glue", "a family of tasks of the toolkit's own"),
        ("torch", "installed already"),
        ("reldistill-plugins", "installed already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, said: str, here: Path) -> None:
    outcome = new(name, "--kind", "layers")
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    assert list(here.iterdir()) == []


def test_another_kind_is_refused_with_those_that_there_are(here: Path) -> None:
    outcome = new("kelp-lamp", "--kind", "loss")
    assert outcome.exit_code == 2
    assert all(kind in outcome.stderr for kind in KINDS)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(here: Path) -> None:
    (here / "kelp-lamp").mkdir()
    (here / "kelp-lamp" / "notes.txt").write_text("mine")
    outcome = new("kelp-lamp", "--kind", "layers")
    assert outcome.exit_code == 2
    assert "kelp-lamp is not empty" in outcome.stderr
    assert [path.name for path in here.rglob("*")] == ["kelp-lamp", "notes.txt"]


def test_a_file_of_the_name_is_refused(here: Path) -> None:
    (here / "kelp-lamp").write_text("mine")
    outcome = new("kelp-lamp", "--kind", "layers")
    assert outcome.exit_code == 2
    assert "is a file" in outcome.stderr


def test_what_cannot_be_written_leaves_nothing_behind(here: Path) -> None:
    with pytest.raises(FileExistsError):
        write_package({"a": "a file", "a/b": "and a file in it"}, here / "kelp-lamp")
    assert list(here.iterdir()) == []
