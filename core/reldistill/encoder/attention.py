"""Attention on packed tokens, registered with transformers under names of our own.

transformers hands each backend the tensors of all sequences as one row; the lengths come along as a keyword. A backend
that gets neither lengths nor a mask would let sequences see each other, so it raises.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

__all__ = ["ATTENTION_BACKENDS", "LENGTHS"]

LENGTHS = "sequence_lengths"
"""The keyword that carries the lengths of the sequences, a tuple on the host, through the model to the backend."""


def packed_sdpa(query: Tensor, key: Tensor, value: Tensor, scale: float, dropout: float) -> Tensor:
    """torch's scaled dot product attention on one sequence, ``[1, h, n, d]`` each."""
    return scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=scale)


def packed_eager(query: Tensor, key: Tensor, value: Tensor, scale: float, dropout: float) -> Tensor:
    """The same in plain operations: the oracle. Dropout falls on the attention probabilities."""
    probabilities = torch.softmax(query @ key.mT * scale, dim=-1)
    return drop(probabilities, dropout) @ value


def _backend(
    one_sequence: Callable[[Tensor, Tensor, Tensor, float, float], Tensor],
) -> Callable[..., tuple[Tensor, None]]:
    """A backend for transformers: ``[1, h, T, d]`` in, ``[1, T, h, d]`` out, each sequence by itself."""

    def attend(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        lengths = kwargs.get(LENGTHS)
        if lengths is None or attention_mask is not None:
            raise ValueError(
                f"packed attention needs {LENGTHS} and no mask: without them sequences would see each other"
            )
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        outputs, start = [], 0
        for length in lengths:
            part = slice(start, start + length)
            outputs.append(
                one_sequence(query[:, :, part], key[:, :, part], value[:, :, part], scale, dropout).transpose(1, 2)
            )
            start += length
        return torch.cat(outputs, dim=1), None

    return attend


def _no_mask(*_: Any, attention_mask: Tensor | None = None, **__: Any) -> Tensor | None:
    """Packed rows have no padding; a mask that somebody passes is handed on, so that the backend can refuse it."""
    return attention_mask


ATTENTION_BACKENDS = {"sdpa": "reldistill_packed_sdpa", "eager": "reldistill_packed_eager"}
"""What ``--attention`` takes -> the name of the backend in transformers."""

for _name, _function in (("sdpa", packed_sdpa), ("eager", packed_eager)):
    AttentionInterface.register(ATTENTION_BACKENDS[_name], _backend(_function))
    AttentionMaskInterface.register(ATTENTION_BACKENDS[_name], _no_mask)
