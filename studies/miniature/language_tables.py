"""The tables of question 4, several languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studies.miniature.found import Found, measured
from studies.miniature.languages import LANGUAGES, UNSEEN
from studies.miniature.markdown import NONE, table

__all__ = ["languages", "xnli"]


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
