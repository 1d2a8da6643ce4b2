"""A short distillation of one student for each of several layers of the teacher, on one pass of the teacher.

Each student is trained as ``minictl distill`` would train it alone: on the same batches, from the same start, with the same
random numbers. The teacher, which costs the most, is run once for all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from reldistill.cache import cache_folder
from reldistill.checkpoint.durable import replace_durably
from reldistill.config import parse_mixing
from reldistill.cost import step_memory
from reldistill.distillation.corpus import corpus_of
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.distillation.ranks import Ranks
from reldistill.distillation.read_out import Fit
from reldistill.distillation.resolve import check_memory
from reldistill.distillation.set_up import batches_of, make_student, make_teacher, make_trainer
from reldistill.distillation.tokens import packed_tokens
from reldistill.errors import UsageError
from reldistill.layers import LayerEvidence, LayerPair

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from reldistill.distillation.locate import Teacher
    from reldistill.distillation.plan import Plan
    from reldistill.distillation.reporter import Reporter
    from reldistill.distillation.student import NewStudent
    from reldistill.distillation.text_source import TextSource
    from reldistill.distillation.trainer import Trainer
    from reldistill.encoder import Encoder, PackedTokens
    from reldistill.states import AttentionStates
    from reldistill.stop import Stop
    from reldistill_loader import Corpus, Mixture

__all__ = ["Probe", "SharedTeacher", "check_candidates", "default_probe_steps", "probed"]

SETS = 8
"""Sets of sequences to measure on, and as many to fit the maps to."""

COORDINATES = 64
"""Of each layer of the teacher, evenly spread over its width: enough for a mean, and a matrix that is solved at once."""

ROWS_FOR_A_WEIGHT = 16
"""Tokens to fit a map to, for each width of the student."""


def default_probe_steps(steps: int) -> int:
    """A twentieth of the run's, from 100 to 2,000."""
    return max(100, min(2_000, steps // 20))


class SharedTeacher:
    """A teacher that several students ask in turn: the last tokens it is asked about are computed once."""

    def __init__(self, teacher: Encoder) -> None:
        self._teacher = teacher
        self._tokens: PackedTokens | None = None
        self._states: dict[int, AttentionStates] = {}

    def __call__(self, tokens: PackedTokens) -> Mapping[int, AttentionStates]:
        """Layer -> its states."""
        known = self._tokens
        if known is None or known.lengths != tokens.lengths or not torch.equal(known.input_ids, tokens.input_ids):
            self._tokens, self._states = None, {}  # the old ones go before the new ones come
            self._states = self._teacher(tokens)
            self._tokens = tokens
        return self._states


@dataclass
class Pupil:
    """The student of one layer, and where its random numbers stand."""

    layer: int
    student: NewStudent
    encoder: Encoder
    trainer: Trainer
    random: dict[str, Tensor]
    untrained_loss: float = 0.0

    def train(self) -> float:
        """One step; its loss."""
        restore_random_state(self.random, self.trainer.device)
        loss, _, _ = self.trainer.train_on_next()
        self.trainer.look_at_skipped()
        self.random = random_state(self.trainer.device)
        return float(loss)


class Probe:
    """Students for ``layers``, trained for ``steps`` steps as ``plan``, whose own pairs are not looked at, says.

    A step takes as many sequences as are computed at once, and at most the plan's. It is measured on ``held_out``, or else on
    the sequences of ``corpus`` that follow those that were trained on.
    """

    def __init__(
        self,
        plan: Plan,
        layers: Sequence[int],
        steps: int,
        corpus: Corpus | Mixture,
        held_out: Corpus | Mixture | None,
        reporter: Reporter,
        stop: Stop,
    ) -> None:
        at_once = max(1, plan.micro_batch_tokens // plan.config.max_length)
        last = plan.shape.layers
        self.plan = replace(
            plan,
            config=replace(plan.config, batch_size=min(plan.config.batch_size, at_once)),
            pairs=tuple(LayerPair(layer, last) for layer in layers),
            steps=steps,
            warmup=max(1, steps // 10),
        )
        check_memory(plan.config, step_memory(self.plan.size, 0, 0), plan.device, students=len(layers))
        self.layers = tuple(layers)
        self._corpus, self._held_out = corpus, held_out
        self._reporter, self._stop = reporter, stop
        needs = self.plan.needs | {"hidden"}
        self._teacher = SharedTeacher(make_teacher(self.plan, needs, Ranks()))
        self.pupils = [self._pupil(layer, needs) for layer in layers]

    def _pupil(self, layer: int, needs: frozenset[str]) -> Pupil:
        plan = replace(self.plan, pairs=(LayerPair(layer, self.plan.shape.layers),))
        student, encoder = make_student(plan, needs, Ranks())
        drawn = random_state(plan.device)
        batches = batches_of(plan, self._corpus, Ranks())
        trainer = make_trainer(plan, self._teacher, encoder, batches, self._reporter, self._stop, Ranks())
        return Pupil(layer, student, encoder, trainer, drawn)

    def run(self) -> list[LayerEvidence]:
        """Train all, and measure them before and behind. Raises what the trainer raises."""
        sets = self._measured_on()
        to_fit, to_measure = sets[:SETS], sets[SETS:]
        before = self._losses(to_measure)
        for pupil in self.pupils:
            pupil.encoder.train()
        steps = self.plan.steps
        for step in range(1, steps + 1):
            losses = {pupil.layer: pupil.train() for pupil in self.pupils}
            self._reporter.probing(step, steps, losses)
        after, read_out = self._losses(to_measure), self._read_out(to_fit, to_measure)
        return [LayerEvidence(layer, before[layer], after[layer], tuple(read_out[layer])) for layer in self.layers]

    def _measured_on(self) -> list[list[PackedTokens]]:
        """Sets of batches, the first half to fit maps to, the others to measure on.

        No sequence stands in two of them, nor was it trained on, where there are enough.
        """
        sets: list[list[PackedTokens]] = [[] for _ in range(2 * SETS)]
        enough, tokens, sequences = ROWS_FOR_A_WEIGHT * self.plan.shape.hidden_size, 0, 0
        corpus = self._corpus if self._held_out is None else self._held_out
        size = max(1, min(self.plan.config.batch_size, len(corpus) // len(sets)))
        batches = batches_of(replace(self.plan, config=replace(self.plan.config, batch_size=size)), corpus, Ranks())
        if self._held_out is None:
            for _ in range(-(-self.plan.steps * self.plan.config.batch_size // size)):
                next(batches)
        while not sequences or (tokens < enough and sequences + size * len(sets) <= len(corpus)):
            for one in sets:
                self._stop.check()
                batch = next(batches)
                one += [
                    packed_tokens(part, self.plan.device) for part in batch.micro_batches(self.plan.micro_batch_tokens)
                ]
                sequences += size
            tokens = sum(sum(part.lengths) for one in sets[:SETS] for part in one)
        return sets

    def _losses(self, sets: Sequence[Sequence[PackedTokens]]) -> dict[int, float]:
        """Layer -> relation loss, mean over sequences."""
        totals, sequences = dict.fromkeys(self.layers, 0.0), 0
        with self._measuring():
            for tokens in (part for one in sets for part in one):
                sequences += len(tokens.lengths)
                for pupil in self.pupils:
                    self._stop.check()
                    totals[pupil.layer] += float(pupil.trainer.objective(pupil.encoder, tokens, 1).total)
        return {layer: total / sequences for layer, total in totals.items()}

    def _read_out(
        self, to_fit: Sequence[Sequence[PackedTokens]], to_measure: Sequence[Sequence[PackedTokens]]
    ) -> dict[int, list[float]]:
        """Layer -> for each set that is measured on."""
        fits = {pupil.layer: Fit() for pupil in self.pupils}
        with self._measuring():
            for tokens in (part for one in to_fit for part in one):
                wanted = self._wanted(tokens)
                for pupil in self.pupils:
                    fits[pupil.layer].add(self._known(pupil, tokens), wanted)
            maps = {layer: fit.map() for layer, fit in fits.items()}
            found: dict[int, list[float]] = {layer: [] for layer in maps}
            for one in to_measure:
                wanted_of_all = [self._wanted(tokens) for tokens in one]
                for pupil in self.pupils:
                    known = [self._known(pupil, tokens) for tokens in one]
                    found[pupil.layer].append(maps[pupil.layer].read_out(known, wanted_of_all))
        return found

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        for pupil in self.pupils:
            pupil.encoder.eval()
        with torch.no_grad():
            yield

    def _wanted(self, tokens: PackedTokens) -> Tensor:
        """Some coordinates of what enters each probed layer of the teacher."""
        theirs = self._teacher(tokens)
        return torch.cat([_some(theirs[layer].require("hidden")) for layer in self.layers], 1)

    def _known(self, pupil: Pupil, tokens: PackedTokens) -> Tensor:
        """What enters the student's last layer."""
        self._stop.check()
        precision = self.plan.precision
        with torch.autocast(self.plan.device.type, precision, enabled=precision != torch.float32):
            states: AttentionStates = pupil.encoder(tokens)[self.plan.shape.layers]
        return states.require("hidden")


def check_candidates(layers: Sequence[int], teacher: Teacher) -> None:
    """Raise :class:`UsageError` for layers that the teacher does not have, or that stand there twice."""
    for number, layer in enumerate(layers):
        if not 1 <= layer <= teacher.layers:
            raise UsageError(
                f"a probe of layer {layer}: {teacher.label} has layers 1 to {teacher.layers}",
                hint="Layers count from 1.",
            )
        if layer in layers[:number]:
            raise UsageError(f"a probe of layer {layer}: it stands there twice", hint="Name each layer once.")


def probed(
    plan: Plan,
    layers: Sequence[int],
    *,
    source: TextSource,
    held_out: TextSource | None,
    reporter: Reporter,
    stop: Stop,
    ranks: Ranks,
) -> Sequence[LayerEvidence]:
    """What a probe of these layers finds, or has found before: the first rank looks, and tells the others.

    Kept in the cache under all that it depends on, so that a run that goes on takes the same layers at once.
    Raises :class:`UsageError` for layers that are not there, and what the trainer raises.
    """
    if plan.config.shard_teacher and ranks.size > 1:
        raise UsageError(
            f"--layers {plan.config.layers} with --shard-teacher: a probe needs the teacher on one device",
            hint="Name a layer, or leave the choice to the paper: --layers paper.",
        )
    check_candidates(layers, plan.teacher)

    def look() -> list[LayerEvidence]:
        mixing = parse_mixing(plan.config.mixing)
        corpus = corpus_of(plan, source, reporter, mixing=mixing)
        other = corpus_of(plan, held_out, reporter) if held_out else None
        steps = plan.config.probe_steps or default_probe_steps(plan.steps)
        kept = cache_folder() / "probes" / f"{_key(plan, layers, steps, corpus, other)}.json"
        if (known := _read(kept, layers)) is not None:
            return known
        began = time.monotonic()
        probe = Probe(plan, layers, steps, corpus, other, reporter, stop)
        reporter.note(
            f"probing {len(layers)} layers of {plan.teacher.label}: {steps:,} steps of {probe.plan.config.batch_size} sequences, "
            "one pass of the teacher for all"
        )
        evidence = probe.run()
        reporter.probed(evidence, time.monotonic() - began)
        with suppress(OSError):  # it is found out again, then
            kept.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(kept, json.dumps([asdict(found) for found in evidence]).encode())
        return evidence

    return ranks.of_the_first(look)


def _read(path: Path, layers: Sequence[int]) -> list[LayerEvidence] | None:
    """What was found before; None where it is not there, or broken."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = [
            LayerEvidence(
                int(row["teacher_layer"]),
                float(row["untrained_loss"]),
                float(row["loss"]),
                tuple(map(float, row["read_out"])),
            )
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if [one.teacher_layer for one in found] == list(layers) else None


def _key(
    plan: Plan, layers: Sequence[int], steps: int, corpus: Corpus | Mixture, held_out: Corpus | Mixture | None
) -> str:
    described: dict[str, Any] = {
        name: value for name, value in plan.describe().items() if name not in ("layers", "data")
    }
    recipe = [
        described, plan.teacher.fingerprint, list(layers), steps, plan.micro_batch_tokens, plan.config.result_options(),
        corpus.fingerprint, held_out.fingerprint if held_out else None, version("reldistill"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def _some(states: Tensor) -> Tensor:
    """``[T, width]`` -> ``[T, at most COORDINATES]``."""
    width = states.shape[1]
    return states[:, torch.linspace(0, width - 1, min(width, COORDINATES)).round().long()]
