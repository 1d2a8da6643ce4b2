"""Ids on disk are those of transformers' tokenizer, also where the tokenizer.json beside it says something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from conftest import MakeTeacher
from reldistill import Registry
from reldistill.distillation.corpus import open_corpus, text_source
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.reporter import Reporter
from tiny_models import FAMILIES, documents


def ids_on_disk(folder: Path, text: Path, tmp_path: Path, max_length: int) -> list[list[int]]:
    teacher = locate_teacher(str(folder), Registry.installed())
    corpus = open_corpus(
        text_source((str(text),), "bert", "text"), teacher, max_length=max_length, text_column="text", seed=0,
        at_most=None, reporter=Reporter(), folder=tmp_path / "corpus",
    )  # fmt: skip
    return [corpus.sequence(index).tolist() for index in range(len(corpus))]


@pytest.mark.parametrize("family", FAMILIES)
def test_ids_equal_the_fast_tokenizers(teacher: MakeTeacher, text: Path, tmp_path: Path, family: str) -> None:
    folder = teacher(family, layers=3)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = tokenizer(documents(120), truncation=True, max_length=40, return_overflowing_tokens=True)["input_ids"]
    assert ids_on_disk(folder, text, tmp_path, 40) == expected


def test_the_tokenizer_config_overrules_the_tokenizer_json(teacher: MakeTeacher, text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cased"
    shutil.copytree(teacher("bert", layers=3), folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    # The tokenizer.json lower-cases; transformers builds BERT's tokenizer anew from what the configuration says.
    settings |= {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer).__name__ == "BertTokenizer"
    expected = tokenizer(documents(120), truncation=True, max_length=40, return_overflowing_tokens=True)["input_ids"]
    as_the_file_says = teacher("bert", layers=3)
    found = ids_on_disk(folder, text, tmp_path, 40)
    assert found == expected
    assert found != ids_on_disk(as_the_file_says, text, tmp_path / "other", 40)
