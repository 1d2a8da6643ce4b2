"""How long a sequence a model has positions for."""

from __future__ import annotations

from typing import Any

__all__ = ["longest_sequence"]

BEHIND_PADDING = ("roberta", "camembert", "data2vec-text", "ibert", "longformer", "luke", "mpnet", "xmod")
"""In the ``model_type`` of families that count positions from behind the padding's id, as fairseq does."""


def longest_sequence(config: Any) -> int | None:
    """In tokens, with the special ones; None for a model whose configuration sets no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return None
    if any(family in str(config.model_type) for family in BEHIND_PADDING):
        return positions - int(getattr(config, "pad_token_id", None) or 0) - 1
    return positions
