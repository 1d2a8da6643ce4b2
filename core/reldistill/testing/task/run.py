"""The real thing, as small as it can be."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.config import EvalConfig
from reldistill.evaluation.run import evaluate
from reldistill.testing.check import ConformanceError, NotApplicable, ask
from reldistill.testing.loading import sole_registry
from reldistill.testing.task.encoding import own_cache
from reldistill.testing.task.rows import languages_there, load
from reldistill.testing.task.tiny import tiny_bert

if TYPE_CHECKING:
    from reldistill.testing.task.rows import Given

__all__ = ["check_run"]

MOST_ROWS = 2_000
"""Of training; more would take minutes."""


def check_run(given: Given) -> None:
    """``minictl eval`` with one learning rate, one epoch and one seed, twice."""
    task = given.task
    languages = languages_there(given)
    if (rows := len(load(given, "train", task.languages[0]))) > MOST_ROWS:
        raise NotApplicable(f"{rows:,} rows are too many for a trial; give a folder with at most {MOST_ROWS:,}")
    with tiny_bert() as model, tempfile.TemporaryDirectory(prefix="reldistill-testing-") as output, own_cache():
        config = EvalConfig(
            model=str(model), data_dir=str(given.folder), learning_rates=(1e-3,), epochs=(1,), seeds=(1,),
            languages=tuple(languages), max_length=min(task.max_length, 64), batch_size=8, precision="fp32", device="cpu",
            output=output,
        )  # fmt: skip
        registry = sole_registry("reldistill_tasks", task)

        def run() -> Any:
            return ask(
                "an evaluation of one epoch",
                lambda: evaluate(task.name, config, registry),
                "a task loads, encodes, trains and scores by its methods alone",
                "Correct what is named; the other checks look at each method by itself.",
            )

        result, again = run(), run()
        scores = result.content["scores"]
        predictions = [file for file in Path(result.file.parent, "predictions").rglob("*") if file.is_file()]
    lacking = [e.name for e in task.evaluations(languages) if task.main_metric not in scores.get(e.name, {})]
    if lacking:
        raise ConformanceError(
            f"the result has no {task.main_metric} of {', '.join(lacking)}",
            "the result has the scores of each evaluation",
            "Let evaluations() and score() agree: each evaluation has the main metric.",
        )
    if not predictions:
        raise ConformanceError(
            "no file of predictions was written",
            "predictions are written beside the result",
            "Return them in predictions().",
        )
    if not again.already_there:
        raise ConformanceError(
            "the same evaluation, asked for again, was done again",
            "what is finished is found by model, rows and options, and not done twice",
            "Let source.used hold the files that rows come from, and nothing that is another in each run.",
        )
