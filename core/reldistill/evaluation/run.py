"""Evaluating an encoder on a task: search, choose, write the result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reldistill.checkpoint.durable import replace_durably
from reldistill.config import EvalConfig, EvalPlan
from reldistill.distillation.device import precision_name, resolve_device, resolve_precision
from reldistill.errors import ReldistillError, Stopped, UsageError
from reldistill.eval_task import EvalTask
from reldistill.evaluation.cell_run import SUBMISSION, run_cell
from reldistill.evaluation.cells import Cell, CellResult
from reldistill.evaluation.choice import choose, statistics_of
from reldistill.evaluation.data import DataSource
from reldistill.evaluation.encoder import EvaluatedEncoder, locate_encoder
from reldistill.evaluation.fine_tuning import BETA2, CLIP, EPSILON, WARMUP, WEIGHT_DECAY
from reldistill.evaluation.reporter import EvalReporter
from reldistill.evaluation.result_file import FORMAT, RESULT_NAME
from reldistill.evaluation.search import Search
from reldistill.evaluation.unfinished import Unfinished
from reldistill.file_lock import claimed
from reldistill.local_path import local_path
from reldistill.registry import Provided, Registry, blame
from reldistill.registry.content_hash import content_hash
from reldistill.run_files import RUNS, STUDENT
from reldistill.stop import Stop

__all__ = ["EvalResult", "evaluate", "plan_of"]


@dataclass(frozen=True)
class EvalResult:
    """``file`` holds ``content``. ``already_there``: every cell of it had been finished before."""

    file: Path
    content: Mapping[str, Any]
    already_there: bool


def evaluate(
    task_name: str,
    config: EvalConfig,
    registry: Registry | None = None,
    reporter: EvalReporter | None = None,
    *,
    stop: Stop | None = None,
    share: tuple[int, int] = (0, 1),
) -> EvalResult | None:
    """Fine-tune in each cell of the grid, choose, and write ``result.json``.

    Each finished cell is a file, and is not done again. Processes that do the same evaluation share its cells: each takes
    those that no other one is at. ``share`` ``(n, of)`` says that this is one of several that were started together: it
    takes the ``n``-th GPU, begins with every ``of``-th cell, and its result is None: who calls it with ``(0, 1)`` behind
    them gathers it.

    Raises:
        Stopped: what had been finished stays; the same call does the rest.
        UsageError: the task, the model or an option is wrong.
        DataError: rows are missing or broken.
        PluginError: the task's plugin failed.
        CheckpointError: the model's weights cannot be read.
        ReldistillError: the training of each seed diverged.
    """
    registry, reporter, stop = registry or Registry.installed(), reporter or EvalReporter(), stop or Stop()
    provided = registry.tasks.get(task_name)
    task = provided.guarded("task")
    plan = plan_of(task, config)
    encoder = locate_encoder(config.model, registry)
    device = resolve_device(config.device)
    if device.type == "cuda":
        device = torch.device("cuda", share[0] % torch.cuda.device_count())
    source = DataSource(_data_folder(config.data_dir))
    owner = provided.source
    code = f"{owner.distribution} {owner.version} {content_hash(owner)}"
    precision = resolve_precision(config.precision, device)
    search = Search(task, code, encoder, source, plan, device, precision, reporter, stop)
    with blame(owner, f"the task {provided.name!r}"):
        search.load()
        protocol = _protocol(search)
        folder = _folder(config, encoder) / f"{search.task.name}-{_identity(provided, search, protocol)}"
        results, made = _cells(search, folder, share)
    if share != (0, 1):
        return None
    content = _content(provided, search, protocol, results)
    file = folder / RESULT_NAME
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        replace_durably(file, text.encode())
    if plan.predict_test:
        best = folder / "predictions" / content["best_run"]["cell"] / SUBMISSION
        _copy(best, folder.parent / SUBMISSION)
    return EvalResult(file, content, already_there=not made)


def _copy(files: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(files.iterdir()):
        replace_durably(folder / file.name, file.read_bytes())


def plan_of(task: EvalTask, config: EvalConfig) -> EvalPlan:
    """What would be done. Raises :class:`UsageError` where the task cannot do it."""
    if config.predict is not None and not task.predicted():
        raise UsageError(f"--predict test: {task.name} has no rows without labels", hint="It is for GLUE's server.")
    return config.resolved(task)


def _cells(search: Search, folder: Path, share: tuple[int, int]) -> tuple[list[CellResult], int]:
    """The results of the grid, or with a share those that this process found or made; and how many it made."""
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    cells, number, of = search.cells, *share
    found = {cell: _finished(search, folder, cell) for cell in cells}
    there = sum(result is not None for result in found.values())
    search.reporter.begins(search.task.name, search.encoder.name, len(cells), there)
    made = 0
    # Those of its own share first, so that few meet at a cell.
    for cell in sorted(cells, key=lambda cell: (cells.index(cell) - number) % of):
        if found[cell] is not None:
            continue
        try:
            found[cell], new = _result(search, folder, cell, wait=of == 1)
        except Stopped as stopped:
            done = sum(result is not None for result in found.values())
            stopped.kept = f"{done} of {len(cells)} fine-tuning runs of {search.task.name} are finished"
            raise
        made += new
    return [result for result in found.values() if result is not None], made


def _finished(search: Search, folder: Path, cell: Cell) -> CellResult | None:
    """None also where rows without labels are asked for and others were predicted, or none."""
    result = CellResult.read(folder / "cells", cell)
    if result is None or (search.plan.predict_test and result.predicted != search.predicted_sha256):
        return None
    return result


def _result(search: Search, folder: Path, cell: Cell, *, wait: bool) -> tuple[CellResult | None, bool]:
    """The result of a cell, and whether it was made here; None where another process is at it and nobody waits."""

    def announce() -> None:
        search.reporter.note(f"waiting for another process, which is at {search.task.name} {cell.name}")

    cells = folder / "cells"
    with claimed(cells / f"{cell.name}.lock", wait=announce if wait else None) as mine:
        if not mine:
            return None, False
        if (result := _finished(search, folder, cell)) is not None:
            return result, False
        unfinished = Unfinished(cells / f"{cell.name}.unfinished")
        result = run_cell(search, cell, predictions=folder / "predictions" / cell.name, unfinished=unfinished)
        result.write(cells)
        unfinished.remove()
    search.reporter.finished(search.task.name, result, search.task.main_metric)
    return result, True


def _data_folder(text: str | None) -> Path | None:
    if text is None:
        return None
    folder = local_path(text)
    if not folder.is_dir():
        raise UsageError(f"--data-dir {text}: no such folder", hint="Give the folder that holds the task's files.")
    return folder


def _folder(config: EvalConfig, encoder: EvaluatedEncoder) -> Path:
    """``--output``, else ``eval/`` in the folder of the run that made the student, else one named after the model."""
    if config.output is not None:
        folder = local_path(config.output)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output {config.output}: is a file", hint="Give the name of a folder.")
        return folder
    if encoder.folder.name == STUDENT and (encoder.folder.parent / "config.toml").is_file():
        return Path(os.path.relpath(encoder.folder.parent)) / "eval"
    return RUNS / "eval" / f"{encoder.name}-{encoder.sha256[:8]}"


def _protocol(search: Search) -> dict[str, Any]:
    """What a score depends on, beside the cell."""
    plan = search.plan
    return {
        "train_languages": list(plan.train_languages), "languages": list(plan.languages),
        "max_length": plan.max_length, "batch_size": plan.batch_size, "warmup": WARMUP, "weight_decay": WEIGHT_DECAY,
        "adam": [0.9, BETA2, EPSILON], "clip": CLIP, "device": search.device.type, "precision": precision_name(search.precision),
        "chosen_on": sorted({e.split for e in search.selection}), "scored_on": sorted({e.split for e in search.evaluations}),
        "best_epoch": search.task.best_epoch,
    }  # fmt: skip


def _identity(provided: Provided[EvalTask], search: Search, protocol: Mapping[str, Any]) -> str:
    """The same for the same model, data, protocol and code of a plugin: a larger grid finds the cells of the smaller one.

    The code of built-in tasks does not count: versions stand in the cells.
    """
    depends_on = [
        search.encoder.sha256,
        search.encoder.tokenizer_sha256,
        search.as_it_is,
        sorted(search.data.values()),
        protocol,
        None if provided.source.builtin else search.code,
    ]
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:8]


def _content(
    provided: Provided[EvalTask], search: Search, protocol: Mapping[str, Any], results: list[CellResult]
) -> dict[str, Any]:
    task, chosen = search.task, choose(results)
    best = max(chosen, key=lambda r: float("-inf") if r.selection is None else r.selection)
    if not any(r.epoch for r in results):
        raise ReldistillError(
            f"{task.name}: the training diverged in every cell",
            hint="Pass smaller --learning-rates, or --precision fp32.",
        )
    setting = chosen[0].cell
    return {
        "format": FORMAT, "task": task.name, "family": task.family, "main_metric": task.main_metric,
        "model": search.encoder.describe(), "selected": {"learning_rate": setting.learning_rate or None, "epochs": setting.epochs},
        "scores": statistics_of(chosen, mean_of_all=len(task.languages) > 1),
        "best_run": {"cell": best.cell.name, "selection": best.selection, "epoch": best.epoch, "scores": dict(best.scores)},
        "protocol": {**protocol, "seeds": list(search.plan.seeds), "selection": _in_words(search)},
        "grid": [
            {"cell": r.cell.name, "learning_rate": r.cell.learning_rate or None, "epochs": r.cell.epochs, "seed": r.cell.seed,
             "selection": r.selection, "epoch": r.epoch, "losses": list(r.losses), "seconds": r.seconds}
            for r in sorted(results, key=lambda r: r.cell)
        ],
        "rows": {f"{split}/{language}": len(rows) for (split, language), rows in sorted(search.loaded.items())},
        "data": dict(sorted(search.source.used.items())),
        "plugin": str(provided.source),
        "versions": _versions(results),
    }  # fmt: skip


def _versions(results: Iterable[CellResult]) -> dict[str, str]:
    """Of the cells; where they differ, all."""
    found: dict[str, set[str]] = {}
    for result in results:
        for name, version in result.versions.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _in_words(search: Search) -> str:
    if search.as_it_is:
        return "none: the model was scored as it is"
    where = " and ".join(sorted({e.split for e in search.selection}))
    of = f" of {len(search.selection)} languages as one pool" if len(search.selection) > 1 else ""
    epoch = "; of each run the best epoch" if search.task.best_epoch else ""
    same = {e.split for e in search.selection} >= {e.split for e in search.evaluations}
    caveat = ". The same rows are reported, as in the paper's tables of dev results" if same else ""
    return f"learning rate and epochs with the best median {search.task.main_metric} over seeds on {where}{of}{epoch}{caveat}"
