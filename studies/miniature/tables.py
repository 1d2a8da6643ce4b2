"""The tables of the study's page, from the committed JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studies.miniature.found import METRICS, Found, Spread, measured
from studies.miniature.languages import LANGUAGES, UNSEEN
from studies.miniature.notes import not_run, seeds_in_words
from studies.miniature.plan import ABLATIONS, BUDGET_HOURS, PROBED, PROBES, SENSITIVE, cells
from studies.miniature.rank_correlation import rank_correlation

from reldistill import LayerContext, LayerEvidence
from reldistill_plugins.layers import Auto

__all__ = ["TABLES", "choice", "evidence", "probes_of"]

NONE = "-"
TASK_NAMES = {"stsb": "STS-B", "mrpc": "MRPC", "cola": "CoLA"}
LAYERS = range(1, 7)
LAYERS_TASK = "stsb"
MAJORITY = 100 * 279 / 408
"""Of the 408 pairs of MRPC's dev set 279 are paraphrases: the accuracy of who always says so."""

QUESTIONS = {
    "1 Does it help?": (
        "distilled", "untrained", "minilm-v1", "long", "wide-untrained", "wide-distilled", "wide-embeddings",
        "wide-embeddings-distilled", "wide-truncated", "wide-truncated-distilled", "teacher",
    ),
    "2 Which layer?": ("layer", "layers", "one", "wide-auto"),
    "3 Which relations?": ("without", "qk", "wide-without", "wide-qk", "heads", "nine", "yardstick"),
    "4 Several languages": ("xlm", "languages", "retrieval", "xnli"),
}  # fmt: skip


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column is words, the others are numbers."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def under(table: str, *notes: str) -> str:
    """The table, and below it what is to be said of it."""
    said = " ".join(filter(None, notes))
    return f"{table}\n\n{said}" if said else table


def written(spread: Spread | None, digits: int = 1) -> str:
    """Or a dash."""
    return spread.written(digits) if spread else NONE


def tasks_of(found: Found, model: str, tasks: Sequence[str] = tuple(METRICS)) -> list[str]:
    """Each task, and the mean."""
    return [*(written(found.score(task, model)) for task in tasks), written(found.mean_score(model, tasks))]


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
    }
    rows = [
        ["always the most frequent answer", NONE, NONE, NONE, "0.0", f"{MAJORITY:.1f}", "0.0", f"{MAJORITY / 3:.1f}"]
    ]
    numbers: list[Spread | None] = []
    themselves: set[str] = set()
    for words, model in names.items():
        tokens = found.tokens(model)
        size = "wide" if model.startswith("wide") else "small"
        loss, share = found.yardstick(size, model, "loss"), found.yardstick(size, model, "share")
        if loss is None and (loss := found.own_measure(model)):
            themselves.add(words.partition(",")[0])
            untrained = found.curve("distilled" if size == "small" else "wide-distilled")
            share = loss.of(untrained[0].losses["loss"]) if untrained else None
        trained = NONE if tokens is None else f"{tokens / 1e6:.2f} M" if tokens else "0"
        rows.append([words, trained, written(loss, 3), written(share, 3), *tasks_of(found, model)])
        numbers += [loss, *(found.score(task, model) for task in METRICS)]
    rows.append(["the teacher, 6x384", NONE, "0", "0", *tasks_of(found, "teacher")])
    numbers += [found.score(task, "teacher") for task in METRICS]
    head = ["student", "tokens", "relation loss, held out", "of untrained", *TASK_NAMES.values(), "mean"]
    by_themselves = (
        f"Losses of {' and '.join(sorted(themselves))} are what their own runs measured, on the same text."
        if themselves
        else ""
    )
    notes = (seeds_in_words(numbers), by_themselves, not_run(found, {**names, "the teacher": "teacher"}))
    return under(table(head, rows), *notes)


def evidence(found: Found, name: str) -> list[LayerEvidence]:
    """Of ``minictl probe --json``."""
    result = found.results.of(name)
    return [] if result is None else [LayerEvidence.from_description(row) for row in result["answer"]["layers"]]  # fmt: skip


def probes_of(found: Found, name: str) -> dict[int, list[LayerEvidence]]:
    """Steps -> evidence, of the probes that were run; ``name``: ``layers``."""
    probes = {steps: evidence(found, f"{name}-{steps}-s0") for steps in PROBES}
    return {steps: rows for steps, rows in probes.items() if rows}


def choice(rows: Sequence[LayerEvidence]) -> int:
    """The layer that ``--layers auto`` takes of this evidence."""
    context = LayerContext("bert", len(rows), 384, 3, 384, probe=lambda layers: rows)
    return Auto().pairs(context)[0].teacher_layer


def layers(found: Found) -> str:
    """Question 2, students that begin as the teacher's first layers."""
    return _layers(found, "layers", with_tasks=True)


def layers_small(found: Found) -> str:
    """Question 2, students of 3x192 from a random start."""
    return _layers(found, "layers-small", with_tasks=False)


def _layers(found: Found, name: str, *, with_tasks: bool) -> str:
    probes = probes_of(found, name)
    if not probes:
        return "Not run."
    head = ["layer"]
    for steps in probes:
        head += [f"{steps} steps: loss kept", "alignment"]
    if with_tasks:
        head.append(f"{steps_in_words(PROBED)}: {TASK_NAMES[LAYERS_TASK]}")
    rows = []
    for layer in LAYERS:
        row = [str(layer)]
        for seen in probes.values():
            one = seen[layer - 1]
            row += [NONE if _rose(one) else f"{_loss_kept(one):.3f}", f"{one.mean_alignment:.3f}"]
        rows.append(row + ([written(found.score(LAYERS_TASK, f"layer-{layer}"))] if with_tasks else []))
    said = [table(head, rows), ""]
    longest = max(probes)
    for steps, seen in probes.items():
        words = f"{steps} steps: `auto` takes layer {choice(seen)}, `paper` and `last` layer {len(seen)}."
        if steps != longest:
            pairs = list(zip(seen, probes[longest], strict=True))
            fell = [pair for pair in pairs if not any(_rose(one) for one in pair)]
            by_alignment, by_loss = _ranks(pairs, _alignment), _ranks(fell, _loss_kept)
            words += f" Ranks against {longest} steps: alignment {by_alignment:.2f}, loss kept {by_loss:.2f}."
        said += [words, *(_rise(one) for one in seen if _rose(one))]
    if with_tasks:
        said += _against_the_task(found, probes)
        said += _price(found)
    return "\n".join(said)


def _ranks(pairs: Sequence[tuple[LayerEvidence, LayerEvidence]], key: Callable[[LayerEvidence], float]) -> float:
    return rank_correlation([key(one) for one, _ in pairs], [key(other) for _, other in pairs])


def _rose(one: LayerEvidence) -> bool:
    """As it does where the student begins as the very layer that it is taught by: no share of its start says anything then."""
    return one.loss > one.untrained_loss


def _rise(one: LayerEvidence) -> str:
    return f"The loss of layer {one.teacher_layer} rose, from {one.untrained_loss:.4f} to {one.loss:.4f}; it has no rank of loss kept."


def _alignment(one: LayerEvidence) -> float:
    return one.mean_alignment


def _loss_kept(one: LayerEvidence) -> float:
    return one.loss / one.untrained_loss


def steps_in_words(steps: int) -> str:
    """``300 steps``."""
    return f"{steps} steps"


def _against_the_task(found: Found, probes: Mapping[int, Sequence[LayerEvidence]]) -> list[str]:
    scores = [score.mean for layer in LAYERS if (score := found.score(LAYERS_TASK, f"layer-{layer}"))]
    if PROBED not in probes or len(scores) != len(LAYERS):
        return []
    rank = rank_correlation([_alignment(one) for one in probes[PROBED]], scores)
    return [
        f"Ranks of alignment against those of {TASK_NAMES[LAYERS_TASK]}: {rank:.2f}. Alignment was taken for the measure when "
        "these scores had been seen, which are no independent test of it."
    ]


def _price(found: Found) -> list[str]:
    six, one = (found.results.of(name) for name in ("layers-150-s0", "one-layer-150-s0"))
    if six is None or one is None:
        return []
    all_of_them, alone = six["answer"]["seconds"], one["answer"]["seconds"]
    return [
        f"A probe of 150 steps took {all_of_them:,.0f} s for six layers and {alone:,.0f} s for one: "
        f"{all_of_them / alone:.1f} times, where six runs would take 6."
    ]


def auto(found: Found) -> str:
    """Question 2, whole runs by the layer that a probe picks and by the last one."""
    rows = []
    numbers: list[Spread | None] = []
    for words, model in {"`last` (and `paper`)": "wide-truncated-distilled", "`auto`": "wide-auto"}.items():
        layers = found.layers(model)
        seconds = found.seconds(model)
        rows.append(
            [
                words,
                ", ".join(map(str, layers)) or NONE,
                written(seconds, 0),
                *tasks_of(found, model, SENSITIVE),
            ]
        )
        numbers += [seconds, *(found.score(task, model) for task in SENSITIVE)]
    head = ["layer by", "layer, of each seed", "seconds of the run", *(TASK_NAMES[task] for task in SENSITIVE), "mean"]
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
    ends = {words: found.ends(model) or (None, None, None) for words, model in names.items()}
    rows = [[words, *(written(spread, 3) for spread in spreads)] for words, spreads in ends.items()]
    numbers = [spread for spreads in ends.values() for spread in spreads]
    made = table(["trained on", "loss at the start", "at the end", "kept"], rows)
    return under(made, seeds_in_words(numbers), not_run(found, names))


def languages(found: Found) -> str:
    """Question 4."""
    loss, retrieval = found.results.of("languages-s0"), found.results.of("retrieval-s0")
    students = ("xlm-untrained", "xlm-distilled", "xlm-truncated", "xlm-truncated-distilled")
    shares: dict[tuple[str, str], float] = {}
    for row in measured(loss["answer"]) if loss else []:
        language = row["text"].rpartition("/")[2].removesuffix(".txt")
        shares[row["model"].split("/")[1].rpartition("-s")[0], language] = row["loss"]
    right: dict[tuple[str, str], float] = {}
    for folder, of_languages in (retrieval["answer"]["accuracy"] if retrieval else {}).items():
        model = "teacher" if folder.startswith("teachers/") else folder.split("/")[1].rpartition("-s")[0]
        right |= {(model, language): value for language, value in of_languages.items()}
    if not shares and not right:
        return "Not run."
    rows = []
    for language in LANGUAGES:
        rows.append(
            [
                language + (" (no text)" if language in UNSEEN else ""),
                *(_number(shares.get((model, language)), 3) for model in students),
                *(_number(right.get((model, language)), 1) for model in ("teacher", *students)),
            ]
        )
    for words, chosen in (("mean, with text", set(LANGUAGES) - set(UNSEEN)), ("mean, without", set(UNSEEN))):
        rows.append(
            [
                words,
                *(_mean(shares, model, chosen, 3) for model in students),
                *(_mean(right, model, chosen, 1) for model in ("teacher", *students)),
            ]
        )
    short = {"xlm-untrained": "6x192 untrained", "xlm-distilled": "6x192 distilled", "xlm-truncated": "6x384 truncated",
             "xlm-truncated-distilled": "6x384 truncated, distilled"}  # fmt: skip
    head = ["language", *(f"loss: {short[model]}" for model in students), "found: teacher"]
    return table([*head, *(f"found: {short[model]}" for model in students)], rows)


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _mean(values: Mapping[tuple[str, str], float], model: str, chosen: set[str], digits: int) -> str:
    there = [value for (of, language), value in values.items() if of == model and language in chosen]
    return _number(sum(there) / len(there) if there else None, digits)


def xnli(found: Found) -> str:
    """Question 4, what little there is to train on."""
    rows = []
    for words, model in (
        ("6x384 truncated", "xlm-truncated"),
        ("6x384 truncated, distilled", "xlm-truncated-distilled"),
    ):
        result = found.results.of(f"xnli-{model}-s0")
        if result is not None:
            scores: dict[str, Any] = result["answer"]["results"][0]["scores"]
            values = {name: score["accuracy"]["mean"] for name, score in scores.items()}
            mean = values.pop("mean")
            english = next(value for name, value in values.items() if name.rpartition("/")[2] == "en")
            rows.append([words, f"{english:.1f}", f"{mean:.1f}"])
    return table(["student", "English", f"mean of {len(values)} languages"], rows) if rows else "Not run."


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


def budget(found: Found) -> str:
    """What was done, and what was left out."""
    plan = cells()
    done = [cell for cell in plan if found.results.of(cell.name)]
    hours = dict.fromkeys([*QUESTIONS, "texts and corpora"], 0.0)
    for cell in done:
        result = found.results.of(cell.name)
        assert result is not None, "it is done"
        hours[_question(cell.name)] += result["seconds"] / 3600
    rows = [[question, f"{spent:.2f}"] for question, spent in hours.items()]
    rows.append(["all", f"{sum(hours.values()):.2f} of {2 * BUDGET_HOURS:g}"])
    left = [cell.name for cell in plan if cell not in done]
    said = f"{len(done)} of {len(plan)} cells are done."
    if left:
        said += f" Left out: {', '.join(left)}."
    return table(["question", "core hours"], rows) + f"\n\n{said}"


def _question(cell: str) -> str:
    for question, students in QUESTIONS.items():
        for name in students:
            bare = cell.rpartition("-s")[0].removeprefix("student-")
            for task in METRICS:
                bare = bare.removeprefix(f"{task}-")
            if bare == name or (name not in QUESTIONS["1 Does it help?"] and bare.startswith(f"{name}-")):
                return question
    return "texts and corpora"


TABLES: Mapping[str, Callable[[Found], str]] = {
    "does-it-help": does_it_help,
    "layers": layers,
    "layers-small": layers_small,
    "auto": auto,
    "ablation": ablation,
    "heads": heads,
    "languages": languages,
    "xnli": xnli,
    "reference": reference,
    "reference-nine": reference_nine,
    "budget": budget,
}
