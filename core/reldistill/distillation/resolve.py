"""Options that depend on teacher and student, resolved and checked one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from reldistill.config import DistillConfig
from reldistill.cost import StepMemory
from reldistill.distillation import paper_defaults
from reldistill.distillation.device import memory_bytes
from reldistill.distillation.locate import Teacher
from reldistill.errors import BrokenContract, UsageError
from reldistill.layers import LayerContext, LayerEvidence, LayerPair, LayerStrategy, check_pairs, explicit_pairs
from reldistill.registry import PluginSource, Provided, blame
from reldistill.relation_heads import check_relation_heads, nearest_relation_heads
from reldistill.teacher import StudentShape

if TYPE_CHECKING:
    from reldistill.registry import Registry

__all__ = ["check_length", "check_memory", "resolve_layers", "resolve_relation_heads"]

Announce = Callable[[str], None]


def resolve_layers(
    config: DistillConfig,
    teacher: Teacher,
    shape: StudentShape,
    registry: Registry,
    announce: Announce,
    probe: Callable[[Sequence[int]], Sequence[LayerEvidence]] | None = None,
) -> tuple[tuple[LayerPair, ...], PluginSource | None]:
    """The pairs of layers, and the plugin whose strategy chose them where ``--layers`` names one.

    ``probe`` is for strategies that measure. Raises :class:`UsageError`, :class:`PluginError`, or what the probe raises.
    """
    width = int(teacher.config.hidden_size)
    context = LayerContext(
        teacher.adapter.name, teacher.layers, width, shape.layers, shape.hidden_size, announce, probe
    )
    pairs = explicit_pairs(config.layers, context)
    if pairs is not None:
        check_pairs(pairs, context, f"--layers {config.layers}")
        return tuple(pairs), None
    strategy = registry.layer_strategies.get(config.layers.strip())
    with blame(strategy.source, f"the layer strategy {strategy.name!r}"):
        return tuple(_pairs_of(strategy, context, f"--layers {config.layers}")), strategy.source


def _pairs_of(strategy: Provided[LayerStrategy], context: LayerContext, source: str) -> list[LayerPair]:
    """What a strategy chooses; one of another distribution is asked twice, for ranks and resumed runs ask it anew."""
    thing = strategy.guarded("layer strategy")
    pairs = list(thing.pairs(context))
    if strategy.source.builtin:
        check_pairs(pairs, context, source)
        return pairs
    try:
        check_pairs(pairs, context, source)
    except UsageError as error:  # the user did not choose them
        raise BrokenContract(error.message, hint=error.hint) from error
    if pairs != list(thing.pairs(replace(context, announce=lambda message: None))):
        raise BrokenContract(
            f"the layer strategy {strategy.name!r} chose other pairs when it was asked again",
            hint="It must choose the same for the same models: every process and every resumed run asks it.",
        )
    return pairs


def resolve_relation_heads(config: DistillConfig, teacher: Teacher, shape: StudentShape, announce: Announce) -> int:
    """The number given or that of the attention heads, which must divide both widths, else the paper's, lowered until it
    does and then announced.

    Raises :class:`UsageError`, also for ``attention`` where the two models have different numbers of attention heads.
    """
    width = int(teacher.config.hidden_size)
    if config.relation_heads is not None:
        heads = _attention_heads(config, teacher) if config.relation_heads == "attention" else config.relation_heads
        check_relation_heads(heads, width, shape.hidden_size)
        return heads
    default = paper_defaults.relation_heads(teacher.layers)
    heads = nearest_relation_heads(default, width, shape.hidden_size)
    if heads != default:
        announce(
            f"relation heads: {heads}, because the default of {default} does not divide the widths {width} and {shape.hidden_size}"
        )
    return heads


def _attention_heads(config: DistillConfig, teacher: Teacher) -> int:
    theirs, ours = int(teacher.config.num_attention_heads), config.student_heads
    if theirs != ours:
        raise UsageError(
            f"--relation-heads attention: {teacher.label} has {theirs} attention heads, the student {ours}",
            hint=f"Attention can be compared head by head only where both have equally many: pass --student-heads {theirs}, "
            "or a number of relation heads.",
        )
    return theirs


def check_length(config: DistillConfig, teacher: Teacher) -> None:
    """Raise :class:`UsageError` where ``--max-length`` is longer than the teacher's positions."""
    if config.max_length > teacher.longest:
        raise UsageError(
            f"--max-length {config.max_length}: {teacher.label} has positions for {teacher.longest} tokens",
            hint=f"Pass --max-length {teacher.longest} or less.",
        )


def check_memory(config: DistillConfig, memory: StepMemory, device: torch.device, students: int = 1) -> None:
    """Raise :class:`UsageError` where the weights, gradients and optimiser of so many students alone are more than the device
    has.
    """
    needed = students * (memory.student_weights.total + memory.gradients.total + memory.adam_moments.total)
    there = memory_bytes(device)
    if there is not None and needed > there:
        of_all = f" of {students} students at once" if students > 1 else ""
        raise UsageError(
            f"--student {config.student}: weights, gradients and optimiser{of_all} need about {needed / 2**30:,.0f} GiB, "
            f"{device} has {there / 2**30:,.0f}",
            hint="Probe fewer layers, or for a smaller student."
            if students > 1
            else "Take fewer layers, a smaller width or a smaller --student-ffn.",
        )
