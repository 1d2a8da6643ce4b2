"""Teacher, student and trainer of a plan, made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.distillation.adapter_check import check_cut, check_states
from reldistill.distillation.inherited import inherited_student
from reldistill.distillation.no_batches import NoBatches
from reldistill.distillation.objective import Objective, TeacherStates
from reldistill.distillation.optimizer import linear_schedule, make_optimizer
from reldistill.distillation.plan import Plan
from reldistill.distillation.ranks import Ranks
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.student import NewStudent
from reldistill.distillation.trainer import Trainer
from reldistill.encoder import Encoder, compile_between_attention, load_teacher, shard_over_ranks, student_encoder
from reldistill.registry import blame
from reldistill.stop import Stop

if TYPE_CHECKING:
    from reldistill_loader import Batches, Corpus, Mixture

__all__ = ["batches_of", "make_student", "make_teacher", "make_trainer"]


def make_teacher(plan: Plan, ranks: Ranks) -> Encoder:
    """The teacher up to the plan's highest layer, on the plan's device."""
    adapter, lockstep = plan.teacher.adapter, plan.config.shard_teacher and ranks.size > 1
    unknown = not plan.teacher.provided.source.builtin
    weights = plan.teacher.weights_folder
    with blame(plan.teacher.provided.source, f"the adapter {adapter.name!r}"):
        if unknown:
            check_cut(adapter, plan.teacher.config, plan.teacher_layers)
        teacher = load_teacher(
            weights, plan.teacher.config, adapter, plan.teacher_layers, plan.needs,
            dtype=plan.precision, attention=plan.attention, device=torch.device("cpu") if lockstep else plan.device,
        )  # fmt: skip
        if unknown and not lockstep:  # where it is, the teacher is not on its device yet
            check_states(adapter, teacher, plan.needs, plan.relation_heads, plan.device, plan.precision)
        if lockstep:
            shard_over_ranks(teacher, adapter, plan.device)
        if plan.config.compile:
            compile_between_attention(teacher, adapter)
    return teacher


def make_student(plan: Plan, ranks: Ranks) -> tuple[NewStudent, Encoder]:
    """The whole student, and the part of it that the relations reach. Leaves torch's generator where dropout begins."""
    config, adapter = plan.config, plan.teacher.adapter
    unknown = not plan.teacher.provided.source.builtin
    with blame(plan.teacher.provided.source, f"the adapter {adapter.name!r}"):
        if unknown:
            check_cut(adapter, plan.student_config, plan.student_layers)
        if plan.inherited is not None:
            torch.manual_seed(config.seed)  # for dropout, and for what the teacher does not give
            started = inherited_student(plan.teacher, plan.student_config, plan.inherited)
        else:
            started = NewStudent.at_random(plan.student_config, config.seed)
        started.model.to(plan.device)  # type: ignore[arg-type]
        student = student_encoder(started.model, adapter, plan.student_layers, plan.needs, attention=plan.attention)
        if unknown and not (config.shard_teacher and ranks.size > 1):
            check_states(adapter, student, plan.needs, plan.relation_heads, plan.device, plan.precision)
        if config.compile:
            compile_between_attention(student, adapter)
    ranks.take_from_the_first(started.model)
    if ranks.rank:
        torch.manual_seed(config.seed + ranks.rank)  # each rank drops out other things
    return started, student


def batches_of(plan: Plan, corpus: Corpus | Mixture, ranks: Ranks) -> Batches:
    """Its global batches, in the order that the seed gives."""
    adapter = plan.teacher.adapter
    with blame(plan.teacher.provided.source, f"the adapter {adapter.name!r}"):
        position_offset = adapter.position_offset(plan.teacher.config)
    return corpus.batches(
        seed=plan.config.seed,
        batch_size=plan.config.batch_size,
        position_offset=position_offset,
        rank=ranks.rank,
        world_size=ranks.size,
    )


def make_trainer(
    plan: Plan,
    teacher: TeacherStates,
    student: Encoder,
    batches: Batches | NoBatches,
    reporter: Reporter,
    stop: Stop,
    ranks: Ranks,
) -> Trainer:
    """A trainer of this student at its first step."""
    config = plan.config
    optimizer = make_optimizer(
        student,
        learning_rate=config.learning_rate,
        beta2=plan.adam_beta2,
        epsilon=config.adam_epsilon,
        weight_decay=config.weight_decay,
    )
    return Trainer(
        objective=Objective(
            teacher, plan.pairs, plan.relations, plan.relation_heads, plan.precision, sources=plan.relation_sources
        ),
        student=student,
        optimizer=optimizer,
        schedule=linear_schedule(optimizer, warmup=plan.warmup, steps=plan.steps),
        batches=batches,
        device=plan.device,
        micro_batch_tokens=plan.micro_batch_tokens,
        clip=config.clip,
        log_every=config.log_every,
        max_skipped=config.max_skipped,
        stop=stop,
        announce=reporter.note,
        ranks=ranks,
        lockstep=config.shard_teacher and ranks.size > 1,
    )
