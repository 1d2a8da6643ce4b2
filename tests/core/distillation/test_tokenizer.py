"""Ids on disk are those of transformers' tokenizer, also where the tokenizer.json beside it says something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from conftest import MakeTeacher
from reldistill import Registry, UsageError
from reldistill.distillation.corpus import open_corpus
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.text_source import text_source
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


def test_a_tokenizer_that_splits_special_tokens_is_refused(teacher: MakeTeacher, tmp_path: Path) -> None:
    folder = tmp_path / "splitting"
    shutil.copytree(teacher("bert", layers=3), folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"split_special_tokens": True}))
    with pytest.raises(UsageError, match="split_special_tokens"):
        _ = locate_teacher(str(folder), Registry.installed()).tokenizer


def test_text_beside_a_name_that_looks_like_a_glob_is_not_taken_for_it(teacher: MakeTeacher, tmp_path: Path) -> None:
    (tmp_path / "a1.txt").write_text("Salt, rope and tar.")
    (tmp_path / "a[1].txt").write_text("Gulls argued over the roof.")
    located = locate_teacher(str(teacher("bert", layers=3)), Registry.installed())
    ids = [
        open_corpus(
            text_source((str(tmp_path / name),), "bert", "text"), located, max_length=40, text_column="text", seed=0,
            at_most=None, reporter=Reporter(),
        ).sequence(0).tolist()
        for name in ("a1.txt", "a[1].txt")
    ]  # fmt: skip
    assert ids == [
        located.tokenizer(text)["input_ids"] for text in ("Salt, rope and tar.", "Gulls argued over the roof.")
    ]


def test_a_decoder_is_refused(teacher: MakeTeacher, tmp_path: Path) -> None:
    folder = tmp_path / "decoder"
    shutil.copytree(teacher("bert", layers=3), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"is_decoder": True}))
    with pytest.raises(UsageError, match="is a decoder"):
        locate_teacher(str(folder), Registry.installed())
