"""How relation distillation is usually written, from the published formula: rows padded to the longest sequence.

``common``: full models with all hidden states, eager attention, fp32, one loop over the examples in the loss. ``careful``: torch's
fused attention, a masked loss of the whole batch at once, the precision of ours.

Shape letters: B sequences, n the longest, A relation heads, D width of a projection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

__all__ = ["PaddedPeer", "batched_loss", "looped_loss", "projections_of_last_layer"]

States = Mapping[str, Tensor]
LETTERS = {"q": "query", "k": "key", "v": "value"}


def log_relations(states: States, relation: str, heads: int, mask: Tensor) -> Tensor:
    """Logarithms of a relation's maps, ``[B, A, n, n]``; ``mask`` is ``[B, n]``."""
    left, right = (states[LETTERS[letter]].unflatten(-1, (heads, -1)).transpose(1, 2) for letter in relation)
    logits = left @ right.mT / left.shape[-1] ** 0.5
    return log_softmax(logits.masked_fill(~mask[:, None, None, :], torch.finfo(logits.dtype).min), dim=-1)


def looped_loss(teacher: States, student: States, relations: Sequence[str], heads: int, mask: Tensor) -> Tensor:
    """The maps of the whole batch, averaged example by example."""
    lengths = mask.sum(1).tolist()
    total = torch.zeros(())
    for relation in relations:
        theirs = log_relations(teacher, relation, heads, mask)
        ours = log_relations(student, relation, heads, mask)
        for example, length in enumerate(lengths):
            part = kl_div(
                ours[example, :, :length, :length],
                theirs[example, :, :length, :length],
                reduction="sum",
                log_target=True,
            )
            total = total + part / (heads * length)
    return total / len(lengths)


def batched_loss(teacher: States, student: States, relations: Sequence[str], heads: int, mask: Tensor) -> Tensor:
    """The same without the loop, fp32."""
    lengths, total = mask.sum(1), torch.zeros(())
    for relation in relations:
        theirs = log_relations({k: v.float() for k, v in teacher.items()}, relation, heads, mask)
        ours = log_relations({k: v.float() for k, v in student.items()}, relation, heads, mask)
        rows = kl_div(ours, theirs, reduction="none", log_target=True).sum(-1) * mask[:, None, :]
        total = total + (rows.sum((1, 2)) / (heads * lengths)).sum()
    return total / len(mask)


def projections_of_last_layer(model: Any) -> dict[str, Tensor]:
    """What query, key and value of the last layer give in each forward pass, by hooks."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _inputs, output: found.__setitem__(name, output)

    attention = model.encoder.layer[-1].attention.self
    for name in LETTERS.values():
        getattr(attention, name).register_forward_hook(keep(name))
    return found


class PaddedPeer:
    """A step of ``common`` or, with ``careful``, of the other peer, on two whole models of transformers."""

    def __init__(
        self,
        teacher: Any,
        student: Any,
        relations: Sequence[str],
        heads: int,
        *,
        careful: bool,
        precision: torch.dtype,
    ) -> None:
        self.teacher, self.student = teacher.eval().requires_grad_(False), student.train()
        self.relations, self.heads, self.precision = relations, heads, precision
        self.loss = batched_loss if careful else looped_loss
        self.hidden_states = not careful
        self.theirs, self.ours = projections_of_last_layer(self.teacher), projections_of_last_layer(self.student)
        self.optimizer = torch.optim.AdamW(
            student.parameters(), lr=6e-4, eps=1e-6, weight_decay=0.01, fused=True if careful else None
        )

    def step(self, input_ids: Tensor, mask: Tensor) -> float:
        """Forward, loss, backward, clipping and update; ``[B, n]`` both. Gives the loss."""
        inputs = {"input_ids": input_ids, "attention_mask": mask, "output_hidden_states": self.hidden_states}
        with torch.autocast("cpu", self.precision, enabled=self.precision != torch.float32):
            with torch.no_grad():
                self.teacher(**inputs)
            self.student(**inputs)
        loss = self.loss(self.theirs, self.ours, self.relations, self.heads, mask.bool())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())
