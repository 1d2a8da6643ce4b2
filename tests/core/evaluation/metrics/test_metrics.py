"""Held against scikit-learn and SciPy, whose numbers stand in golden/glue_metrics.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reldistill.evaluation import metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/glue_metrics.json").read_text())


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name} of {case['name']}")
        for name in ("accuracy", "f1", "matthews")
        for case in GOLDEN["classification"]
        if case[name] is not None  # F1 is of two labels
    ],
)
def test_a_metric_of_labels_is_that_of_scikit_learn(name: str, case: dict[str, Any]) -> None:
    found = getattr(metrics, name)(np.array(case["predicted"]), np.array(case["gold"]))
    assert found == pytest.approx(100 * case[name], abs=1e-10)


@pytest.mark.parametrize("case", GOLDEN["correlation"], ids=lambda case: case["name"])
@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_correlation_is_that_of_scipy_and_none_where_scipy_has_none(case: dict[str, Any], name: str) -> None:
    found = getattr(metrics, name)(np.array(case["predicted"]), np.array(case["gold"]))
    assert (found is None) == (case[name] is None)
    if found is not None:
        assert found == pytest.approx(100 * case[name], abs=1e-6)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_prediction_that_is_not_finite_has_no_correlation(name: str) -> None:
    assert getattr(metrics, name)(np.array([0.0, np.nan, 1.0]), np.array([0.0, 1.0, 2.0])) is None


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews", "pearson", "spearman"])
def test_no_rows_have_no_score_and_rows_of_two_numbers_are_refused(name: str) -> None:
    metric = getattr(metrics, name)
    assert metric(np.array([]), np.array([])) is None
    with pytest.raises(ValueError, match="must be"):
        metric(np.array([1, 2]), np.array([1]))


def test_labels_are_compared_by_name_too() -> None:
    assert metrics.accuracy(np.array(["neutral", "entailment"]), np.array(["neutral", "neutral"])) == 50
