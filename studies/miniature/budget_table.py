"""What was spent on each question, and what was left out."""

from __future__ import annotations

from studies.miniature.found import METRICS, Found
from studies.miniature.markdown import table
from studies.miniature.plan import BUDGET_HOURS, cells

__all__ = ["budget"]

QUESTIONS = {
    "1 Does it help?": (
        "distilled", "untrained", "minilm-v1", "long", "wide-untrained", "wide-distilled", "wide-embeddings",
        "wide-embeddings-distilled", "wide-truncated", "wide-truncated-distilled", "wide-truncated-low-rate", "teacher",
    ),
    "2 Which layer?": ("layer", "layers", "one", "wide-auto"),
    "3 Which relations?": ("without", "qk", "wide-without", "wide-qk", "heads", "nine", "yardstick"),
    "4 Several languages": ("xlm", "languages", "retrieval", "xnli"),
}  # fmt: skip


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
            bare = cell.rpartition("-s")[0].removeprefix("student-").removesuffix("-again").removesuffix("-gently")
            for task in METRICS:
                bare = bare.removeprefix(f"{task}-")
            if bare == name or (name not in QUESTIONS["1 Does it help?"] and bare.startswith(f"{name}-")):
                return question
    return "texts and corpora"
