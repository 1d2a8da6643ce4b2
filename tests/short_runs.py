"""Distillations of a second or two, and what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reldistill import DistillConfig, DistillResult, distill
from reldistill.distillation import Reporter
from reldistill.errors import Stopped
from reldistill.stop import Stop

__all__ = ["Listener", "configure", "go_on", "outcome", "rows", "run", "stop_behind"]


def configure(folder: Path, text: Path, **options: Any) -> DistillConfig:
    """A run of a few seconds."""
    sizes: dict[str, Any] = {
        "student": "2x12", "student_heads": 3, "max_length": 40, "batch_size": 16, "steps": 30, "learning_rate": 5e-3,
        "log_every": 5, "precision": "fp32",
    }  # fmt: skip
    return DistillConfig(teacher=str(folder), data=(str(text),), **(sizes | options))


def run(config: DistillConfig, reporter: Reporter | None = None, stop: Stop | None = None) -> DistillResult:
    """The whole of it."""
    result = distill(config, reporter=reporter, stop=stop)
    assert isinstance(result, DistillResult)
    return result


def rows(result: DistillResult) -> list[dict[str, float]]:
    """Of its metrics.jsonl."""
    return [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]


class Listener(Reporter):
    """Remembers notes and steps; may ask to stop behind a step."""

    def __init__(self, stop: Stop | None = None, at: int = 0) -> None:
        self.notes: list[str] = []
        self.resumed_at: int | None = None
        self.saved_at: list[int] = []
        self._stop, self._at = stop, at

    def note(self, message: str) -> None:
        self.notes.append(message)

    def resumed(self, step: int, steps: int) -> None:
        self.resumed_at = step

    def saved(self, step: int, seconds: float) -> None:
        self.saved_at.append(step)

    def step(self, step: int, steps: int, row: Mapping[str, float] | None) -> None:
        if self._stop is not None and step == self._at:
            self._stop.request()


def stop_behind(config: DistillConfig, step: int) -> None:
    """Run and ask to stop behind a step."""
    stop = Stop()
    with pytest.raises(Stopped) as stopped:
        run(config, Listener(stop, step), stop)
    assert stopped.value.saved_step == step


def go_on(config: DistillConfig) -> tuple[DistillResult, Listener]:
    """Run to the end; what was heard."""
    listener = Listener()
    return run(config, listener), listener


def outcome(result: DistillResult) -> tuple[bytes, list[dict[str, Any]]]:
    """The student's weights and all rows but for what the clock says."""
    logged = [{name: value for name, value in row.items() if name != "tokens_per_second"} for row in rows(result)]
    return (result.student / "model.safetensors").read_bytes(), logged
