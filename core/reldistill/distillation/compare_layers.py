"""What ``minictl probe`` does: teacher layers held side by side by what short runs make of them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.config import DistillConfig, parse_mixing
from reldistill.distillation.corpus import corpus_of
from reldistill.distillation.determinism import deterministic_operations
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.plan import make_plan
from reldistill.distillation.probe import Probe, check_candidates, default_probe_steps
from reldistill.distillation.probe_evidence import EACH, SETS
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.student import write_student
from reldistill.distillation.text_source import held_out_source, text_source
from reldistill.errors import UsageError
from reldistill.layers import LayerEvidence
from reldistill.registry import Registry
from reldistill.stop import Stop

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan

__all__ = ["ComparedLayers", "compare_layers"]


@dataclass(frozen=True)
class ComparedLayers:
    """What was found, and what it took. ``students``: layer -> the folder of its student, where they were kept."""

    plan: Plan
    evidence: tuple[LayerEvidence, ...]
    steps: int
    sequences: int
    tokens: int
    seconds: float
    students: Mapping[int, Path]

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plan = {
            name: value for name, value in self.plan.describe().items() if name not in ("layers", "steps", "warmup")
        }
        return {
            "layers": [found.describe() | {"mean_alignment": found.mean_alignment} for found in self.evidence],
            "steps": self.steps, "sequences": self.sequences, "tokens": self.tokens, "seconds": self.seconds,
            "students": {str(layer): str(folder) for layer, folder in self.students.items()},
            "plan": plan,
        }  # fmt: skip


def compare_layers(
    config: DistillConfig,
    layers: Sequence[int] = (),
    *,
    students: Path | None = None,
    registry: Registry | None = None,
    reporter: Reporter | None = None,
    stop: Stop | None = None,
) -> ComparedLayers:
    """Distil a student for each of these layers, by default all of the teacher's, on one pass of the teacher; measure them.

    ``config.probe_steps`` says for how long; ``config.layers`` is not looked at. With ``students`` they are written there.

    Raises what :func:`reldistill.distill` raises, and :class:`UsageError` where ``students`` is there already. Nothing is kept
    of a probe that was stopped.
    """
    registry, reporter, stop = registry or Registry.installed(), reporter or Reporter(), stop or Stop()
    if config.steps == 0:
        raise UsageError("--steps 0: a probe trains", hint="--probe-steps says for how long.")
    teacher = locate_teacher(config.teacher, registry)
    layers = tuple(layers) or tuple(range(1, teacher.layers + 1))
    check_candidates(layers, teacher)
    if students is not None:
        _check_new(students)
    source = text_source(config.data, teacher.adapter.name, config.text_column)
    held_out = held_out_source(config.validation, teacher.adapter.name, config.text_column)
    plan = make_plan(replace(config, layers="last"), teacher, source, registry, reporter)
    with deterministic_operations(config.deterministic):
        steps = config.probe_steps or default_probe_steps(plan.steps)
        used = steps * config.batch_size + SETS * EACH  # of the Hub; no run follows that could use more
        corpus = corpus_of(
            plan, source, reporter, mixing=parse_mixing(config.mixing), at_most=used if source.hub is not None else None
        )
        other = corpus_of(plan, held_out, reporter) if held_out else None
        began = time.monotonic()
        probe = Probe(plan, layers, steps, corpus, other, reporter, stop)
        evidence = tuple(probe.run())
        seconds = time.monotonic() - began
    folders: dict[int, Path] = {}
    if students is not None:
        for pupil in probe.pupils:
            folders[pupil.layer] = students / f"layer-{pupil.layer:02}"
            folders[pupil.layer].parent.mkdir(parents=True, exist_ok=True)
            card = f"The student of layer {pupil.layer} of {teacher.label} in a probe of {steps:,} steps of `minictl probe`.\n"
            write_student(pupil.student.model, teacher.tokenizer, {"README.md": card}, folders[pupil.layer])
    first = probe.pupils[0].trainer
    return ComparedLayers(plan, evidence, steps, probe.plan.config.batch_size, first.tokens, seconds, folders)


def _check_new(folder: Path) -> None:
    """Raise :class:`UsageError` for a folder that is there or cannot be made, before anything is spent."""
    if folder.exists():
        raise UsageError(f"--students {folder}: it is there already", hint="Give a new folder.")
    above = next(path for path in folder.absolute().parents if path.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise UsageError(f"--students {folder}: nothing can be written below {above}", hint="Give a folder of yours.")
