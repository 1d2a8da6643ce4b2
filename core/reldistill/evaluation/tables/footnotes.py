"""What has to be known to read the numbers of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reldistill.evaluation.result_file import ResultFile
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import ModelResults
from reldistill.evaluation.tables.table import DASH

__all__ = ["PARAMETERS", "lacking_note", "provenance_notes", "speedup_notes"]

PARAMETERS = "#Param: all parameters of the encoder, counted, embeddings included, without a task's head."


def provenance_notes(models: Sequence[ModelResults], tasks: Iterable[str], layout: Layout) -> list[str]:
    """Statistic and seeds, how settings were chosen, seeds without a value, older results that were passed over."""
    wanted = set(tasks)
    shown = [(model, result) for model in models for task, result in model.newest.items() if task in wanted]
    notes = [_seeds(shown, layout)] if shown else []
    selections = dict.fromkeys(result.selection for _, result in shown if result.selection)
    notes += [f"Selection: {selection.rstrip('.')}." for selection in selections]
    notes += [note for model, result in shown if (note := _without_value(model, result))]
    for model in models:
        older = [f"{task} ({count} older)" for task, count in model.passed_over.items() if task in wanted]
        if older:
            notes.append(f"{model.label}: the newest of several results is shown: {', '.join(older)}.")
    return notes


def lacking_note(model: ModelResults, lacking: Sequence[str], addition: str = "") -> str:
    """Why a row has no average."""
    return f"No average of {model.label}: nothing for {', '.join(lacking)}{addition}."


def speedup_notes(models: Sequence[ModelResults], layout: Layout) -> list[str]:
    """The protocol, the bounds of each model, and why one was not measured; or how to measure."""
    if layout.speedups is None:
        return [
            "Speedup: not asked for; minictl report --speed measures it, or shows what was measured on this machine."
        ]
    there = [(model, layout.speedups[model.model.sha256]) for model in models if model.model.sha256 in layout.speedups]
    by_protocol: dict[str, list[str]] = {}
    for model, speedup in there:
        protocol = (
            f"sequences a second, fp32, against a random {speedup.reference} model of the same family and vocabulary, "
            f"on {speedup.device} ({speedup.machine}, {speedup.threads} threads), batch {speedup.batch}, "
            f"{speedup.length} tokens, {speedup.rounds} rounds in turns"
        )
        bounds = f"{model.label} {speedup.median:.2f} ({speedup.low:.2f}{DASH}{speedup.high:.2f})"
        by_protocol.setdefault(protocol, []).append(bounds)
    notes = [
        f"Speedup: {protocol}; ratio of the medians, and the bounds that slowest and fastest rounds set: {', '.join(bounds)}."
        for protocol, bounds in by_protocol.items()
    ]
    notes += [
        f"Speedup of {model.label} not measured: {layout.unmeasured[model.model.sha256].rstrip('.')}."
        for model in models
        if model.model.sha256 in layout.unmeasured
    ]
    return notes


def _seeds(shown: Sequence[tuple[ModelResults, ResultFile]], layout: Layout) -> str:
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for model, result in shown:
        by_seeds.setdefault(result.seeds, []).append(f"{result.task} of {model.label}")
    spread = "; in brackets the lowest and highest" if layout.spread else ""
    what = f"{layout.statistic.capitalize()} over seeds"
    if len(by_seeds) == 1:
        return f"{what} {_listed(next(iter(by_seeds)))}{spread}; in percent."
    each = "; ".join(f"{_listed(seeds)}: {', '.join(names)}" for seeds, names in by_seeds.items())
    return f"{what}, which differ{spread}; in percent. {each}."


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "that the result does not name"


def _without_value(model: ModelResults, result: ResultFile) -> str:
    """Of the metric that most seeds have no value of."""
    counts = [
        (sum(value is None for value in score.values), len(score.values))
        for metrics in result.scores.values()
        for score in metrics.values()
    ]
    missing, seeds = max(counts, default=(0, 0))
    return f"{result.task} of {model.label}: {missing} of {seeds} seeds have no value." if missing else ""
