"""A run with every choice made, before anything is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from transformers import PretrainedConfig

from reldistill.config import DistillConfig, parse_mixing
from reldistill.cost import (
    EncoderSize,
    Lengths,
    LossSize,
    ModelSize,
    StepSize,
    assumed_share,
    measured_rate,
    step_flops,
    step_memory,
)
from reldistill.distillation import paper_defaults
from reldistill.distillation.device import (
    default_micro_batch_tokens,
    precision_name,
    resolve_device,
    resolve_precision,
)
from reldistill.distillation.inherited import inherited_layers
from reldistill.distillation.locate import Teacher
from reldistill.distillation.relations import parse_relations, relation_weights, relations_in_words
from reldistill.distillation.resolve import check_length, check_memory, resolve_layers, resolve_relation_heads
from reldistill.distillation.text_source import TextSource
from reldistill.encoder import check_compiler, resolve_attention
from reldistill.errors import UsageError
from reldistill.layers import LayerEvidence, LayerPair, pairs_as_option, pairs_in_words
from reldistill.registry import PluginSource, blame
from reldistill.relation import Relation
from reldistill.teacher import StudentShape

if TYPE_CHECKING:
    from reldistill.distillation.reporter import Reporter
    from reldistill.registry import Registry

__all__ = ["Plan", "make_plan", "plan_size"]

NO_DATA = "none, for no step is trained"


@dataclass(frozen=True)
class Plan:
    """What a run will do. ``data_names`` is ``data`` without local folders; ``plugins`` are those it uses, each once;
    ``relation_sources`` says which of them provides a relation.

    ``inherited``: the teacher's layers that the student starts with, in their order, besides its embeddings; None for a random
    start.
    ``evidence``: what a probe found, where the strategy of the layers asked for one.
    """

    config: DistillConfig
    teacher: Teacher
    shape: StudentShape
    student_config: PretrainedConfig
    inherited: tuple[int, ...] | None
    pairs: tuple[LayerPair, ...]
    relations: Mapping[Relation, float]
    relation_heads: int
    steps: int
    warmup: int
    adam_beta2: float
    micro_batch_tokens: int
    device: torch.device
    precision: torch.dtype
    attention: str
    data: str
    data_names: str
    plugins: tuple[PluginSource, ...] = field(repr=False)
    relation_sources: Mapping[str, PluginSource] = field(repr=False)
    evidence: tuple[LayerEvidence, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The states that the relations read."""
        return frozenset().union(*(relation.needs for relation in self.relations))

    @property
    def teacher_layers(self) -> list[int]:
        """The teacher's layers that are looked at, ascending."""
        return sorted({pair.teacher_layer for pair in self.pairs})

    @property
    def student_layers(self) -> list[int]:
        """The student's layers that are trained directly, ascending."""
        return sorted({pair.student_layer for pair in self.pairs})

    @property
    def layers_in_words(self) -> str:
        """``21 → 6``, with a weight that is not 1."""
        return pairs_in_words(self.pairs)

    @property
    def start_in_words(self) -> str:
        """``random``, ``the teacher's embeddings, random layers``, or ``the teacher's embeddings and layers 2, 4, 6``."""
        if self.inherited is None:
            return "random"
        if not self.inherited:
            return "the teacher's embeddings, random layers"
        layers = ", ".join(map(str, self.inherited))
        return f"the teacher's embeddings and layer{'s'[: len(self.inherited) > 1]} {layers}"

    @property
    def relations_in_words(self) -> str:
        """``qq, kk × 0.5, vv``."""
        return relations_in_words(self.relations)

    @property
    def precision_in_words(self) -> str:
        """``fp32`` or ``bf16``."""
        return precision_name(self.precision)

    @property
    def size(self) -> StepSize:
        """The sizes that the cost of a step depends on."""
        return plan_size(self.teacher.config, self.student_config, self.pairs, self.relations)

    @property
    def resolved_config(self) -> DistillConfig:
        """The configuration with every choice that it left open as it was made: told by it, a run is the same."""
        choices: dict[str, Any] = {
            "layers": pairs_as_option(self.pairs) if self.evidence else self.config.layers,
            "student_ffn": self.shape.intermediate_size,
            "relation_heads": self.relation_heads,
            "steps": self.steps,
            "warmup": self.warmup,
            "adam_beta2": self.adam_beta2,
            "micro_batch_tokens": self.micro_batch_tokens,
            "precision": self.precision_in_words,
            "attention": self.attention,
            "device": self.device.type,
        }
        return replace(self.config, **choices)

    def tokens(self, lengths: Lengths | None = None) -> float:
        """Tokens of the whole run; without ``lengths`` at most this many."""
        return self.steps * self.config.batch_size * (lengths or Lengths.alike(self.config.max_length)).mean

    def seconds(self, lengths: Lengths | None = None) -> float:
        """Estimated time: the products of all tokens at a share of this machine's measured rate."""
        squares = (lengths or Lengths.alike(self.config.max_length)).squares_per_token
        flops = step_flops(self.size, 1, squares).total
        return self.tokens(lengths) * flops / (assumed_share(self.device) * _rate(self.device, self.precision))

    def describe(self) -> dict[str, Any]:
        """The plan in plain values, for JSON and tables."""
        return {
            "teacher": self.teacher.label,
            "family": self.teacher.adapter.name,
            "teacher_layers": self.teacher.layers,
            "layers": [[pair.teacher_layer, pair.student_layer, pair.weight] for pair in self.pairs],
            "student": f"{self.shape.layers}x{self.shape.hidden_size}",
            "student_heads": self.shape.attention_heads,
            "student_ffn": self.shape.intermediate_size,
            "init": self.config.init,
            "inherited_layers": list(self.inherited or ()),
            "relations": {relation.name: weight for relation, weight in self.relations.items()},
            "relation_heads": self.relation_heads,
            "steps": self.steps,
            "warmup": self.warmup,
            "batch_size": self.config.batch_size,
            "max_length": self.config.max_length,
            "learning_rate": self.config.learning_rate,
            "adam_beta2": self.adam_beta2,
            "device": str(self.device),
            "precision": self.precision_in_words,
            "attention": self.attention,
            "compile": self.config.compile,
            "seed": self.config.seed,
            "data": self.data,
        }


def make_plan(
    config: DistillConfig,
    teacher: Teacher,
    source: TextSource | None,
    registry: Registry,
    reporter: Reporter,
    probe: Callable[[Plan, Sequence[int]], Sequence[LayerEvidence]] | None = None,
) -> Plan:
    """Resolve and check every option, and announce what was chosen. ``source``: None where no step is trained.

    ``probe`` is for layer strategies that measure: it is given the plan without its layers, and layers to try.
    Raises :class:`UsageError`, :class:`PluginError`, or what the probe raises.
    """
    shape = StudentShape.parse(config.student, config.student_heads, config.student_ffn or 0)
    check_length(config, teacher)
    special = teacher.tokenizer.num_special_tokens_to_add()
    if config.max_length <= special:
        raise UsageError(
            f"--max-length {config.max_length}: the tokenizer puts {special} special tokens around each sequence"
        )
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    if config.compile:
        check_compiler(device)
    chosen = parse_relations(config.relations, registry.relations)
    plugins = [teacher.provided.source, *(provided.source for provided, _ in chosen)]

    steps = paper_defaults.steps(teacher.adapter.name) if config.steps is None else config.steps
    warmup = paper_defaults.warmup(steps) if config.warmup is None else config.warmup
    if warmup > steps:
        raise UsageError(
            f"--warmup {warmup} is longer than the run of {steps} steps",
            hint=f"Without a number of your own, of a file or of a preset it would be {paper_defaults.warmup(steps)}.",
        )
    beta2 = (
        paper_defaults.adam_beta2(teacher.adapter.name, teacher.layers, shape)
        if config.adam_beta2 is None
        else config.adam_beta2
    )
    with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
        student_config = teacher.adapter.student_config(teacher.config, shape)
    draft = Plan(
        config=config,
        teacher=teacher,
        shape=shape,
        student_config=student_config,
        inherited=inherited_layers(config.init, teacher, student_config),
        pairs=(),
        relations=relation_weights(chosen),
        relation_heads=resolve_relation_heads(config, teacher, shape, reporter.note),
        steps=steps,
        warmup=warmup,
        adam_beta2=beta2,
        micro_batch_tokens=config.micro_batch_tokens or default_micro_batch_tokens(device),
        device=device,
        precision=precision,
        attention=resolve_attention(
            config.attention, device, precision, _head_widths(teacher, shape), deterministic=config.deterministic
        ),
        data=str(source) + _mixed(config, source) if source else NO_DATA,
        data_names=source.names + _mixed(config, source) if source else NO_DATA,
        plugins=tuple(dict.fromkeys(plugins)),
        relation_sources={provided.name: provided.source for provided, _ in chosen},
    )
    evidence: list[LayerEvidence] = []

    def probed(layers: Sequence[int]) -> Sequence[LayerEvidence]:
        assert probe is not None, "it is offered only then"
        evidence[:] = probe(draft, layers)
        return tuple(evidence)

    pairs, strategy = resolve_layers(config, teacher, shape, registry, reporter.note, probed if probe else None)
    if strategy is not None:
        plugins.append(strategy)
    plan = replace(draft, pairs=pairs, plugins=tuple(dict.fromkeys(plugins)), evidence=tuple(evidence))
    check_memory(config, step_memory(plan.size, 0, 0), device)
    return plan


def plan_size(teacher: Any, student: Any, pairs: Sequence[LayerPair], relations: Mapping[Relation, float]) -> StepSize:
    """What the cost of a step depends on, from the configurations of both models and what is looked at."""
    needs: frozenset[str] = frozenset().union(*(relation.needs for relation in relations))
    projections = len(needs - {"hidden"})
    teacher_model, student_model = ModelSize.of(teacher), ModelSize.of(student)
    return StepSize(
        teacher=EncoderSize(teacher_model, max(pair.teacher_layer for pair in pairs), projections),
        student=EncoderSize(student_model, max(pair.student_layer for pair in pairs), projections),
        loss=LossSize.of(relations, teacher_model.hidden_size, student_model.hidden_size, len(pairs)),
    )


@cache
def _rate(device: torch.device, precision: torch.dtype) -> float:
    """Measured once in a process: an estimate of days does not need it anew."""
    return measured_rate(device, precision, 0.5)


def _head_widths(teacher: Teacher, shape: StudentShape) -> set[int]:
    """Widths of the attention heads of both models."""
    config = teacher.config
    return {config.hidden_size // config.num_attention_heads, shape.hidden_size // shape.attention_heads}


def _mixed(config: DistillConfig, source: TextSource) -> str:
    """How several corpora are mixed, in words."""
    if len(source.corpora) < 2:
        return ""
    mixing = parse_mixing(config.mixing)
    if isinstance(mixing, tuple):
        return f" (mixed by weights {', '.join(f'{weight:g}' for weight in mixing)})"
    return f" (mixed by sequences to the power of {mixing:g})"
