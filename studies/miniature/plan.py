"""All cells of the study, in the order in which the budget is spent on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from studies.miniature.cell import Cell
from studies.miniature.languages import LANGUAGES

__all__ = ["ABLATIONS", "BUDGET_HOURS", "PROBED", "PROBES", "SENSITIVE", "TASKS", "cells", "folder"]

BUDGET_HOURS = 4.0
"""Of this machine, two cores; a cell takes one of them."""

TASKS = ("stsb", "mrpc", "cola")
SENSITIVE = ("stsb", "cola")
"""Those that told students apart in question 1, and so are asked from then on; MRPC stayed at the most frequent answer."""

CONFIGS = "configs"
ENGLISH = "english"
MULTILINGUAL = "multilingual"
PROBES = (75, 150, 300)
"""Steps of the probes; of students that begin as the teacher's layers, up to ``PROBED``."""

PROBED = 150
"""Steps of the probe whose students are fine-tuned, and of that by which ``auto`` decides."""

WIDE = ("--student", "3x384")
LOWER_HALF = ("--student", "6x384", "--init", "truncate")
UNTRAINED = ("--steps", "0", "--warmup", "0")

ABLATIONS = {
    "without-qq": ("--relations", "kk,vv"),
    "without-kk": ("--relations", "qq,vv"),
    "without-vv": ("--relations", "qq,kk"),
    "qk-vv": ("--relations", "qk,vv"),
}


def minictl(*arguments: str) -> tuple[str, ...]:
    """The command of this environment."""
    return (sys.executable, "-m", "reldistill_cli", *arguments)


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """A module of the study itself."""
    return (sys.executable, "-m", f"studies.miniature.{name}", *arguments)


def corpora(language: str, teacher: str) -> Iterator[Cell]:
    """Texts, apart what is trained on and what is not, and corpora of them."""
    yield Cell(f"texts-{language}", module("texts", language), makes=f"texts/{language}")
    for part in (language, f"{language}-held-out"):
        yield Cell(
            f"corpus-{part}",
            minictl(
                "data", "build", f"texts/{part}", "--teacher", f"teachers/{teacher}", "--documents", "join",
                "--max-length", "128", "--threads", "1", "--output", f"corpora/{part}", "--json",
            ),
            needs=(f"texts-{language}",),
            makes=f"corpora/{part}/manifest.json",
        )  # fmt: skip


def student(name: str, *options: str, seed: int = 0, config: str = ENGLISH) -> Cell:
    """A student of ``minictl distill``."""
    cell = f"{name}-s{seed}"
    return Cell(
        f"student-{cell}",
        minictl("distill", "--config", f"{CONFIGS}/{config}.toml", *options, "--seed", str(seed), "--output", f"runs/{cell}", "--json"),
        needs=(f"corpus-{config}", f"corpus-{config}-held-out"),
        curve=f"runs/{cell}/metrics.jsonl",
        makes=f"runs/{cell}/student/config.json",
    )  # fmt: skip


def fine_tuned(
    name: str, *, tasks: tuple[str, ...] = TASKS, seed: int = 0, model: str = "", needs: str = ""
) -> Iterator[Cell]:
    """A student on each of the tasks, once; the seed of the fine-tuning is that of the student."""
    cell = f"{name}-s{seed}"
    for task in tasks:
        yield Cell(
            f"{task}-{cell}",
            evaluated(task, model or f"runs/{cell}/student", str(seed), f"eval/{cell}"),
            needs=(needs or f"student-{cell}",),
        )


def again(seed: int, *names: str) -> Iterator[Cell]:
    """The same students fine-tuned from two more seeds: what chance does to a score besides the rows of the dev set."""
    for task in SENSITIVE:
        for name in names:
            model, seeds = f"runs/{name}-s{seed}/student", f"{seed + 1},{seed + 2}"
            command = evaluated(task, model, seeds, f"eval/{name}-again-s{seed}")
            yield Cell(f"{task}-{name}-again-s{seed}", command, needs=(f"student-{name}-s{seed}",))


def gently(seed: int, *names: str) -> Iterator[Cell]:
    """Students fine-tuned at the rate of models that are trained already, from three seeds."""
    for name in names:
        model, seeds = f"runs/{name}-s{seed}/student", ",".join(str(seed + more) for more in range(3))
        command = evaluated("stsb", model, seeds, f"eval/{name}-gently-s{seed}", rate="5e-5")
        yield Cell(f"stsb-{name}-gently-s{seed}", command, needs=(f"student-{name}-s{seed}",))


def evaluated(task: str, model: str, seeds: str, output: str, rate: str = "2e-4") -> tuple[str, ...]:
    """``minictl eval`` of a task of GLUE."""
    return minictl(
        "eval", task, "--model", model, "--data-dir", "data/glue", "--learning-rates", rate, "--epochs", "3", "--batch-size", "32",
        "--device", "cpu", "--seeds", seeds, "--output", output, "--json",
    )  # fmt: skip


def with_tasks(name: str, *options: str, tasks: tuple[str, ...] = TASKS, seed: int = 0) -> Iterator[Cell]:
    """A student, and what it scores."""
    yield student(name, *options, seed=seed)
    yield from fine_tuned(name, tasks=tasks, seed=seed)


LONG = student("long", "--steps", "8000", "--warmup", "800", "--validate-every", "1000")
"""Goes first: it takes more than an hour, beside which the others find place."""


def does_it_help(seed: int) -> Iterator[Cell]:
    """Question 1, from a random start: distilled, untrained, and taught as MiniLM had it."""
    yield from with_tasks("distilled", seed=seed)
    yield from with_tasks("untrained", *UNTRAINED, seed=seed)
    yield from with_tasks("minilm-v1", "--preset", "minilm-v1", seed=seed)


def wide(seed: int) -> Iterator[Cell]:
    """Question 1, at the teacher's width, where a student can begin as a part of the teacher."""
    yield from with_tasks("wide-truncated", *WIDE, "--init", "truncate", *UNTRAINED, seed=seed)
    yield from with_tasks("wide-truncated-distilled", *WIDE, "--init", "truncate", seed=seed)


def wide_at_random(seed: int) -> Iterator[Cell]:
    """Question 1: what width alone brings."""
    yield from with_tasks("wide-distilled", *WIDE, seed=seed)
    yield from with_tasks("wide-untrained", *WIDE, *UNTRAINED, seed=seed)


def wide_embeddings(seed: int) -> Iterator[Cell]:
    """Question 1: whether it is the embeddings, or the layers, that a student of little text lacks."""
    yield from with_tasks("wide-embeddings", *WIDE, "--init", "embeddings", *UNTRAINED, seed=seed)
    yield from with_tasks("wide-embeddings-distilled", *WIDE, "--init", "embeddings", seed=seed)


def teacher() -> Iterator[Cell]:
    """What the teacher itself scores, in the same epochs, at a learning rate for a model that is trained already."""
    for task in TASKS:
        yield Cell(f"{task}-teacher-s0", evaluated(task, "teachers/bert-6x384", "0", "eval/teacher", rate="5e-5"))


def ablation(seed: int) -> Iterator[Cell]:
    """Question 3, Table 7 of the paper, from a random start: by the loss alone."""
    for name, options in ABLATIONS.items():
        yield student(name, *options, seed=seed)


def wide_ablation(seed: int) -> Iterator[Cell]:
    """Question 3 by tasks: of students that begin as a part of the teacher, which this budget brings far enough."""
    for name, options in ABLATIONS.items():
        yield from with_tasks(f"wide-{name}", *WIDE, "--init", "truncate", *options, tasks=SENSITIVE, seed=seed)


def heads_and_relations(seed: int) -> Iterator[Cell]:
    """Table 8 of the paper, without its 48, which all others have; and all nine relations."""
    for heads in (6, 12, 24):
        yield student(f"heads-{heads}", "--relation-heads", str(heads), seed=seed)
    yield student("nine-relations", "--relations", "qq,qk,qv,kq,kk,kv,vq,vk,vv", seed=seed)


def multilingual(seed: int) -> Iterator[Cell]:
    """Question 4: students of XLM-R, one from a random start, one that begins as the lower half of the teacher."""
    students = {
        "xlm-untrained": UNTRAINED,
        "xlm-distilled": (),
        "xlm-truncated": (*LOWER_HALF, *UNTRAINED),
        "xlm-truncated-distilled": LOWER_HALF,
    }
    for name, options in students.items():
        yield student(name, *options, seed=seed, config=MULTILINGUAL)
    yield from by_language("", list(students), seed, "teachers/xlmr-12x384")


def by_language(name: str, students: list[str], seed: int, *others: str) -> Iterator[Cell]:
    """Question 4: students by each language; ``others`` too are asked for translations."""
    folders = [f"runs/{student}-s{seed}/student" for student in students]
    made = tuple(f"student-{student}-s{seed}" for student in students)
    texts = [text for language in LANGUAGES for text in ("--data", f"texts/ntrex/{language}.txt")]
    yield Cell(
        f"languages{name}-s{seed}",
        minictl(
            "measure", "--teacher", "teachers/xlmr-12x384", *(o for folder in folders for o in ("--model", folder)), *texts,
            "--relation-heads", "48", "--layers", "last", "--max-length", "128", "--device", "cpu", "--json",
        ),
        needs=(*made, f"texts-{MULTILINGUAL}"),
    )  # fmt: skip
    yield Cell(f"retrieval{name}-s{seed}", module("retrieval", *others, *folders, "--max-length", "128"), needs=made)


def low_rate(seed: int) -> Iterator[Cell]:
    """Questions 1 and 4: students that begin as the teacher's layers, at a tenth of the rate, which may keep what they know."""
    slowly = ("--learning-rate", "2e-4")
    yield student("xlm-truncated-low-rate", *LOWER_HALF, *slowly, seed=seed, config=MULTILINGUAL)
    yield from by_language("-low-rate", ["xlm-truncated-low-rate"], seed)
    yield from with_tasks("wide-truncated-low-rate", *WIDE, "--init", "truncate", *slowly, seed=seed)


def xnli(seed: int) -> Iterator[Cell]:
    """Question 4: what 1,990 training pairs can tell, which is little."""
    yield Cell("texts-xnli", module("texts", "xnli"), makes="texts/xnli")
    for name in ("xlm-truncated", "xlm-truncated-distilled"):
        yield Cell(
            f"xnli-{name}-s{seed}",
            minictl(
                "eval", "xnli", "--model", f"runs/{name}-s{seed}/student", "--data-dir", "texts/xnli", "--learning-rates", "5e-5",
                "--epochs", "3", "--batch-size", "32", "--device", "cpu", "--seeds", str(seed), "--output", f"eval/{name}-s{seed}",
                "--json",
            ),
            needs=(f"student-{name}-s{seed}", "texts-xnli"),
        )  # fmt: skip


def yardstick(seed: int, size: str) -> Iterator[Cell]:
    """Questions 1 and 3: English students of one kind by one measure, whatever they were trained for."""
    wide = (
        "untrained",
        "distilled",
        "embeddings",
        "embeddings-distilled",
        "truncated",
        "truncated-distilled",
        *ABLATIONS,
    )
    students = {
        "small": ["untrained", "distilled", "minilm-v1", *ABLATIONS],
        "wide": [f"wide-{name}" for name in wide],
        "heads": ["heads-6", "heads-12", "heads-24", "distilled", "nine-relations"],
    }[size]
    yield Cell(
        f"yardstick-{size}-s{seed}",
        minictl(
            "measure", "--teacher", "teachers/bert-6x384",
            *(o for name in students for o in ("--model", f"runs/{name}-s{seed}/student")),
            "--data", "corpora/english-held-out", "--relations", "qq,kk,vv", "--relation-heads", "48", "--layers", "last",
            "--max-length", "128", "--sequences", "0", "--device", "cpu", "--json",
        ),
        needs=tuple(f"student-{name}-s{seed}" for name in students),
    )  # fmt: skip


def layers(seed: int) -> Iterator[Cell]:
    """Question 2: all layers on one pass of the teacher, for several lengths, and what the students of one of them score."""
    from_layers = (*WIDE, "--init", "truncate")
    for steps in PROBES:
        if steps <= PROBED:
            kept = f"layers/{steps}-s{seed}" if steps == PROBED else ""
            yield probe(f"layers-{steps}", *from_layers, "--probe-steps", str(steps), seed=seed, kept=kept)
    yield probe(f"one-layer-{PROBED}", *from_layers, "--probe-steps", str(PROBED), "--candidates", "6", seed=seed)
    for layer in range(1, 7):
        folder, made_by = f"layers/{PROBED}-s{seed}/layer-{layer:02}", f"layers-{PROBED}-s{seed}"
        yield from fine_tuned(f"layer-{layer}", tasks=("stsb",), seed=seed, model=folder, needs=made_by)


def layers_small(seed: int) -> Iterator[Cell]:
    """Question 2, of students from a random start."""
    for steps in PROBES:
        yield probe(f"layers-small-{steps}", "--probe-steps", str(steps), seed=seed)
    yield probe(f"one-layer-small-{PROBED}", "--probe-steps", str(PROBED), "--candidates", "6", seed=seed)


def probe(name: str, *options: str, seed: int, kept: str = "") -> Cell:
    """``kept``: where the students of it go."""
    students = ("--students", kept) if kept else ()
    return Cell(
        f"{name}-s{seed}",
        minictl("probe", "--config", f"{CONFIGS}/{ENGLISH}.toml", *options, "--seed", str(seed), *students, "--json"),
        needs=(f"corpus-{ENGLISH}", f"corpus-{ENGLISH}-held-out"),
        makes=kept,
    )


def auto(seed: int) -> Iterator[Cell]:
    """Question 2: the whole run by the layer that a probe of its own picks, beside the one by ``last`` of question 1."""
    options = ("--init", "truncate", "--layers", "auto", "--probe-steps", str(PROBED))
    yield from with_tasks("wide-auto", *WIDE, *options, tasks=SENSITIVE, seed=seed)


def cells() -> list[Cell]:
    """First what each question needs at least, then more seeds."""
    plan = [
        *corpora(ENGLISH, "bert-6x384"),
        LONG,
        *does_it_help(0),
        *wide(0),
        *wide_at_random(0),
        *fine_tuned("long"),
        *layers(0),
        *ablation(0),
        *corpora(MULTILINGUAL, "xlmr-12x384"),
        *multilingual(0),
        *low_rate(0),
        *wide_ablation(0),
        *wide_embeddings(0),
        *auto(0),
        *yardstick(0, "wide"),
        *yardstick(0, "small"),
        *again(0, "wide-truncated-distilled", "wide-auto", "wide-truncated", *(f"wide-{name}" for name in ABLATIONS)),
        *again(0, "wide-distilled", "wide-untrained", "wide-embeddings-distilled"),
        *gently(0, "wide-truncated", "wide-truncated-distilled"),
        *xnli(0),
        *again(0, "distilled", "untrained"),
        *heads_and_relations(0),
        *yardstick(0, "heads"),
        *layers_small(0),
        *teacher(),
        *ablation(1),
    ]
    names = [cell.name for cell in plan]
    assert len(set(names)) == len(names), "two cells of one name"
    return plan


def folder() -> Path:
    """Where the study lies."""
    return Path(__file__).parent
