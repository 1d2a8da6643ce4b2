"""What a run measured on its way, by the tokens that it had trained on."""

from __future__ import annotations

from typing import Any

import pytest
from studies.miniature.curves import validations


def trained(step: int, tokens: int) -> dict[str, Any]:
    return {"step": step, "loss": 1.0, "tokens": tokens}


def measured(step: int, loss: float) -> dict[str, Any]:
    return {"step": step, "validation/loss": loss, "validation/loss/qq": loss / 2}


def test_a_validation_has_the_tokens_of_its_step() -> None:
    rows = [
        measured(0, 2.0),
        trained(1, 90),
        trained(10, 1000),
        measured(10, 1.5),
        trained(20, 2100),
        measured(20, 1.0),
    ]
    found = validations(rows)
    assert [(point.step, point.tokens) for point in found] == [(0, 0), (10, 1000), (20, 2100)]
    assert found[1].losses == {"loss": 1.5, "loss/qq": 0.75}


def test_between_two_logged_steps_tokens_go_as_steps_do() -> None:
    (point,) = validations([trained(10, 1000), measured(15, 1.0), trained(20, 2000)])
    assert point.tokens == pytest.approx(1500)


def test_a_step_that_was_measured_twice_counts_once() -> None:
    (point,) = validations([trained(10, 1000), measured(10, 2.0), measured(10, 1.0)])
    assert point.losses["loss"] == 1.0
