"""The third-party packages under examples/, as who installs them has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, DistilBertConfig, DistilBertModel

from conftest import MakeTeacher
from installed_package import InstalledPackage
from tiny_models import make_tokenizer, write_text

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ("--student", "2x24", "--student-heads", 4, "--relation-heads", 4, "--steps", 3, "--batch-size", 8)
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if (path / "pyproject.toml").is_file())

Install = Callable[[str], InstalledPackage]


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    there: dict[str, InstalledPackage] = {}

    def installed(name: str) -> InstalledPackage:
        if name not in there:
            there[name] = InstalledPackage(EXAMPLES / name, tmp_path_factory.mktemp("site") / "packages")
        return there[name]

    return installed


def student(package: InstalledPackage, cwd: Path, *words: object) -> Any:
    text = write_text(cwd / "text.txt")
    done = package.minictl(
        "distill", *words, "--data", text, *SMALL, "--max-length", 32, "--output", "run", "--json", cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return AutoModel.from_pretrained(Path(cwd / json.loads(done.stdout)["student"]))


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_its_own_tests_as_installed(name: str, install: Install, tmp_path: Path) -> None:
    done = install(name).tests(tmp_path)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_student_learns_the_cosines_of_its_teacher(install: Install, teacher: MakeTeacher, tmp_path: Path) -> None:
    package = install("reldistill-cosine-relations")
    relations = "cos-qq,cos-kk,cos-vv=0.5,cos-hidden"
    model = student(package, tmp_path, "--teacher", teacher("bert"), "--relations", relations)
    assert model.config.hidden_size == 24
    card = (tmp_path / "run/student/README.md").read_text()
    assert "reldistill-cosine-relations 1.0.0" in card
    first = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])
    assert {f"loss/{name}" for name in ("cos-qq", "cos-kk", "cos-vv", "cos-hidden")} <= first.keys()


def test_a_distilbert_teaches_a_smaller_one(install: Install, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = make_tokenizer("bert")
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=48, n_layers=3, n_heads=4, hidden_dim=96, max_position_embeddings=64
    )
    DistilBertModel(config).save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    model = student(install("reldistill-distilbert"), tmp_path, "--teacher", "teacher")
    assert isinstance(model, DistilBertModel)
    assert (model.config.dim, model.config.n_layers) == (24, 2)
