"""What a distillation tells while it runs. The command line shows it; a library user may listen or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan
    from reldistill.layers import LayerEvidence
    from reldistill_loader import Progress

__all__ = ["Reporter"]


class Reporter:
    """Says nothing. Override what you want to hear."""

    def note(self, message: str) -> None:
        """A choice or a circumstance that the user should know of."""

    def tokenising(self, source: str, progress: Progress) -> None:
        """A corpus is being made of ``source``."""

    def tokenised(self, source: str) -> None:
        """The corpus is complete."""

    def probing(self, step: int, steps: int, losses: Mapping[int, float]) -> None:
        """A step of a probe is done; ``losses``: layer of the teacher -> relation loss of its student."""

    def probed(self, evidence: Sequence[LayerEvidence], seconds: float) -> None:
        """A probe is done; it took so long. What was found before is not told again."""

    def plan(self, plan: Plan) -> None:
        """Everything is resolved; nothing has been trained yet."""

    def resumed(self, step: int, steps: int) -> None:
        """The run goes on from a checkpoint of this step."""

    def saved(self, step: int, seconds: float) -> None:
        """A checkpoint of this step is on the disk; it took so long."""

    def step(self, step: int, steps: int, row: Mapping[str, float] | None) -> None:
        """A step is done; ``row`` is what went into metrics.jsonl, None for a step that is not logged."""

    def validated(self, row: Mapping[str, float]) -> None:
        """The held-out text was measured: a row of metrics.jsonl with ``validation/…``."""

    def measuring(self, text: str, done: int, of: int) -> None:
        """So many parts of a text went through the teacher and all students whose loss is measured on it."""

    def measured(self, text: str) -> None:
        """The text is done."""
