"""From options to the cost of a run, and all that stands against it: two configurations are read, nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reldistill.config import DistillConfig
from reldistill.cost import Lengths, matrix_product_rate
from reldistill.distillation import paper_defaults
from reldistill.distillation.device import default_micro_batch_tokens, resolve_device, resolve_precision
from reldistill.distillation.inherited import inherited_layers
from reldistill.distillation.locate import Teacher, locate_config
from reldistill.distillation.plan import plan_size
from reldistill.distillation.relations import parse_relations, relation_weights
from reldistill.distillation.resolve import check_length, check_memory, resolve_layers, resolve_relation_heads
from reldistill.distillation.run_cost import RunCost
from reldistill.errors import UsageError, as_one
from reldistill.layers import LayerPair
from reldistill.registry import Registry, blame
from reldistill.relation import Relation
from reldistill.teacher import StudentShape

if TYPE_CHECKING:
    from reldistill_loader import Corpus

__all__ = ["count_cost"]


def count_cost(
    config: DistillConfig,
    registry: Registry | None = None,
    *,
    mean_length: float | None = None,
    corpus: Corpus | None = None,
    seconds: float = 1.0,
) -> RunCost:
    """What the distillation that ``config`` describes would cost, and whatever stands against starting it.

    Of a teacher on the Hub its config.json is fetched. Of ``config`` only models, method, lengths, batch, steps and
    machine are looked at.

    Args:
        config: the distillation.
        registry: default: what is installed.
        mean_length: tokens of a sequence, all alike; default: ``config.max_length``, the most that it can be.
        corpus: the lengths of its sequences are taken instead.
        seconds: how long to measure matrix products.

    Raises:
        UsageError: there is no such teacher, device or shape, or all problems at once where they leave nothing to count.
        PluginError: a plugin that is asked for is not to be had or breaks its contract.
    """
    registry = registry or Registry.installed()
    teacher, device = locate_config(config.teacher, registry), resolve_device(config.device)
    problems: list[UsageError] = []
    notes: list[str] = []

    @contextmanager
    def problem_kept() -> Iterator[None]:
        try:
            yield
        except UsageError as problem:
            problems.append(problem)

    shape = StudentShape.parse(config.student, 1, config.student_ffn or 0)
    with problem_kept():
        shape = replace(shape, attention_heads=config.student_heads)
    with problem_kept():
        _check_teacher(teacher)
    relation_heads = None
    with problem_kept():
        relation_heads = resolve_relation_heads(config, teacher, shape, notes.append)
    with problem_kept():
        check_length(config, teacher)
    lengths, lengths_from = Lengths.alike(config.max_length), "all sequences as long as --max-length allows"
    with problem_kept():
        if mean_length is not None:
            lengths, lengths_from = _mean(mean_length, config.max_length), "all sequences of --mean-length"
    with problem_kept():
        if corpus is not None:
            lengths, lengths_from = Lengths.of(corpus.lengths()), f"the {len(corpus):,} sequences of {corpus.path}"
            _check_corpus(corpus, config, teacher)
    relations = _relations(config.relations, registry, problem_kept)
    pairs: tuple[LayerPair, ...] = ()
    with problem_kept():
        pairs, _ = resolve_layers(config, teacher, shape, registry, notes.append)
    if not relations or not pairs:
        raise as_one(problems)

    with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
        student = teacher.adapter.student_config(teacher.config, shape)
    size = plan_size(teacher.config, student, pairs, relations)
    asked = replace(size.student.model, attention_heads=config.student_heads)  # also where they do not divide the width
    size = replace(size, student=replace(size.student, model=asked))
    with problem_kept():
        inherited_layers(config.init, teacher, student)
    precision = resolve_precision(config.precision, device)
    cost = RunCost(
        config=config,
        teacher=teacher,
        shape=shape,
        pairs=pairs,
        relations=relations,
        relation_heads=relation_heads,
        size=size,
        lengths=lengths,
        lengths_from=lengths_from,
        steps=paper_defaults.steps(teacher.adapter.name) if config.steps is None else config.steps,
        micro_batch_tokens=config.micro_batch_tokens or default_micro_batch_tokens(device),
        device=device,
        precision=precision,
        measured=matrix_product_rate(device, precision, seconds),
        notes=tuple(notes),
        problems=(),
    )
    with problem_kept():
        check_memory(config, cost.memory, device)
        _check_whole_memory(cost)
    return replace(cost, problems=tuple(problems))


def _relations(
    text: str, registry: Registry, problem_kept: Callable[[], AbstractContextManager[None]]
) -> dict[Relation, float]:
    """The relations if all are there, else none, and a problem for each that is not."""
    parts = [part for part in text.split(",") if part.strip()]
    there = []
    for part in parts:
        with problem_kept():
            there += parse_relations(part, registry.relations)
    if len(there) == len(parts):
        with problem_kept():
            return relation_weights(parse_relations(text, registry.relations))  # refuses one that stands there twice
    return {}


def _check_teacher(teacher: Teacher) -> None:
    width, heads = int(teacher.config.hidden_size), int(teacher.config.num_attention_heads)
    if width % heads:
        raise UsageError(
            f"teacher {teacher.label}: its {heads} attention heads do not divide its width {width}",
            hint="Its config.json is not that of a model that could have been trained.",
        )


def _mean(mean_length: float, max_length: int) -> Lengths:
    if not 1 <= mean_length <= max_length:
        raise UsageError(f"--mean-length {mean_length:g}: must be from 1 to --max-length, {max_length}")
    return Lengths.alike(mean_length)


def _check_corpus(corpus: Corpus, config: DistillConfig, teacher: Teacher) -> None:
    """Without the tokenizer: a corpus that passes may still be made for another one."""
    manifest = corpus.manifest
    if manifest.max_length > config.max_length:
        raise UsageError(
            f"corpus {corpus.path} has sequences of up to {manifest.max_length} tokens, --max-length is {config.max_length}",
            hint=f"Pass --max-length {manifest.max_length}, or build the corpus anew.",
        )
    if manifest.vocabulary_size > teacher.config.vocab_size:
        raise UsageError(
            f"corpus {corpus.path} was made for {manifest.vocabulary_size:,} words, {teacher.label} has {teacher.config.vocab_size:,}",
            hint="Build it with this teacher's tokenizer: minictl data build --teacher …",
        )


def _check_whole_memory(cost: RunCost) -> None:
    needed, there = cost.memory.total, cost.device_memory
    if there is not None and needed > there:
        raise UsageError(
            f"a step needs about {needed / 2**30:,.1f} GiB, {cost.device} has {there / 2**30:,.1f}",
            hint=f"Lower --micro-batch-tokens ({cost.micro_batch_tokens:,}), or take a smaller student.",
        )
