"""The relation loss on text that was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.tokens import packed_tokens

if TYPE_CHECKING:
    from reldistill.distillation.objective import Objective
    from reldistill.encoder import Encoder
    from reldistill.loss import RelationLoss
    from reldistill.relation import Relation
    from reldistill_loader import Batch, Corpus, Mixture

__all__ = ["add_loss", "held_out_loss", "no_loss"]


def held_out_loss(
    objective: Objective,
    student: Encoder,
    corpus: Corpus | Mixture,
    *,
    position_offset: int,
    micro_batch_tokens: int,
    device: torch.device,
    draw: Callable[[Callable[[], Batch]], Batch] = lambda work: work(),
    before_parts: Callable[[int], None] = lambda parts: None,
    between_parts: Callable[[], None] = lambda: None,
    rank: int = 0,
    world_size: int = 1,
) -> dict[str, float]:
    """``{"loss": total, "loss/qq": …}``: each sequence of the corpus once, without dropout; mean over sequences.

    ``draw`` takes the batch out of the corpus;
    ``before_parts`` is told their number, ``between_parts`` is called before each; what it raises ends the measurement and
    changes nothing. Of several ranks each gives its share of the mean; their sum is the loss.
    """
    sequences = len(corpus)
    batches = corpus.batches(
        seed=0, batch_size=sequences, position_offset=position_offset, prefetch=1, rank=rank, world_size=world_size
    )
    batch = draw(lambda: next(batches))
    training = student.training
    student.eval()
    total = no_loss(objective.relations)
    try:
        with torch.no_grad():
            parts = batch.micro_batches(micro_batch_tokens)
            before_parts(len(parts))
            for part in parts:
                between_parts()
                add_loss(total, objective(student, packed_tokens(part, device), sequences))
    finally:
        student.train(training)
    return total


def no_loss(relations: Iterable[Relation]) -> dict[str, float]:
    """``{"loss": 0, "loss/qq": 0, …}``, for :func:`add_loss`."""
    return dict.fromkeys(["loss", *(f"loss/{relation.name}" for relation in relations)], 0.0)


def add_loss(total: dict[str, float], loss: RelationLoss) -> None:
    """Add the part that some of the tokens have; waits for the device."""
    total["loss"] += float(loss.total)
    for name, term in loss.terms.items():
        total[f"loss/{name}"] += float(term)
