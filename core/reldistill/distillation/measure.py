"""The relation loss of students that exist, on text, without training: one yardstick for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import torch

from reldistill.distillation import paper_defaults
from reldistill.distillation.corpus import open_corpus
from reldistill.distillation.device import (
    default_micro_batch_tokens,
    resolve_device,
    resolve_precision,
)
from reldistill.distillation.held_out import add_loss, no_loss
from reldistill.distillation.loaded_students import LoadedStudent, LoadedStudents, load_students
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.measured_student import MeasuredStudent, locate_student
from reldistill.distillation.measurement import MeasuredLoss, Measurement
from reldistill.distillation.out_of_memory import OutOfMemory, release_memory
from reldistill.distillation.relations import parse_relations, relation_weights
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.resolve import check_length, resolve_layers
from reldistill.distillation.text_source import TextSource, text_source
from reldistill.distillation.tokens import packed_tokens
from reldistill.encoder import resolve_attention
from reldistill.errors import DataError, UsageError
from reldistill.out_of_memory import is_out_of_memory
from reldistill.registry import Registry
from reldistill.relation_heads import check_relation_heads, nearest_relation_heads
from reldistill_loader import InputError

if TYPE_CHECKING:
    from reldistill.config import DistillConfig
    from reldistill.distillation.locate import Teacher
    from reldistill_loader import Batch, Corpus, Mixture

__all__ = ["SEQUENCES", "measure_students"]

SEQUENCES = 1024
"""Of each text, where nothing else is said."""


def measure_students(
    config: DistillConfig,
    models: Sequence[str],
    data: Sequence[str],
    registry: Registry | None = None,
    reporter: Reporter | None = None,
    *,
    sequences: int = SEQUENCES,
    against_untrained: bool = True,
) -> Measurement:
    """The loss of each student on each text, without dropout: the number that a distillation gives for ``validation``.

    Args:
        config: of it count ``teacher``, ``relations``, ``relation_heads``, ``layers``, ``max_length``, ``text_column``,
            ``micro_batch_tokens``, ``precision``, ``attention`` and ``device``. A number of relation heads that is left open is
            the paper's, lowered until it divides the widths of all.
        models: folders, aliases or ids on the Hub, of any family that has an adapter; none for the student of the last
            distillation.
        data: texts or corpora on this machine, each measured for itself. Text is tokenised whole and kept in the cache.
        sequences: at most so many of each text, drawn from all of it, the same each time; 0 for all.
        against_untrained: also measure a student of each shape with random weights, of seed 0.

    The teacher is read once, and goes once through each text for all students.

    Raises:
        UsageError: an option is wrong, a model is not there, or does not fit the teacher.
        DataError, reldistill_loader.LoaderError: text or corpus is missing, broken, or made for another teacher.
        PluginError: a plugin that is asked for is not to be had or breaks its contract.
        CheckpointError: the weights of a model cannot be read.
        ReldistillError: a single sequence is too much for the device.
    """
    registry, reporter = registry or Registry.installed(), reporter or Reporter()
    if sequences < 0:
        raise UsageError(f"--sequences {sequences}: must be at least 0", hint="0 takes all.")
    teacher = locate_teacher(config.teacher, registry)
    check_length(config, teacher)
    chosen = parse_relations(config.relations, registry.relations)
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    note = _each_once(reporter.note)
    names: Sequence[str | None] = models or [None]
    students = tuple(
        locate_student(
            name,
            teacher,
            config.max_length,
            lambda shape: resolve_layers(config, teacher, shape, registry, note)[0],
            registry,
        )
        for name in names
    )
    _note_other_layers(students, note)
    measurement = Measurement(
        teacher=teacher,
        students=students,
        relations=relation_weights(chosen),
        relation_heads=_relation_heads(config, teacher, students, note),
        max_length=config.max_length,
        device=device,
        precision=precision,
        attention=resolve_attention(config.attention, device, precision, _head_widths(teacher, students)),
    )
    sources = [(spec, _local_text(spec, teacher, config)) for spec in data]
    if not sources:
        raise UsageError("no text given", hint="--data with a file, a folder, or a corpus of `minictl data build`.")
    loaded = load_students(measurement, {provided.name: provided.source for provided, _ in chosen}, against_untrained)
    corpora = [(spec, _open(spec, source, teacher, config, reporter)) for spec, source in sources]
    at_once = config.micro_batch_tokens or default_micro_batch_tokens(device)
    losses: list[MeasuredLoss] = []
    for spec, corpus in corpora:
        losses += _measured(measurement, loaded, spec, corpus, sequences, at_once, reporter)
    return replace(measurement, losses=tuple(losses))


def _measured(
    measurement: Measurement,
    loaded: LoadedStudents,
    text: str,
    corpus: Corpus | Mixture,
    sequences: int,
    at_once: int,
    reporter: Reporter,
) -> list[MeasuredLoss]:
    """One text: all students, trained and not, in one go, in smaller parts where the device is too small."""
    teacher = measurement.teacher
    count = min(len(corpus), sequences or len(corpus))
    offset = teacher.adapter.position_offset(teacher.config)
    batch = next(corpus.batches(seed=0, batch_size=count, position_offset=offset, prefetch=0))
    longest = max(batch.lengths)
    while True:
        try:
            totals = _losses([*loaded.students, *loaded.random], batch, count, at_once, measurement, text, reporter)
            break
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if at_once <= longest:
                raise OutOfMemory(measurement.device, longest) from error
        # Out here, where the error does not keep the tensors of that attempt alive any more.
        release_memory(measurement.device)
        at_once = max(longest, at_once // 2)
        reporter.note(f"{measurement.device} is out of memory; {at_once:,} tokens at once from now on")
    reporter.measured(text)
    random = [total["loss"] for total in totals[len(loaded.students) :]]
    untrained = [random[number] for number in loaded.untrained]
    return [
        MeasuredLoss(
            student.name, text, count, batch.tokens, total["loss"],
            {relation.name: total[f"loss/{relation.name}"] for relation in measurement.relations}, its_untrained,
        )
        for student, total, its_untrained in zip_longest(measurement.students, totals[: len(loaded.students)], untrained)
    ]  # fmt: skip


def _losses(
    students: Sequence[LoadedStudent],
    batch: Batch,
    sequences: int,
    at_once: int,
    measurement: Measurement,
    text: str,
    reporter: Reporter,
) -> list[dict[str, float]]:
    """``{"loss": …, "loss/qq": …}`` of each. The teacher goes over each part once."""
    totals = [no_loss(measurement.relations) for _ in students]
    parts = batch.micro_batches(at_once)
    done = 0
    with torch.no_grad():
        for part in parts:
            reporter.measuring(text, done, len(parts))
            done += 1
            tokens = packed_tokens(part, measurement.device)
            theirs = students[0].objective.teacher_states(tokens)
            for student, total in zip(students, totals, strict=True):
                add_loss(total, student.objective.against(theirs, student.encoder, student.placed(tokens), sequences))
    return totals


def _local_text(spec: str, teacher: Teacher, config: DistillConfig) -> TextSource:
    if not spec:
        raise UsageError("--data is empty", hint="Give a file, a folder, or a corpus of `minictl data build`.")
    source = text_source([spec], teacher.adapter.name, config.text_column)
    if source.hub is not None:
        raise DataError(
            f"--data {spec}: text to measure on is taken from this machine alone",
            hint="Give .txt, .jsonl or .parquet files, or a corpus of `minictl data build`.",
        )
    return source


def _open(
    spec: str, source: TextSource, teacher: Teacher, config: DistillConfig, reporter: Reporter
) -> Corpus | Mixture:
    try:
        return open_corpus(
            source, teacher, max_length=config.max_length, text_column=config.text_column, seed=config.seed, at_most=None,
            reporter=reporter,
        )  # fmt: skip
    except InputError as error:  # it need not say which of several texts it is about
        raise DataError(f"--data {spec}: {error}") from error


def _relation_heads(
    config: DistillConfig, teacher: Teacher, students: Sequence[MeasuredStudent], announce: Callable[[str], None]
) -> int:
    """One number for all: that which was asked for, or the paper's, lowered until it divides all widths."""
    width = int(teacher.config.hidden_size)
    widths = list(dict.fromkeys(student.shape.hidden_size for student in students))
    asked = config.relation_heads
    if asked is None:
        default = paper_defaults.relation_heads(teacher.layers)
        heads = nearest_relation_heads(default, width, math.gcd(*widths))
        if heads != default:
            all_widths = ", ".join(map(str, dict.fromkeys([width, *widths])))
            announce(
                f"relation heads: {heads}, because the default of {default} does not divide the widths {all_widths}"
            )
        return heads
    if asked == "attention":
        asked = int(teacher.config.num_attention_heads)
        for student in students:
            if student.shape.attention_heads != asked:
                raise UsageError(
                    f"--relation-heads attention: {teacher.label} has {asked} attention heads, {student.name} "
                    f"{student.shape.attention_heads}",
                    hint="Attention can be compared head by head only where both have equally many; pass a number.",
                )
    for other in widths:
        check_relation_heads(asked, width, other)
    return asked


def _note_other_layers(students: Sequence[MeasuredStudent], announce: Callable[[str], None]) -> None:
    """Losses at other layers of the teacher are other yardsticks."""
    measures = {tuple((pair.teacher_layer, pair.weight) for pair in student.pairs) for student in students}
    if len(measures) > 1:
        said = "; ".join(f"{student.name} {student.layers_in_words}" for student in students)
        announce(f"not all are held against the same layers of the teacher, so their losses are not comparable: {said}")


def _head_widths(teacher: Teacher, students: Sequence[MeasuredStudent]) -> set[int]:
    """Widths of the attention heads of all models."""
    widths = {student.shape.hidden_size // student.shape.attention_heads for student in students}
    return widths | {int(teacher.config.hidden_size) // int(teacher.config.num_attention_heads)}


def _each_once(announce: Callable[[str], None]) -> Callable[[str], None]:
    """Several students lead to the same choice, which needs a word once."""
    said: set[str] = set()

    def once(message: str) -> None:
        if message not in said:
            said.add(message)
            announce(message)

    return once
