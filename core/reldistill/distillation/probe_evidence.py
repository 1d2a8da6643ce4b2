"""What is measured of a probe's students, on sequences that none of them was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from reldistill.distillation.alignment import LEAST, alignment
from reldistill.distillation.ranks import Ranks
from reldistill.distillation.set_up import batches_of
from reldistill.distillation.tokens import packed_tokens
from reldistill.encoder.load import model_class, read_weights
from reldistill.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.distillation.plan import Plan
    from reldistill.distillation.probe import Probe
    from reldistill.encoder import PackedTokens
    from reldistill_loader import Corpus, Mixture

__all__ = ["EACH", "SETS", "aligned", "held_apart", "losses"]

SETS = 8
"""Sets of sequences: what they say of two layers apart tells what is chance."""

EACH = 32
"""Sequences of a set, where there are enough."""

Sets = Sequence[Sequence["PackedTokens"]]


def held_apart(plan: Plan, corpus: Corpus | Mixture, held_out: Corpus | Mixture | None) -> Sets:
    """Sets of parts of batches, of ``held_out``, or else of what follows in ``corpus`` when all steps of the plan are done.

    No sequence stands in two of them, nor was it trained on, where there are enough. Raises :class:`DataError` where there are
    fewer than a measurement needs.
    """
    source = corpus if held_out is None else held_out
    size = min(EACH, len(source) // SETS)
    if size < LEAST:
        raise DataError(
            f"a probe measures on {SETS * LEAST} sequences at least, and the text has {len(source)}",
            hint="Give more text, or name a layer: --layers last.",
        )
    batches = batches_of(replace(plan, config=replace(plan.config, batch_size=size)), source, Ranks())
    if held_out is None:
        for _ in range(-(-plan.steps * plan.config.batch_size // size)):
            next(batches)
    return [
        [packed_tokens(part, plan.device) for part in next(batches).micro_batches(plan.micro_batch_tokens)]
        for _ in range(SETS)
    ]


def losses(probe: Probe, sets: Sets) -> dict[int, float]:
    """Layer -> relation loss of its student, mean over sequences."""
    totals, sequences = dict.fromkeys(probe.layers, 0.0), 0
    with _measuring(probe):
        for tokens in (part for one in sets for part in one):
            sequences += len(tokens.lengths)
            for pupil in probe.pupils:
                probe.stop.check()
                totals[pupil.layer] += float(pupil.trainer.objective(pupil.encoder, tokens, 1).total)
    return {layer: total / sequences for layer, total in totals.items()}


def aligned(probe: Probe, sets: Sets) -> dict[int, tuple[float, ...]]:
    """Layer -> alignment of its student's last state of the first token, which a task's head reads, with the teacher's."""
    plan = probe.plan
    with _measuring(probe):
        teacher: Any = read_weights(
            model_class(plan.teacher.config), plan.teacher.weights_folder, plan.teacher.config, dtype=plan.precision
        )
        whole = teacher.eval().to(plan.device)
        theirs = [_first_tokens(probe, whole, one) for one in sets]
        found: dict[int, tuple[float, ...]] = {}
        for pupil in probe.pupils:
            training = pupil.student.model.training
            ours = [_first_tokens(probe, pupil.student.model.eval(), one) for one in sets]
            pupil.student.model.train(training)
            found[pupil.layer] = tuple(alignment(a, b) for a, b in zip(ours, theirs, strict=True))
    return found


@contextmanager
def _measuring(probe: Probe) -> Iterator[None]:
    for pupil in probe.pupils:
        pupil.encoder.eval()
    with torch.no_grad():
        yield


def _first_tokens(probe: Probe, model: Any, parts: Sequence[PackedTokens]) -> Tensor:
    """``[sequences, width]``, fp32: the last state of each sequence's first token, by the model as transformers runs it."""
    pad = probe.plan.teacher.config.pad_token_id or 0
    rows = []
    for tokens in parts:
        probe.stop.check()
        sequences = tokens.input_ids.split(list(tokens.lengths))
        ids = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True, padding_value=pad)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(one) for one in sequences], batch_first=True)
        rows.append(model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0].float())
    return torch.cat(rows)
