"""The cells of a search: one fine-tuning each, in a file of its own, so that what is finished is never done again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reldistill.checkpoint.durable import replace_durably
from reldistill.eval_task import Scores

__all__ = ["Cell", "CellResult"]


@dataclass(frozen=True, order=True)
class Cell:
    """One point of the grid."""

    learning_rate: float
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """``lr3e-05-epochs5-seed1``."""
        return f"lr{self.learning_rate!r}-epochs{self.epochs}-seed{self.seed}"


@dataclass(frozen=True)
class CellResult:
    """What came of it.

    ``selection``: the main metric on the rows that choose, None where it is not defined. ``epoch``: the one whose model was
    scored, 0 where the training diverged: then ``scores`` is empty. ``losses``: mean training loss of each epoch.
    ``seconds``: all of the cell. ``predicted``: SHA-256 of the rows without labels that were predicted too. ``versions``: of
    the packages that it was computed with.
    """

    cell: Cell
    selection: float | None
    scores: Mapping[str, Scores]
    epoch: int
    losses: tuple[float | None, ...]
    seconds: float
    predicted: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """``NAME.json``; it appears whole."""
        content = {
            "learning_rate": self.cell.learning_rate, "epochs": self.cell.epochs, "seed": self.cell.seed,
            "selection": self.selection, "scores": {name: dict(scores) for name, scores in self.scores.items()},
            "epoch": self.epoch, "losses": self.losses, "seconds": self.seconds, "predicted": self.predicted,
            "versions": dict(self.versions),
        }  # fmt: skip
        replace_durably(folder / f"{self.cell.name}.json", (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Path, cell: Cell) -> CellResult | None:
        """None where it is not there, or not readable: then it is to be made."""
        try:
            content: dict[str, Any] = json.loads((folder / f"{cell.name}.json").read_text(encoding="utf-8"))
            return cls(
                cell, content["selection"], content["scores"], content["epoch"], tuple(content["losses"]),
                content["seconds"], content["predicted"], content["versions"],
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            return None
