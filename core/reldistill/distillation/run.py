"""The main job: resolve, show the plan, make the corpus, train, write the student."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from reldistill.config import DistillConfig, parse_mixing
from reldistill.distillation.corpus import open_corpus
from reldistill.distillation.held_out import held_out_loss
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.metrics_file import MetricsFile
from reldistill.distillation.model_card import model_card
from reldistill.distillation.objective import Objective
from reldistill.distillation.optimizer import linear_schedule, make_optimizer
from reldistill.distillation.plan import Plan, make_plan
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.run_folder import PROVENANCE, RunFolder, check_output
from reldistill.distillation.student import new_student, truncated_student, write_student
from reldistill.distillation.text_source import TextSource, text_source
from reldistill.distillation.tracking import check_tracking, tracker_of
from reldistill.distillation.trainer import Trainer
from reldistill.encoder import compile_between_attention, load_teacher, student_encoder
from reldistill.errors import DataError
from reldistill.registry import Registry, blame
from reldistill.report import write_report

if TYPE_CHECKING:
    from reldistill_loader import Corpus, Mixture

__all__ = ["DistillResult", "DryRun", "distill"]


@dataclass(frozen=True)
class DistillResult:
    """A student, and what was measured on the way. ``already_there``: it had been made before, nothing was done."""

    folder: Path
    student: Path
    plan: Plan
    already_there: bool = False
    last_row: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parameters: int = 0

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        if self.already_there:
            return {
                "run": str(self.folder),
                "student": str(self.student),
                "already_there": True,
                "plan": self.plan.describe(),
            }
        return {
            "run": str(self.folder), "student": str(self.student), "already_there": self.already_there,
            "parameters": self.parameters, "last_step": dict(self.last_row), "validation": {k: dict(v) for k, v in self.validation.items()},
            "plan": self.plan.describe(),
        }  # fmt: skip


@dataclass(frozen=True)
class DryRun:
    """One batch was computed and nothing was kept. ``row`` is what metrics.jsonl would have had."""

    plan: Plan
    row: Mapping[str, float]

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"dry_run": True, "first_step": dict(self.row), "plan": self.plan.describe()}


def distill(
    config: DistillConfig, registry: Registry | None = None, reporter: Reporter | None = None, *, dry_run: bool = False
) -> DistillResult | DryRun:
    """Distil a student as ``config`` says and write it; with ``dry_run`` compute one batch and write nothing.

    The run folder holds ``config.toml``, ``metrics.jsonl``, ``report.html`` and ``student/``. A run whose folder already holds a
    student is not repeated unless the configuration says ``overwrite``.

    Raises:
        UsageError: an option, the teacher, or a combination of both is wrong.
        DataError, reldistill_loader.LoaderError: text or corpus is missing, broken, or made for another teacher.
        PluginError: a plugin that is asked for is not to be had or breaks its contract.
        CheckpointError: the teacher's weights cannot be read.
        OSError: the disk is full, or a folder cannot be written.
    """
    registry, reporter = registry or Registry.installed(), reporter or Reporter()
    check_tracking(config.track)
    teacher = locate_teacher(config.teacher, registry)
    source = text_source(config.data, teacher.adapter.name, config.text_column)
    held_out = text_source(config.validation, teacher.adapter.name, config.text_column) if config.validation else None
    if held_out is not None and held_out.hub is not None:
        raise DataError(
            f"--validation {held_out}: held-out text is taken from this machine alone",
            hint="Give .txt, .jsonl or .parquet files, or a corpus of `minictl data build`, that the training does not see.",
        )
    if held_out is not None and len(held_out.corpora) > 1:
        raise DataError(
            f"--validation names {len(held_out.corpora)} corpora, and each sequence of it is to count once",
            hint="Give one corpus, or text files.",
        )
    plan = make_plan(config, teacher, source, registry, reporter)
    check_output(config.output)
    reporter.plan(plan)
    if dry_run:
        return _one_batch(plan, source, held_out, reporter)
    corpus = _open(plan, source, reporter, mixing=parse_mixing(config.mixing))
    validation = _open(plan, held_out, reporter) if held_out else None
    folder = RunFolder.of(plan, [corpus.fingerprint, validation.fingerprint if validation else None])
    if not config.overwrite and folder.is_finished():
        return DistillResult(folder.path, folder.student, plan, already_there=True)
    return _train(plan, corpus, validation, folder, reporter)


def _train(
    plan: Plan, corpus: Corpus | Mixture, validation: Corpus | Mixture | None, folder: RunFolder, reporter: Reporter
) -> DistillResult:
    model, trainer = _trainer(plan, corpus)
    offset = plan.teacher.adapter.position_offset(plan.teacher.config)
    rows: dict[str, float] = {}
    measured: dict[str, dict[str, float]] = {}
    folder.create(plan)  # not before all that can be refused has been read: what stops there leaves no folder
    with MetricsFile(folder.metrics) as metrics, closing(tracker_of(plan.config, folder.path, reporter)) as tracker:

        def validate(step: int) -> None:
            if validation is None:
                return
            loss = held_out_loss(
                trainer.objective, trainer.student, validation, position_offset=offset,
                micro_batch_tokens=plan.micro_batch_tokens, device=plan.device,
            )  # fmt: skip
            row = {"step": step, **{f"validation/{name}": value for name, value in loss.items()}}
            measured["before" if step == 0 else "after"] = loss
            metrics.write(row)
            tracker.write(row)
            reporter.validated(row)

        def on_step(step: int, row: dict[str, float] | None) -> None:
            if row is not None:
                metrics.write(row)
                tracker.write(row)
                rows.update(row)
            reporter.step(step, plan.steps, row)
            if step == plan.steps or (plan.config.validate_every and step % plan.config.validate_every == 0):
                validate(step)

        tracker.start(trainer.step)
        validate(0)
        trainer.run(plan.steps, on_step)

    card = model_card(
        plan,
        model,
        data_sha256=corpus.fingerprint,
        tokens=trainer.tokens,
        measured={moment: loss["loss"] for moment, loss in measured.items()},
    )
    provenance = (
        json.dumps({"identity": folder.identity, "plan": plan.describe() | {"data": plan.data_names}}, indent=2) + "\n"
    )
    write_student(model, plan.teacher.tokenizer, {"README.md": card, PROVENANCE: provenance}, folder.student)
    try:
        folder.point_latest_here()
    except OSError as error:
        reporter.note(f"runs/latest does not lead to the new student: {error.strerror or error}")
    try:
        write_report(folder.path)
    except (OSError, DataError) as error:
        reporter.note(f"no report was written: {error}")
    return DistillResult(
        folder.path,
        folder.student,
        plan,
        last_row=rows,
        validation=measured,
        parameters=sum(p.numel() for p in model.parameters()),
    )


def _trainer(plan: Plan, corpus: Corpus | Mixture) -> tuple[PreTrainedModel, Trainer]:
    """The whole student, and a trainer of the part of it that the relations reach."""
    config, adapter, weights = plan.config, plan.teacher.adapter, plan.teacher.weights_folder
    with blame(plan.teacher.provided.source, f"the adapter {adapter.name!r}"):
        teacher = load_teacher(
            weights, plan.teacher.config, adapter, plan.teacher_layers, plan.needs,
            dtype=plan.precision, attention=plan.attention, device=plan.device,
        )  # fmt: skip
        if config.init == "truncate":
            torch.manual_seed(config.seed)  # for dropout
            model = truncated_student(plan.teacher, plan.student_config)
        else:
            model = new_student(plan.student_config, config.seed)
        model.to(plan.device)  # type: ignore[arg-type]
        student = student_encoder(model, adapter, plan.student_layers, plan.needs, attention=plan.attention)
        if config.compile:
            compile_between_attention(teacher, adapter)
            compile_between_attention(student, adapter)
        position_offset = adapter.position_offset(plan.teacher.config)
    optimizer = make_optimizer(
        student,
        learning_rate=config.learning_rate,
        beta2=plan.adam_beta2,
        epsilon=config.adam_epsilon,
        weight_decay=config.weight_decay,
    )
    trainer = Trainer(
        objective=Objective(teacher, plan.pairs, plan.relations, plan.relation_heads, plan.precision),
        student=student,
        optimizer=optimizer,
        schedule=linear_schedule(optimizer, warmup=plan.warmup, steps=plan.steps),
        batches=corpus.batches(seed=config.seed, batch_size=config.batch_size, position_offset=position_offset),
        device=plan.device,
        micro_batch_tokens=plan.micro_batch_tokens,
        clip=config.clip,
        log_every=config.log_every,
    )
    return model, trainer


def _one_batch(plan: Plan, source: TextSource, held_out: TextSource | None, reporter: Reporter) -> DryRun:
    """The first step on the first sequences of the data; a corpus that has to be made for it is thrown away."""
    with tempfile.TemporaryDirectory(prefix="reldistill-") as scratch:
        mixing = parse_mixing(plan.config.mixing)
        at_most, folder = plan.config.batch_size, Path(scratch) / "corpus"
        corpus = _open(plan, source, reporter, mixing=mixing, at_most=at_most, folder=folder)
        if held_out is not None:
            _open(plan, held_out, reporter, at_most=1, folder=Path(scratch) / "held-out")
        _, trainer = _trainer(plan, corpus)
        row: dict[str, float] = {}
        trainer.run(1, lambda _step, logged: row.update(logged or {}))
    return DryRun(plan, row)


def _open(
    plan: Plan,
    source: TextSource,
    reporter: Reporter,
    *,
    mixing: float | tuple[float, ...] = 1.0,
    at_most: int | None = None,
    folder: Path | None = None,
) -> Corpus | Mixture:
    config = plan.config
    if source.hub is not None and at_most is None:
        at_most = plan.steps * config.batch_size  # local text is taken whole; of the Hub no more than the run can use
    corpus = open_corpus(
        source, plan.teacher, max_length=config.max_length, text_column=config.text_column, seed=config.seed,
        at_most=at_most, reporter=reporter, folder=folder, mixing=mixing,
    )  # fmt: skip
    if len(corpus) == 0:
        raise DataError(f"{source} holds no text", hint="Every document in it is empty.")
    return corpus
