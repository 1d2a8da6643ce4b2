"""How long sequences are, as far as cost depends on it: attention and loss grow with the square of the length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Lengths"]


@dataclass(frozen=True)
class Lengths:
    """Means over sequences: ``mean`` of the length in tokens, ``mean_square`` of its square."""

    mean: float
    mean_square: float

    @classmethod
    def alike(cls, length: float) -> Lengths:
        """All sequences of one length: of all distributions with this mean the cheapest."""
        return cls(length, length * length)

    @classmethod
    def of(cls, lengths: Any) -> Lengths:
        """Of a NumPy array of lengths, one or more, such as ``Corpus.lengths()``."""
        exact = lengths.astype("float64")
        return cls(float(exact.mean()), float((exact * exact).mean()))

    @property
    def squares_per_token(self) -> float:
        """The sum of squared lengths over the tokens: how many tokens a token sees on average, itself included."""
        return self.mean_square / self.mean
