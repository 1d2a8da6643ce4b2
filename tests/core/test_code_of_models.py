"""A model that brings code of its own: the code is not run, whatever transformers asks and whoever answers yes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import MakeTeacher
from reldistill import Registry, ReldistillError
from reldistill.distillation.locate import locate_teacher
from reldistill.evaluation.encoder import locate_encoder
from reldistill.evaluation.model import model_with_head

READERS: dict[str, Callable[[Path], object]] = {
    "a teacher's configuration": lambda folder: locate_teacher(str(folder), Registry.installed()),
    "a teacher's tokenizer": lambda folder: locate_teacher(str(folder), Registry.installed()).tokenizer,
    "the configuration of what is evaluated": lambda folder: locate_encoder(str(folder), Registry.installed()).config,
    "the tokenizer of what is evaluated": lambda folder: locate_encoder(str(folder), Registry.installed()).tokenizer,
    "the model that is fine-tuned": lambda folder: model_with_head("sequence-classification", folder, ["no", "yes"]),
}


@pytest.fixture
def with_code(teacher: MakeTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of an unknown type whose files name a module beside them, which leaves a mark when it is imported."""
    folder = tmp_path / "model"
    shutil.copytree(teacher("bert"), folder)
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\nraise SystemExit\n")
    kinds = ("AutoConfig", "AutoModel", "AutoModelForSequenceClassification")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": dict.fromkeys(kinds, "theirs.Theirs")}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer |= {"tokenizer_class": "Theirs", "auto_map": {"AutoTokenizer": ["theirs.Theirs", "theirs.Theirs"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    return folder


@pytest.mark.parametrize("reader", READERS)
def test_code_of_a_model_is_not_run_also_where_the_user_would_say_yes(with_code: Path, reader: str) -> None:
    with pytest.raises(ReldistillError):
        READERS[reader](with_code)
    assert not (with_code.parent / "mark").exists()
