"""What a corpus holds, in numbers: lengths, and the padding that each layout of a batch would compute."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from reldistill_loader._native import Corpus

__all__ = ["CorpusSummary", "LengthBin", "Padding", "summarize"]

_BATCHES = 64
"""Global batches that the padding is computed from."""
_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class LengthBin:
    """Sequences of ``first`` to ``last`` tokens."""

    first: int
    last: int
    sequences: int


@dataclass(frozen=True, slots=True)
class Padding:
    """Share of the computed positions that is padding, from 0 to 1, of global batches of ``batch_size`` sequences."""

    batch_size: int
    as_drawn: float
    """The whole batch as one matrix, as wide as its longest sequence."""
    random_rows: float
    """Rows of ``rows`` sequences as they were drawn, each matrix as wide as its longest."""
    sorted_rows: float
    """The same after sorting the batch by length, widths rounded up to a multiple of 8."""
    rows: int
    packed: float = 0.0
    """Packed batches have none."""


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """Counts and lengths of a corpus."""

    bytes: int
    """Size of all shards."""
    bytes_per_token: float
    shortest: int
    mean: float
    longest: int
    percentiles: dict[int, int]
    """Tokens that so many percent of the sequences do not exceed."""
    histogram: tuple[LengthBin, ...]
    padding: Padding


def summarize(corpus: Corpus, *, bins: int = 16, batch_size: int = 256, rows: int = 32, seed: int = 0) -> CorpusSummary:
    """Count the lengths of all sequences, and the padding of the first batches that training with ``seed`` would see.

    Raises:
        CorpusError: the corpus is damaged.
    """
    lengths = corpus.lengths()
    size = sum(shard.bytes for shard in corpus.manifest.shards)
    marks = (5, 25, 50, 75, 95)
    return CorpusSummary(
        bytes=size,
        bytes_per_token=size / corpus.tokens,
        shortest=int(lengths.min()),
        mean=corpus.tokens / len(corpus),
        longest=int(lengths.max()),
        percentiles={mark: int(np.percentile(lengths, mark, method="inverted_cdf")) for mark in marks},
        histogram=_histogram(lengths, bins),
        padding=_padding(corpus, batch_size, rows, seed),
    )


def _histogram(lengths: NDArray[np.uint32], bins: int) -> tuple[LengthBin, ...]:
    longest = int(lengths.max())
    width = -(-longest // bins)
    counts = np.bincount((lengths - 1) // width)
    return tuple(
        LengthBin(number * width + 1, min((number + 1) * width, longest), int(count))
        for number, count in enumerate(counts)
    )


def _padding(corpus: Corpus, batch_size: int, rows: int, seed: int) -> Padding:
    number = min(_BATCHES, -(-len(corpus) // batch_size))
    # Batches are laid out longest first; other loaders leave them in the random order in which they were drawn.
    shuffled = np.random.default_rng(seed)
    batches = [
        shuffled.permutation(np.array(batch.lengths))
        for batch in islice(corpus.batches(seed=seed, batch_size=batch_size, prefetch=0), number)
    ]

    def share(rows: int, *, sort: bool, multiple: int) -> float:
        tokens = positions = 0
        for lengths in batches:
            ordered = np.sort(lengths)[::-1] if sort else lengths
            for start in range(0, len(ordered), rows):
                matrix = ordered[start : start + rows]
                positions += len(matrix) * -(-int(matrix.max()) // multiple) * multiple
                tokens += int(matrix.sum())
        return 1 - tokens / positions

    return Padding(
        batch_size=batch_size,
        as_drawn=share(batch_size, sort=False, multiple=1),
        random_rows=share(rows, sort=False, multiple=1),
        sorted_rows=share(rows, sort=True, multiple=_MULTIPLE),
        rows=rows,
    )
