"""The tables of question 4, several languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from studies.miniature.found import Found, measured
from studies.miniature.languages import LANGUAGES, UNSEEN
from studies.miniature.markdown import NONE, table

__all__ = ["losses", "retrieval", "xnli"]


STUDENTS = {
    "xlm-untrained": "6x192 untrained",
    "xlm-distilled": "6x192 distilled",
    "xlm-truncated": "6x384 truncated",
    "xlm-truncated-distilled": "6x384 truncated, distilled",
    "xlm-truncated-low-rate": "the same at 2·10⁻⁴",
}


def losses(found: Found) -> str:
    """Question 4, the relation loss: shares of an untrained student's of the same shape."""
    shares = {
        (_student(row["model"]), row["text"].rpartition("/")[2].removesuffix(".txt")): float(row["share"])
        for answer in _answers(found, "languages")
        for row in measured(answer)
    }
    names = {model: words for model, words in STUDENTS.items() if model != "xlm-untrained"}
    return _by_language(shares, names, digits=3)


def retrieval(found: Found) -> str:
    """Question 4, translations that are found among 500, in percent."""
    right = {
        (_student(folder), language): float(value)
        for answer in _answers(found, "retrieval")
        for folder, of_languages in answer["accuracy"].items()
        for language, value in of_languages.items()
    }
    return _by_language(right, {"teacher": "the teacher", **STUDENTS}, digits=1)


def _answers(found: Found, name: str) -> list[Any]:
    files = [found.results.of(f"{name}{students}-s0") for students in ("", "-low-rate")]
    return [file["answer"] for file in files if file]


def _student(folder: str) -> str:
    return "teacher" if folder.startswith("teachers/") else folder.split("/")[1].rpartition("-s")[0]


def _by_language(values: Mapping[tuple[str, str], float], models: Mapping[str, str], digits: int) -> str:
    """A row for each language that has values, and the means of those with text to train on and those without."""
    if not values:
        return "Not run."
    there = [language for language in LANGUAGES if any(of == language for _, of in values)]
    rows = {language + (" (no text)" if language in UNSEEN else ""): [language] for language in there}
    rows["mean, with text"] = [language for language in there if language not in UNSEEN]
    rows["mean, without"] = [language for language in there if language in UNSEEN]
    return table(
        ["language", *models.values()],
        [[words, *(_mean(values, model, chosen, digits) for model in models)] for words, chosen in rows.items()],
    )


def _mean(values: Mapping[tuple[str, str], float], model: str, languages: Sequence[str], digits: int) -> str:
    there = [values[model, language] for language in languages if (model, language) in values]
    return f"{fmean(there):.{digits}f}" if there else NONE


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
