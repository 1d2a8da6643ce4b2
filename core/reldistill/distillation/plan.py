"""A run with every choice made, before anything is spent on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import PretrainedConfig

from reldistill.config import DistillConfig, parse_mixing
from reldistill.distillation import paper_defaults
from reldistill.distillation.cost import EFFICIENCY, EncoderSize, measured_rate, step_flops, training_bytes
from reldistill.distillation.device import (
    default_micro_batch_tokens,
    memory_bytes,
    precision_name,
    resolve_device,
    resolve_precision,
)
from reldistill.distillation.locate import Teacher
from reldistill.distillation.relations import parse_relations, relation_weights
from reldistill.distillation.student import check_truncation
from reldistill.distillation.text_source import TextSource
from reldistill.encoder import resolve_attention
from reldistill.errors import UsageError
from reldistill.layers import LayerContext, LayerPair, check_pairs, explicit_pairs
from reldistill.registry import PluginSource, blame
from reldistill.relation import Relation
from reldistill.relation_heads import check_relation_heads, nearest_relation_heads
from reldistill.teacher import StudentShape

if TYPE_CHECKING:
    from reldistill.distillation.reporter import Reporter
    from reldistill.registry import Registry
    from reldistill_loader import Corpus

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """What a run will do. ``data_names`` is ``data`` without local folders; ``plugins`` are those it uses, each once."""

    config: DistillConfig
    teacher: Teacher
    shape: StudentShape
    student_config: PretrainedConfig
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
        return ", ".join(
            f"{p.teacher_layer} → {p.student_layer}" + (f" × {p.weight:g}" if p.weight != 1 else "") for p in self.pairs
        )

    @property
    def relations_in_words(self) -> str:
        """``qq, kk × 0.5, vv``."""
        return ", ".join(r.name + (f" × {w:g}" if w != 1 else "") for r, w in self.relations.items())

    @property
    def precision_in_words(self) -> str:
        """``fp32`` or ``bf16``."""
        return precision_name(self.precision)

    def tokens(self, corpus: Corpus | None) -> float:
        """Tokens of the whole run: by the corpus's mean length; without a corpus at most this many."""
        mean = corpus.tokens / len(corpus) if corpus is not None else self.config.max_length
        return self.steps * self.config.batch_size * mean

    def seconds(self, corpus: Corpus | None) -> float:
        """Estimated time: the products of all tokens at a share of this machine's measured rate."""
        length = corpus.tokens / len(corpus) if corpus is not None else self.config.max_length
        projections = len(self.needs - {"hidden"})
        flops = step_flops(
            EncoderSize(
                max(self.teacher_layers),
                self.teacher.config.hidden_size,
                self.teacher.config.intermediate_size,
                projections,
            ),
            EncoderSize(self.shape.layers, self.shape.hidden_size, self.shape.intermediate_size, projections),
            len(self.relations) * len(self.pairs),
            length,
        )
        return self.tokens(corpus) * flops / (EFFICIENCY * measured_rate(self.device, self.precision))

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
            "seed": self.config.seed,
            "data": self.data,
        }


def make_plan(
    config: DistillConfig, teacher: Teacher, source: TextSource, registry: Registry, reporter: Reporter
) -> Plan:
    """Resolve and check every option, and announce what was chosen.

    Raises :class:`UsageError` or :class:`PluginError`.
    """
    shape = StudentShape.parse(config.student, config.student_heads, config.student_ffn or 0)
    if config.max_length > teacher.longest:
        raise UsageError(
            f"--max-length {config.max_length}: {teacher.label} has positions for {teacher.longest} tokens",
            hint=f"Pass --max-length {teacher.longest} or less.",
        )
    special = teacher.tokenizer.num_special_tokens_to_add()
    if config.max_length <= special:
        raise UsageError(
            f"--max-length {config.max_length}: the tokenizer puts {special} special tokens around each sequence"
        )
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    _check_memory(shape, teacher, device)
    chosen = parse_relations(config.relations, registry.relations)
    plugins = [teacher.provided.source, *(provided.source for provided, _ in chosen)]

    width = int(teacher.config.hidden_size)
    context = LayerContext(teacher.adapter.name, teacher.layers, width, shape.layers, shape.hidden_size, reporter.note)
    pairs: Sequence[LayerPair] | None = explicit_pairs(config.layers, context)
    if pairs is None:
        strategy = registry.layer_strategies.get(config.layers.strip())
        with blame(strategy.source, f"the layer strategy {strategy.name!r}"):
            pairs = tuple(strategy.thing.pairs(context))
        plugins.append(strategy.source)
    check_pairs(pairs, context, f"--layers {config.layers}")

    steps = config.steps or paper_defaults.steps(teacher.adapter.name)
    warmup = paper_defaults.warmup(steps) if config.warmup is None else config.warmup
    if warmup > steps:
        raise UsageError(f"--warmup {warmup} is longer than the run of {steps} steps")
    beta2 = (
        paper_defaults.adam_beta2(teacher.adapter.name, teacher.layers, shape)
        if config.adam_beta2 is None
        else config.adam_beta2
    )
    with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
        student_config = teacher.adapter.student_config(teacher.config, shape)
    if config.init == "truncate":
        check_truncation(teacher, student_config)
    return Plan(
        config=config,
        teacher=teacher,
        shape=shape,
        student_config=student_config,
        pairs=tuple(pairs),
        relations=relation_weights(chosen),
        relation_heads=_relation_heads(config, teacher, shape, reporter),
        steps=steps,
        warmup=warmup,
        adam_beta2=beta2,
        micro_batch_tokens=config.micro_batch_tokens or default_micro_batch_tokens(device),
        device=device,
        precision=precision,
        attention=resolve_attention(config.attention, device, precision, _head_widths(teacher, shape)),
        data=str(source) + _mixed(config, source),
        data_names=source.names + _mixed(config, source),
        plugins=tuple(dict.fromkeys(plugins)),
    )


def _check_memory(shape: StudentShape, teacher: Teacher, device: torch.device) -> None:
    needed, there = training_bytes(shape, teacher.config.vocab_size), memory_bytes(device)
    if there is not None and needed > there:
        raise UsageError(
            f"--student {shape.layers}x{shape.hidden_size}: weights, gradients and optimiser need about {needed / 2**30:,.0f} GiB, "
            f"{device} has {there / 2**30:,.0f}",
            hint="Take fewer layers, a smaller width or a smaller --student-ffn.",
        )


def _head_widths(teacher: Teacher, shape: StudentShape) -> set[int]:
    """Widths of the attention heads of both models."""
    config = teacher.config
    return {config.hidden_size // config.num_attention_heads, shape.hidden_size // shape.attention_heads}


def _relation_heads(config: DistillConfig, teacher: Teacher, shape: StudentShape, reporter: Reporter) -> int:
    width = int(teacher.config.hidden_size)
    if config.relation_heads is not None:
        check_relation_heads(config.relation_heads, width, shape.hidden_size)
        return config.relation_heads
    default = paper_defaults.relation_heads(teacher.layers)
    heads = nearest_relation_heads(default, width, shape.hidden_size)
    if heads != default:
        reporter.note(
            f"relation heads: {heads}, because the default of {default} does not divide the widths {width} and {shape.hidden_size}"
        )
    return heads


def _mixed(config: DistillConfig, source: TextSource) -> str:
    """How several corpora are mixed, in words."""
    if len(source.corpora) < 2:
        return ""
    mixing = parse_mixing(config.mixing)
    if isinstance(mixing, tuple):
        return f" (mixed by weights {', '.join(f'{weight:g}' for weight in mixing)})"
    return f" (mixed by sequences to the power of {mixing:g})"
