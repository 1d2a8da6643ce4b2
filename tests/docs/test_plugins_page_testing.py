"""What the section "Test it" of the page on plugins shows is what the kit does."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from datasets import Dataset

from kit_outcomes import outcomes
from reldistill import AttentionStates, Evaluation
from reldistill.evaluation.data import DataSource
from reldistill.testing import relation_checks, task_checks
from reldistill_plugins.tasks.sentences import SentenceTask

PAGE = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Test it\n")[2].partition("\n## ")[0]


def block(language: str, text: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", text, re.S)
    assert found
    return found[1]


def module(monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> ModuleType:
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)  # a dataclass looks its module up
    exec(source, vars(made))
    return made


def test_the_relations_of_the_page_pass_the_two_lines_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    package = module(monkeypatch, "my_package", "")
    relations = block("python", PAGE.partition("## A relation")[2])
    package.relations = module(monkeypatch, "my_package.relations", relations)  # type: ignore[attr-defined]
    test = module(monkeypatch, "test_of_the_page", block("python", SECTION)).test_conforms
    (mark,) = test.pytestmark
    assert mark.args[0] == "check"
    assert {check.subject for check in mark.args[1]} > {"relation query-key", "relation hidden-cosine"}
    for check in mark.args[1]:
        if check.name not in ("cuda", "mps"):
            test(check)


@dataclass(frozen=True)
class DividesByTheNorm:
    name: str = "hidden-cosine"
    needs: frozenset[str] = frozenset({"hidden"})

    def logits(self, states: AttentionStates, relation_heads: int) -> torch.Tensor:
        hidden = states.require("hidden")
        unit: torch.Tensor = hidden / hidden.norm(dim=-1, keepdim=True)
        return (10 * unit @ unit.T).unsqueeze(0)


def test_the_advice_of_the_page_is_what_is_said() -> None:
    headline, *shown = block("text", SECTION).splitlines()
    assert headline == "failed: relation hidden-cosine: finite"
    assert [line.strip() for line in shown] == outcomes(relation_checks(DividesByTheNorm()))["finite"].splitlines()


class Tone(SentenceTask):
    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("dev", "dev")]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("dev", "dev")]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        raise source.missing("rows", "none")


def test_the_golden_file_of_the_page_is_one(tmp_path: Path) -> None:
    content: Any = json.loads(block("json", SECTION))
    (tmp_path / "tone.json").write_text(json.dumps(content))
    task = Tone("tone", ("calm", "angry"), ("accuracy",), "accuracy", epochs=(3,), learning_rates=(2e-5,))
    found = outcomes(task_checks(task, golden=tmp_path / "tone.json"))
    assert found["golden scores"] == found["order"] == found["encoding"] == ""
