"""A short distillation of one student for each of several layers of the teacher, on one pass of the teacher.

Each student is trained as ``minictl distill`` would train it alone: on the same batches, from the same start, with the same
random numbers. The teacher, which costs the most, is run once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reldistill.cost import step_memory
from reldistill.distillation.probe_evidence import aligned, held_apart, losses
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.distillation.ranks import Ranks
from reldistill.distillation.resolve import check_memory
from reldistill.distillation.set_up import batches_of, make_student, make_teacher, make_trainer
from reldistill.distillation.shared_teacher import SharedTeacher
from reldistill.errors import UsageError
from reldistill.layers import LayerEvidence, LayerPair

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.distillation.locate import Teacher
    from reldistill.distillation.plan import Plan
    from reldistill.distillation.reporter import Reporter
    from reldistill.distillation.student import NewStudent
    from reldistill.distillation.trainer import Trainer
    from reldistill.encoder import Encoder
    from reldistill.stop import Stop
    from reldistill_loader import Corpus, Mixture

__all__ = ["Probe", "check_candidates", "default_probe_steps"]


def default_probe_steps(steps: int) -> int:
    """A twentieth of the run's, from 100 to 2,000."""
    return max(100, min(2_000, steps // 20))


@dataclass
class Pupil:
    """The student of one layer, and where its random numbers stand."""

    layer: int
    student: NewStudent
    encoder: Encoder
    trainer: Trainer
    random: dict[str, Tensor]

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
        self._reporter, self.stop = reporter, stop
        self.teacher = SharedTeacher(make_teacher(self.plan, Ranks()))
        self.pupils = [self._pupil(layer) for layer in layers]

    def _pupil(self, layer: int) -> Pupil:
        plan = replace(self.plan, pairs=(LayerPair(layer, self.plan.shape.layers),))
        student, encoder = make_student(plan, Ranks())
        drawn = random_state(plan.device)
        batches = batches_of(plan, self._corpus, Ranks())
        trainer = make_trainer(plan, self.teacher, encoder, batches, self._reporter, self.stop, Ranks())
        return Pupil(layer, student, encoder, trainer, drawn)

    def run(self) -> list[LayerEvidence]:
        """Train all, and measure them before and behind. Raises what the trainer raises."""
        sets = held_apart(self.plan, self._corpus, self._held_out)
        before = losses(self, sets)
        for pupil in self.pupils:
            pupil.encoder.train()
        steps = self.plan.steps
        for step in range(1, steps + 1):
            self._reporter.probing(step, steps, {pupil.layer: pupil.train() for pupil in self.pupils})
        after, found = losses(self, sets), aligned(self, sets)
        return [LayerEvidence(layer, before[layer], after[layer], found[layer]) for layer in self.layers]


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
