"""The page about evaluation says what the code does, and its figures are those of the committed results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reldistill import Registry
from reldistill.evaluation.result_file import ResultFile, find_results
from reldistill_cli.bench.contest import spread_in_words

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/evaluate.md").read_text(encoding="utf-8")
RESULTS = find_results([ROOT / "benchmarks/results/eval"])


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.task)
def test_a_row_of_the_page_is_that_of_the_committed_result(result: ResultFile) -> None:
    scores = "; ".join(
        f"{metric} {score.median:.1f}" for metrics in result.scores.values() for metric, score in metrics.items()
    )
    chosen = result.selected
    assert f"| `{result.task}` | {chosen['learning_rate']:g}, {chosen['epochs']} | {scores} |" in PAGE


def test_every_task_and_each_of_its_learning_rates_stands_on_the_page() -> None:
    for provided in Registry.installed().tasks:
        if provided.source.builtin:
            assert f"`{provided.name}`" in PAGE
            assert all(f"{rate:g}".replace("e-0", "e-") in PAGE for rate in provided.thing.learning_rates)


def test_the_comparison_with_a_plain_loop_is_what_was_measured() -> None:
    quality, time = (
        json.loads((ROOT / f"benchmarks/results/fine_tuning_mrpc{name}.json").read_text()) for name in ("", "_time")
    )
    for name in ("minictl eval", "plain loop"):
        assert spread_in_words(quality["accuracy"][name]) in PAGE
    assert f"{spread_in_words(time['times faster than the plain loop'], 2)} times" in PAGE
