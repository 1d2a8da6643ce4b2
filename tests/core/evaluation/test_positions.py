"""How long a sequence a model takes: what is said of it, and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from conftest import MakeTeacher
from reldistill import Registry
from reldistill.distillation.locate import locate_teacher
from reldistill.evaluation.positions import longest_sequence
from tiny_models import SHAPES

POSITIONS = 12


@pytest.mark.parametrize("family", SHAPES)
def test_evaluation_and_distillation_know_the_same_number_of_positions(teacher: MakeTeacher, family: str) -> None:
    located = locate_teacher(str(teacher(family, positions=POSITIONS)), Registry.installed())
    assert longest_sequence(located.config) == located.longest == POSITIONS


@pytest.mark.parametrize("family", [family for family in SHAPES if family != "modernbert"])
def test_so_many_tokens_are_taken_and_not_one_more(teacher: MakeTeacher, family: str) -> None:
    """ModernBERT rotates any number; it was trained on no more."""
    folder: Path = teacher(family, positions=POSITIONS)
    model: Any = AutoModel.from_pretrained(folder).eval()
    assert model(torch.full((1, POSITIONS), 9)).last_hidden_state.shape[1] == POSITIONS
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, POSITIONS + 1), 9))
