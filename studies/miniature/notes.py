"""What stands under a table: of how many seeds its numbers are, and what was not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from studies.miniature.found import Found, Spread

__all__ = ["not_run", "seeds_in_words"]


def seeds_in_words(spreads: Iterable[Spread | None]) -> str:
    """``One seed.``, or what ± means: losses are of seeds of the student, scores of seeds of its fine-tuning. Empty without numbers."""
    counts = sorted({len(spread.values) for spread in spreads if spread is not None})
    if not counts:
        return ""
    if counts == [1]:
        return "One seed."
    several = " or ".join(str(count) for count in counts if count > 1)
    return f"With ±: mean of {several} seeds (of fine-tuning, for a task), and half their range." + (
        " Without: one seed." if 1 in counts else ""
    )


def not_run(found: Found, models: Mapping[str, str]) -> str:
    """``Not run: …``, the words of those students that are not there; ``models``: words -> student."""
    missing = [words for words, model in models.items() if not found.is_there(model)]
    return f"Not run: {'; '.join(missing)}." if missing else ""
