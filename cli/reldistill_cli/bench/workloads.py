"""What is trained in a measured step: a teacher's shape, a student's, relations, and a batch of ragged sequences.

Weights and tokens are random: neither changes what a step costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reldistill import PackedTokens

__all__ = ["NINE", "RELATION_HEADS", "THREE", "WORKLOADS", "Workload", "ragged_lengths"]

THREE = ("qq", "kk", "vv")
NINE = ("qq", "qk", "qv", "kq", "kk", "kv", "vq", "vk", "vv")
RELATION_HEADS = 48


@dataclass(frozen=True)
class Workload:
    """A 12×768 teacher of ``vocabulary`` words, a 6×384 student, and about ``tokens`` tokens a step."""

    what: str
    family: str
    vocabulary: int
    longest: int
    tokens: int
    relations: tuple[str, ...] = THREE

    def lengths(self) -> tuple[int, ...]:
        """Of the sequences, longest first."""
        return ragged_lengths(self.longest, self.tokens)

    def batch(self, *, filled: bool = False) -> PackedTokens:
        """The same tokens each time; ``filled`` with more, so that each sequence is as long as the longest."""
        import torch

        from reldistill import PackedTokens

        lengths = self.lengths()
        if filled:
            lengths = (max(lengths),) * len(lengths)
        ids = torch.randint(5, self.vocabulary, (sum(lengths),), generator=torch.Generator().manual_seed(0))
        first = 2 if self.family == "xlm-r" else 0
        positions = torch.cat([torch.arange(first, first + length) for length in lengths])
        ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
        return PackedTokens(ids, positions, ends, lengths)


def ragged_lengths(longest: int, tokens: int) -> tuple[int, ...]:
    """Six of ten sequences are as long as can be, as windows of long documents are; the others are ends of documents, of
    any length from an eighth of that. On average 83% of the longest. Longest first, as the loader gives them.
    """
    found: list[int] = []
    while sum(found) < tokens:
        number = len(found)
        tenth = (7 * number) % 10
        found.append(
            longest if tenth < 6 else max(1, longest // 8 + (37 * number % 100) * (longest - longest // 8) // 100)
        )
    return tuple(sorted(found, reverse=True))


WORKLOADS = {
    "bert-128": Workload("BERT-base, at most 128 tokens", "bert", 30_522, 128, 4_096),
    "bert-512": Workload("BERT-base, at most 512 tokens", "bert", 30_522, 512, 4_096),
    "xlmr-128": Workload("XLM-R-base's shape, at most 128 tokens", "xlm-r", 250_002, 128, 4_096),
    "bert-128-nine": Workload("BERT-base, at most 128 tokens, all nine relations", "bert", 30_522, 128, 4_096, NINE),
    "bert-512-nine": Workload("BERT-base, at most 512 tokens, all nine relations", "bert", 30_522, 512, 4_096, NINE),
}
