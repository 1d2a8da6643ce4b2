"""``--track tensorboard``: event files that TensorBoard's own reader reads."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import MakeTeacher
from reldistill import DistillConfig, DistillResult, UsageError, distill
from reldistill.distillation import Reporter
from reldistill.distillation.tracking import TensorboardTracker, Tracker, tracker_of

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="waits for the extra tensorboard"
)


class Listener(Reporter):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def note(self, message: str) -> None:
        self.heard.append(message)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each scalar, by name, of what a reader is to see."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture
def configure(
    teacher: MakeTeacher, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], DistillConfig]:
    """A run of a second in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    return lambda: DistillConfig(
        teacher=str(teacher("bert", layers=3)), data=(str(text),), validation=(str(text),), student="2x12", student_heads=3,
        max_length=40, batch_size=8, steps=6, log_every=2, precision="fp32", track="tensorboard",
    )  # fmt: skip


@needs_tensorboard
def test_a_run_writes_each_row_as_scalars_by_step(configure: Callable[[], DistillConfig]) -> None:
    result = distill(configure())
    assert isinstance(result, DistillResult)
    rows = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    expected: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if name != "step":
                expected.setdefault(name, []).append((row["step"], pytest.approx(value, rel=1e-6)))
    assert {"loss", "loss/qq", "learning_rate", "validation/loss"} <= set(expected)
    assert scalars(result.folder / "tensorboard") == expected


@needs_tensorboard
def test_tracking_changes_neither_the_runs_name_nor_its_student(configure: Callable[[], DistillConfig]) -> None:
    tracked = distill(configure())
    assert isinstance(tracked, DistillResult)
    whole = (tracked.student / "model.safetensors").read_bytes()
    plain = distill(replace(configure(), track="none", overwrite=True))
    assert isinstance(plain, DistillResult)
    assert plain.folder == tracked.folder
    assert (plain.student / "model.safetensors").read_bytes() == whole


@needs_tensorboard
def test_of_a_resumed_run_a_reader_sees_each_step_once(tmp_path: Path) -> None:
    first = TensorboardTracker(tmp_path / "events", Listener())
    first.start(0)
    for step in (0, 10, 20, 30):
        first.write({"step": step, "loss": 1.0 + step})
    first.close()
    resumed = TensorboardTracker(tmp_path / "events", Listener())
    resumed.start(20)
    for step in (30, 40):
        resumed.write({"step": step, "loss": 2.0 + step})
    resumed.close()
    assert scalars(tmp_path / "events") == {"loss": [(0, 1), (10, 11), (20, 21), (30, 32), (40, 42)]}


@needs_tensorboard
def test_of_a_run_that_starts_again_a_reader_sees_nothing_old(tmp_path: Path) -> None:
    for loss in (1.0, 2.0):
        tracker = TensorboardTracker(tmp_path / "events", Listener())
        tracker.start(0)
        tracker.write({"step": 0, "loss": loss})
        tracker.close()
    assert scalars(tmp_path / "events") == {"loss": [(0, 2)]}


@needs_tensorboard
def test_a_folder_that_cannot_be_written_is_noted_once_and_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "events").touch()
    listener = Listener()
    tracker = TensorboardTracker(tmp_path / "events", listener)
    tracker.start(0)
    tracker.write({"step": 1, "loss": 1.0})
    tracker.write({"step": 2, "loss": 1.0})
    tracker.close()
    assert len(listener.heard) == 1
    assert listener.heard[0].startswith("nothing more is written for TensorBoard: ")


def test_without_tracking_nothing_is_written(tmp_path: Path) -> None:
    tracker = tracker_of(DistillConfig(teacher="any"), tmp_path, Listener())
    assert type(tracker) is Tracker
    tracker.start(0)
    tracker.write({"step": 1, "loss": 1.0})
    tracker.close()
    assert list(tmp_path.iterdir()) == []


def test_where_the_package_is_missing_the_run_is_refused_before_anything_is_looked_for(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['tensorboard'] = None\n"  # as if it were not installed
        "from reldistill import DistillConfig, UsageError, distill\n"
        "try: distill(DistillConfig(teacher='./not-there', track='tensorboard'))\n"
        "except UsageError as error: print(error)"
    )
    child = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert child.stdout.startswith("--track tensorboard: the package tensorboard is not to be had")
    assert "pip install 'reldistill[tensorboard]'" in child.stdout
    assert list(tmp_path.iterdir()) == []


def test_another_tracker_is_refused() -> None:
    with pytest.raises(UsageError, match="Allowed: none, tensorboard"):
        DistillConfig(teacher="any", track="wandb")  # type: ignore[arg-type]
