"""The tables of question 2, which layer of the teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from studies.miniature.found import Found, Spread
from studies.miniature.markdown import NONE, TASK_NAMES, table, tasks_of, under, written
from studies.miniature.notes import seeds_in_words
from studies.miniature.plan import PROBED, PROBES, SENSITIVE
from studies.miniature.rank_correlation import rank_correlation

from reldistill import LayerContext, LayerEvidence
from reldistill_plugins.layers import Auto

__all__ = ["auto", "choice", "evidence", "layers", "layers_small", "probes_of"]

LAYERS = range(1, 7)
LAST = "wide-truncated-distilled"
TASK = "stsb"
"""What the students of a probe are fine-tuned on."""


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
        head.append(f"{steps_in_words(PROBED)}: {TASK_NAMES[TASK]}")
    rows = []
    for layer in LAYERS:
        row = [str(layer)]
        for seen in probes.values():
            one = seen[layer - 1]
            row += [NONE if _rose(one) else f"{_loss_kept(one):.3f}", f"{one.mean_alignment:.3f}"]
        rows.append(row + ([written(found.score(TASK, f"layer-{layer}"))] if with_tasks else []))
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
    said += _price(found, name)
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
    scores = [score.mean for layer in LAYERS if (score := found.score(TASK, f"layer-{layer}"))]
    if PROBED not in probes or len(scores) != len(LAYERS):
        return []
    rank = rank_correlation([_alignment(one) for one in probes[PROBED]], scores)
    return [
        f"Ranks of alignment against those of {TASK_NAMES[TASK]}: {rank:.2f}. Alignment was taken for the measure when scores on "
        f"{TASK_NAMES[TASK]} had been seen, which is no independent test of it.",
    ]


def _price(found: Found, name: str) -> list[str]:
    six, one = (found.results.of(f"{cell}-{PROBED}-s0") for cell in (name, name.replace("layers", "one-layer")))
    if six is None or one is None:
        return []
    all_of_them, alone = six["answer"]["seconds"], one["answer"]["seconds"]
    return [
        f"A probe of {PROBED} steps took {all_of_them:,.0f} s for six layers and {alone:,.0f} s for one: "
        f"{all_of_them / alone:.1f} times, where six runs would take 6."
    ]


def auto(found: Found) -> str:
    """Question 2, whole runs by the layer that a probe picks and by the last one."""
    rows = []
    numbers: list[Spread | None] = []
    for words, model in {"`last` (and `paper`)": LAST, "`auto`": "wide-auto"}.items():
        layer = found.layer(model)
        rows.append([words, str(layer) if layer else NONE, *tasks_of(found, model, SENSITIVE)])
        numbers += [found.score(task, model) for task in SENSITIVE]
    head = ["layer by", "layer", *(TASK_NAMES[task] for task in SENSITIVE), "mean"]
    probe, run = found.results.of(f"layers-{PROBED}-s0"), found.results.of(f"student-{LAST}-s0")
    price = (
        f"A probe of {PROBED} steps takes {probe['seconds']:,.0f} s, a run {run['seconds']:,.0f} s."
        if probe and run
        else ""
    )
    return under(table(head, rows), seeds_in_words(numbers), price)
