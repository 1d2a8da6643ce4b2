"""The relation loss on text that was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.tokens import packed_tokens

if TYPE_CHECKING:
    from reldistill.distillation.objective import Objective
    from reldistill.encoder import Encoder
    from reldistill_loader import Batch, Corpus, Mixture

__all__ = ["held_out_loss"]


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
    total = dict.fromkeys(["loss", *(f"loss/{relation.name}" for relation in objective.relations)], 0.0)
    try:
        with torch.no_grad():
            parts = batch.micro_batches(micro_batch_tokens)
            before_parts(len(parts))
            for part in parts:
                between_parts()
                loss = objective(student, packed_tokens(part, device), sequences)
                for name, value in {"loss": loss.total, **{f"loss/{k}": v for k, v in loss.terms.items()}}.items():
                    total[name] += float(value)
    finally:
        student.train(training)
    return total
