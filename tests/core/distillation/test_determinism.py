from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conftest import MakeTeacher
from reldistill.distillation.determinism import deterministic_operations
from short_runs import configure, outcome, run


@pytest.mark.parametrize("before", [True, False])
def test_it_is_asked_of_torch_for_as_long_as_the_context_lasts(before: bool) -> None:
    torch.use_deterministic_algorithms(before)
    try:
        with deterministic_operations(True):
            assert torch.are_deterministic_algorithms_enabled()
        assert torch.are_deterministic_algorithms_enabled() == before
        with deterministic_operations(False):
            assert torch.are_deterministic_algorithms_enabled() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_all_that_a_run_does_has_a_deterministic_form_here_and_gives_the_same_student(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    config = configure(teacher("bert", layers=3), text, steps=3)
    plain = run(config)
    asked = run(configure(teacher("bert", layers=3), text, steps=3, deterministic=True))
    assert outcome(asked)[0] == outcome(plain)[0]
