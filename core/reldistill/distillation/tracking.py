"""The rows of metrics.jsonl for those who watch runs elsewhere: TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.errors import UsageError
from reldistill.run_files import TENSORBOARD

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from reldistill.config import DistillConfig
    from reldistill.distillation.reporter import Reporter

__all__ = ["TensorboardTracker", "Tracker", "check_tracking", "tracker_of"]

FLUSH_SECONDS = 10


class Tracker:
    """Keeps nothing: ``--track none``."""

    def start(self, step: int) -> None:
        """The run begins, or goes on, behind ``step``; rows of later steps that were written before no longer count."""

    def write(self, row: Mapping[str, float]) -> None:
        """A row of metrics.jsonl."""

    def close(self) -> None:
        """Nothing more comes."""


class TensorboardTracker(Tracker):
    """Event files in ``folder``: a scalar for each value of a row, by its name and step.

    What cannot be written is noted once; the run goes on, and metrics.jsonl has all of it.
    """

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self._writer: SummaryWriter | None = None

    def start(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        try:
            # Readers drop what other files of the folder hold from that step on: a stopped or replaced run wrote it.
            self._writer = SummaryWriter(
                str(self._folder), purge_step=step + 1 if step else 0, flush_secs=FLUSH_SECONDS
            )
        except OSError as error:
            self._give_up(error)

    def write(self, row: Mapping[str, float]) -> None:
        if self._writer is None:
            return
        try:
            for name, value in row.items():
                if name != "step":
                    self._writer.add_scalar(name, value, int(row["step"]))
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._writer = None
        self._reporter.note(f"nothing more is written for TensorBoard: {error}; metrics.jsonl has every row")


def check_tracking(track: str) -> None:
    """Raise :class:`UsageError` where what ``--track`` needs is not installed."""
    if track != "tensorboard":
        return
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--track tensorboard: the package tensorboard is not to be had ({error})",
            hint="pip install 'reldistill[tensorboard]'. Without it, metrics.jsonl and report.html hold the same.",
        ) from error


def tracker_of(config: DistillConfig, folder: Path, reporter: Reporter) -> Tracker:
    """The tracker that ``config`` asks for, of the run in ``folder``; nothing is written before its start."""
    if config.track == "tensorboard":
        return TensorboardTracker(folder / TENSORBOARD, reporter)
    return Tracker()
