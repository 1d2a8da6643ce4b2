"""What a progress callback is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build has come."""

    bytes_done: int
    """Bytes of text that have been written as tokens."""
    bytes_total: int | None
    """Bytes of text in all; None for documents from an iterable."""
    documents: int
    """Documents that were read."""
    sequences: int
    """Sequences that were written."""
    tokens: int
    """Tokens that were written, special tokens included."""
    continued: int = 0
    """Sequences among them that an interrupted build had written: this one goes on behind them."""
