from __future__ import annotations

from reldistill.evaluation.cells import Cell, CellResult
from reldistill.evaluation.choice import choose, statistics_of


def result(rate: float, epochs: int, seed: int, selection: float | None, **scores: float | None) -> CellResult:
    return CellResult(
        Cell(rate, epochs, seed), selection, {n: {"accuracy": v} for n, v in scores.items()}, 1, (0.5,), 1.0
    )


def test_the_setting_with_the_best_median_over_seeds_is_chosen_not_the_one_with_the_best_run() -> None:
    lucky = [result(1e-5, 3, seed, value) for seed, value in enumerate((99.0, 50.0, 51.0))]
    steady = [result(2e-5, 3, seed, value) for seed, value in enumerate((70.0, 71.0, 72.0))]
    assert choose([*lucky, *steady]) == steady


def test_of_equals_the_smaller_learning_rate_and_fewer_epochs_are_chosen() -> None:
    found = [result(rate, epochs, 1, 80.0) for rate in (5e-5, 1e-5) for epochs in (10, 3)]
    assert choose(found)[0].cell == Cell(1e-5, 3, 1)


def test_a_run_without_a_score_is_the_worst_and_chosen_only_where_there_is_no_other() -> None:
    assert choose([result(1e-5, 3, 1, None), result(5e-5, 3, 1, -10.0)])[0].cell.learning_rate == 5e-5
    assert choose([result(1e-5, 3, 1, None)])[0].selection is None


def test_seeds_have_a_median_a_mean_and_a_spread_and_the_mean_over_languages_is_of_each_seed() -> None:
    chosen = [result(1e-5, 3, 1, 0.0, en=80.0, de=60.0), result(1e-5, 3, 2, 0.0, en=83.0, de=70.0)]
    found = statistics_of(chosen, mean_of_all=True)
    assert found["en"]["accuracy"] == {"median": 81.5, "mean": 81.5, "low": 80.0, "high": 83.0, "values": [80.0, 83.0]}
    assert found["mean"]["accuracy"]["values"] == [70.0, 76.5]


def test_a_score_that_is_not_defined_for_a_seed_is_not_defined_for_all_of_them() -> None:
    chosen = [result(1e-5, 3, 1, 0.0, en=80.0, de=None), result(1e-5, 3, 2, 0.0, en=83.0, de=70.0)]
    found = statistics_of(chosen, mean_of_all=True)
    assert found["de"]["accuracy"] == {"median": None, "mean": None, "low": None, "high": None, "values": [None, 70.0]}
    assert found["mean"]["accuracy"]["values"] == [None, 76.5]


def test_a_seed_that_diverged_leaves_the_statistics_undefined_and_the_others_values_there() -> None:
    chosen = [result(1e-5, 3, 1, 80.0, dev=80.0), result(1e-5, 3, 2, None)]
    assert statistics_of(chosen, mean_of_all=False)["dev"]["accuracy"]["values"] == [80.0, None]
    assert statistics_of(chosen, mean_of_all=False)["dev"]["accuracy"]["median"] is None
    assert statistics_of([result(1e-5, 3, 2, None)], mean_of_all=True) == {}
