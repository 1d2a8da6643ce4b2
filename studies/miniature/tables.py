"""The tables of the study's page, from the committed JSON: questions 1, 3 and 5 here, the others beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studies.miniature.budget_table import budget
from studies.miniature.found import METRICS, Found, Spread
from studies.miniature.language_tables import losses, retrieval, xnli
from studies.miniature.layer_tables import auto, layers, layers_small
from studies.miniature.markdown import NONE, TASK_NAMES, table, tasks_of, under, written
from studies.miniature.noise_table import noise
from studies.miniature.notes import not_run, seeds_in_words
from studies.miniature.plan import ABLATIONS, SENSITIVE

__all__ = ["TABLES"]

MAJORITY = 100 * 279 / 408
"""Of the 408 pairs of MRPC's dev set 279 are paraphrases: the accuracy of who always says so."""

OWN_LOSS = (
    "Losses are those of `minictl measure` or, where it was not asked, the last ones of the runs themselves, which are of the "
    "same relations on the same text."
)


def does_it_help(found: Found) -> str:
    """Question 1."""
    names = {
        "3x192, untrained": "untrained",
        "3x192, distilled, 600 steps": "distilled",
        "3x192, `minilm-v1`, 600 steps": "minilm-v1",
        "3x192, distilled, 8,000 steps": "long",
        "3x384, untrained": "wide-untrained",
        "3x384, distilled, 600 steps": "wide-distilled",
        "3x384, the teacher's embeddings, undistilled": "wide-embeddings",
        "3x384, the teacher's embeddings, distilled, 600 steps": "wide-embeddings-distilled",
        "3x384, the teacher's first layers, undistilled": "wide-truncated",
        "3x384, the teacher's first layers, distilled, 600 steps": "wide-truncated-distilled",
        "3x384, the teacher's first layers, distilled, 600 steps at 2·10⁻⁴": "wide-truncated-low-rate",
    }
    rows = [["always the most frequent answer", NONE, NONE, NONE, "0.0", f"{MAJORITY:.1f}", "0.0", "0.0"]]
    numbers: list[Spread | None] = []
    by_themselves = ""
    for words, model in names.items():
        tokens = found.tokens(model)
        size = "wide" if model.startswith("wide") else "small"
        loss, share = found.yardstick(size, model, "loss"), found.yardstick(size, model, "share")
        if loss is None and (loss := found.own_measure(model)):
            by_themselves = OWN_LOSS
            untrained = found.curve("distilled" if size == "small" else "wide-distilled")
            share = loss.of(untrained[0].losses["loss"]) if untrained else None
        trained = NONE if tokens is None else f"{tokens / 1e6:.2f} M" if tokens else "0"
        rows.append([words, trained, written(loss, 3), written(share, 3), *tasks_of(found, model)])
        numbers += [loss, *(found.score(task, model) for task in METRICS)]
    rows.append(["the teacher, 6x384", NONE, "0", "0", *tasks_of(found, "teacher")])
    numbers += [found.score(task, "teacher") for task in METRICS]
    head = [
        "student",
        "tokens",
        "relation loss, held out",
        "of untrained",
        *TASK_NAMES.values(),
        "mean of STS-B and CoLA",
    ]
    notes = (seeds_in_words(numbers), by_themselves, not_run(found, {**names, "the teacher": "teacher"}))
    return under(table(head, rows), *notes)


def gently(found: Found) -> str:
    """Question 1, fine-tuned at a quarter of the rate."""
    names = {"undistilled": "wide-truncated", "distilled, 600 steps": "wide-truncated-distilled"}
    scores = {
        words: [found.score("stsb", model), found.score("stsb", f"{model}-gently")] for words, model in names.items()
    }
    rows = [[words, *map(written, spreads)] for words, spreads in scores.items()]
    numbers = [spread for spreads in scores.values() for spread in spreads]
    head = ["3x384, the teacher's first layers", "STS-B, fine-tuned at 2·10⁻⁴", "at 5·10⁻⁵"]
    return under(table(head, rows), seeds_in_words(numbers))


def ablation(found: Found) -> str:
    """Question 3, Table 7 of the paper."""
    names = {
        "qq, kk, vv": "distilled",
        **{name.replace("-", " ").replace("qk vv", "qk, vv"): name for name in ABLATIONS},
    }
    rows = []
    numbers: list[Spread | None] = []
    wides = {model: "wide-truncated-distilled" if model == "distilled" else f"wide-{model}" for model in names.values()}
    for words, model in names.items():
        losses = [found.yardstick("small", model, key) for key in ("loss", "qq", "kk", "vv")]
        losses.append(found.yardstick("wide", wides[model], "loss"))
        rows.append([words, *(written(loss, 3) for loss in losses), *tasks_of(found, wides[model], SENSITIVE)])
        numbers += [*losses, *(found.score(task, wides[model]) for task in SENSITIVE)]
    head = [
        "trained on", "3x192: loss of qq, kk and vv", "qq", "kk", "vv", "3x384: loss of qq, kk and vv",
        *(TASK_NAMES[task] for task in SENSITIVE), "mean",
    ]  # fmt: skip
    small = {f"3x192 {words}": model for words, model in names.items()}
    large = {f"3x384 {words}": wides[model] for words, model in names.items()}
    unmeasured = [
        size for size, kind in (("3x192", "small"), ("3x384", "wide")) if not found.results.of(f"yardstick-{kind}-s0")
    ]
    measured_by = f"Losses not measured yet: {', '.join(unmeasured)}." if unmeasured else ""
    return under(table(head, rows), seeds_in_words(numbers), measured_by, not_run(found, small | large))


def heads(found: Found) -> str:
    """Question 3, Table 8 of the paper, and nine relations."""
    names = {
        "6 relation heads": "heads-6", "12 relation heads": "heads-12", "24 relation heads": "heads-24",
        "48 relation heads": "distilled", "nine relations, 48 relation heads": "nine-relations",
    }  # fmt: skip
    rows, numbers = [], []
    for words, model in names.items():
        spreads = [*(found.ends(model) or (None, None, None)), found.yardstick("heads", model, "loss")]
        rows.append([words, *(written(spread, 3) for spread in spreads)])
        numbers += spreads
    head = ["trained on", "its own loss at the start", "at the end", "kept", "qq, kk and vv by 48 relation heads"]
    made = table(head, rows)
    return under(made, seeds_in_words(numbers), not_run(found, names))


def reference(found: Found) -> str:
    """Question 5."""
    curve = found.curve("long")
    if len(curve) < 2:
        return "Not run."
    names = [name for name in curve[0].losses if name != "loss"]
    rows = []
    for point in curve:
        kept = [f"{point.losses[name] / curve[0].losses[name]:.3f}" for name in ["loss", *names]]
        rows.append([f"{point.tokens / 1e6:.2f} M", f"{point.losses['loss']:.3f}", *kept])
    return table(["tokens", "loss", "kept of it", *(name.removeprefix("loss/") for name in names)], rows)


def reference_nine(found: Found) -> str:
    """Question 5, each of the nine relations."""
    curve = found.curve("nine-relations")
    if len(curve) < 2:
        return "Not run."
    start, end = curve[0], curve[-1]
    rows = [
        [name.removeprefix("loss/"), f"{start.losses[name]:.3f}", f"{end.losses[name]:.3f}", f"{end.losses[name] / start.losses[name]:.3f}"]
        for name in start.losses
        if name != "loss"
    ]  # fmt: skip
    return table(["relation", "loss at the start", f"after {end.tokens / 1e6:.2f} M tokens", "kept"], rows)


TABLES: Mapping[str, Callable[[Found], str]] = {
    "noise": noise,
    "does-it-help": does_it_help,
    "gently": gently,
    "layers": layers,
    "layers-small": layers_small,
    "auto": auto,
    "ablation": ablation,
    "heads": heads,
    "languages": losses,
    "retrieval": retrieval,
    "xnli": xnli,
    "reference": reference,
    "reference-nine": reference_nine,
    "budget": budget,
}
