"""What is measured of a probe's students, on sequences that none of them was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.ranks import Ranks
from reldistill.distillation.read_out import Fit
from reldistill.distillation.set_up import batches_of
from reldistill.distillation.tokens import packed_tokens

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.distillation.plan import Plan
    from reldistill.distillation.probe import Probe, Pupil
    from reldistill.encoder import PackedTokens
    from reldistill.states import AttentionStates
    from reldistill_loader import Corpus, Mixture

__all__ = ["HeldApart", "losses", "read_out"]

SETS = 8
"""Sets of sequences to measure on, and as many to fit the maps to."""

COORDINATES = 64
"""Of each layer of the teacher, evenly spread over its width: enough for a mean, and a matrix that is solved at once."""

ROWS_FOR_A_WEIGHT = 16
"""Tokens to fit a map to, for each width of the student."""


@dataclass(frozen=True)
class HeldApart:
    """Sets of batches: some to fit maps to, others to measure on.

    No sequence stands in two of them, nor was it trained on, where there are enough.
    """

    to_fit: Sequence[Sequence[PackedTokens]]
    to_measure: Sequence[Sequence[PackedTokens]]

    @classmethod
    def of(cls, plan: Plan, corpus: Corpus | Mixture, held_out: Corpus | Mixture | None) -> HeldApart:
        """Of ``held_out``, or else of what follows in ``corpus`` when all steps of the plan are done."""
        sets: list[list[PackedTokens]] = [[] for _ in range(2 * SETS)]
        enough, tokens, sequences = ROWS_FOR_A_WEIGHT * plan.shape.hidden_size, 0, 0
        source = corpus if held_out is None else held_out
        size = max(1, min(plan.config.batch_size, len(source) // len(sets)))
        batches = batches_of(replace(plan, config=replace(plan.config, batch_size=size)), source, Ranks())
        if held_out is None:
            for _ in range(-(-plan.steps * plan.config.batch_size // size)):
                next(batches)
        while not sequences or (tokens < enough and sequences + size * len(sets) <= len(source)):
            for one in sets:
                batch = next(batches)
                one += [packed_tokens(part, plan.device) for part in batch.micro_batches(plan.micro_batch_tokens)]
                sequences += size
            tokens = sum(sum(part.lengths) for one in sets[:SETS] for part in one)
        return cls(sets[:SETS], sets[SETS:])


def losses(probe: Probe, apart: HeldApart) -> dict[int, float]:
    """Layer -> relation loss of its student, mean over sequences."""
    totals, sequences = dict.fromkeys(probe.layers, 0.0), 0
    with _measuring(probe):
        for tokens in (part for one in apart.to_measure for part in one):
            sequences += len(tokens.lengths)
            for pupil in probe.pupils:
                probe.stop.check()
                totals[pupil.layer] += float(pupil.trainer.objective(pupil.encoder, tokens, 1).total)
    return {layer: total / sequences for layer, total in totals.items()}


def read_out(probe: Probe, apart: HeldApart) -> dict[int, dict[int, tuple[float, ...]]]:
    """Layer -> what is read out of its student, as :class:`reldistill.LayerEvidence` has it."""
    fits = {pupil.layer: Fit() for pupil in probe.pupils}
    with _measuring(probe):
        for tokens in (part for one in apart.to_fit for part in one):
            wanted = _wanted(probe, tokens)
            for pupil in probe.pupils:
                fits[pupil.layer].add(_known(probe, pupil, tokens), wanted)
        maps = {layer: fit.map() for layer, fit in fits.items()}
        found: dict[int, dict[int, tuple[float, ...]]] = {layer: dict.fromkeys(probe.layers, ()) for layer in maps}
        for one in apart.to_measure:
            wanted_of_all = [_wanted(probe, tokens) for tokens in one]
            for pupil in probe.pupils:
                known = [_known(probe, pupil, tokens) for tokens in one]
                parts = [wanted_of_all[0].shape[1] // len(probe.layers)] * len(probe.layers)
                for layer, share in zip(
                    probe.layers, maps[pupil.layer].read_out(known, wanted_of_all, parts), strict=True
                ):
                    found[pupil.layer][layer] += (share,)
    return found


@contextmanager
def _measuring(probe: Probe) -> Iterator[None]:
    for pupil in probe.pupils:
        pupil.encoder.eval()
    with torch.no_grad():
        yield


def _wanted(probe: Probe, tokens: PackedTokens) -> Tensor:
    """Some coordinates of what enters each probed layer of the teacher."""
    theirs = probe.teacher(tokens)
    return torch.cat([_some(theirs[layer].require("hidden")) for layer in probe.layers], 1)


def _known(probe: Probe, pupil: Pupil, tokens: PackedTokens) -> Tensor:
    """What enters the student's last layer."""
    probe.stop.check()
    precision = probe.plan.precision
    with torch.autocast(probe.plan.device.type, precision, enabled=precision != torch.float32):
        states: AttentionStates = pupil.encoder(tokens)[probe.plan.shape.layers]
    return states.require("hidden")


def _some(states: Tensor) -> Tensor:
    """``[T, width]`` -> ``[T, at most COORDINATES]``."""
    width = states.shape[1]
    return states[:, torch.linspace(0, width - 1, min(width, COORDINATES)).round().long()]
