"""The built-in layer strategies. The table of ``paper`` is that of the paper, section 4.1."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reldistill import LayerContext, LayerEvidence, LayerPair, Registry
from reldistill.layers import check_pairs


def chosen(strategy: str, family: str, teacher_layers: int, student_layers: int = 6) -> tuple[list[LayerPair], str]:
    """The pairs, checked as a run checks them, and what was announced."""
    said: list[str] = []
    context = LayerContext(family, teacher_layers, 1024, student_layers, 384, said.append)
    pairs = list(Registry.installed().layer_strategies.get(strategy).thing.pairs(context))
    check_pairs(pairs, context, strategy)
    return pairs, "\n".join(said)


@pytest.mark.parametrize(
    ("family", "depth", "layer"),
    [
        ("bert", 12, 12),
        ("roberta", 12, 12),
        ("xlm-r", 12, 12),
        ("bert", 24, 21),
        ("roberta", 24, 19),
        ("xlm-r", 24, 19),
    ],
)
@pytest.mark.parametrize("student_layers", [6, 12])
def test_paper_takes_the_layers_of_the_papers_table_without_a_word(
    family: str, depth: int, layer: int, student_layers: int
) -> None:
    assert chosen("paper", family, depth, student_layers) == ([LayerPair(layer, student_layers, 1.0)], "")


@pytest.mark.parametrize("depth", [1, 3, 6, 11])
def test_paper_takes_the_last_layer_of_smaller_teachers(depth: int) -> None:
    assert chosen("paper", "bert", depth)[0] == [LayerPair(depth, 6)]


@pytest.mark.parametrize(
    ("family", "depth", "layer"),
    [
        ("bert", 48, 42),
        ("roberta", 48, 38),
        ("xlm-r", 36, 28),  # 28.5, and Python rounds to even
        ("bert", 13, 11),
        ("electra", 24, 21),
        ("camembert", 24, 21),
        ("modernbert", 22, 19),
        ("modernbert", 28, 24),
    ],
)
def test_paper_takes_the_same_fraction_of_other_depths_and_says_so(family: str, depth: int, layer: int) -> None:
    pairs, said = chosen("paper", family, depth)
    assert pairs == [LayerPair(layer, 6)]
    assert said.startswith(f"the paper tries no {family} teacher of {depth} layers: layer {layer} is taken")


@pytest.mark.parametrize("depth", [3, 12, 24])
def test_last_takes_the_teachers_last_layer(depth: int) -> None:
    assert chosen("last", "bert", depth) == ([LayerPair(depth, 6)], "")


@pytest.mark.parametrize(
    ("teacher_layers", "student_layers", "layers"),
    [
        (12, 6, [2, 4, 6, 8, 10, 12]),
        (24, 6, [4, 8, 12, 16, 20, 24]),
        (24, 3, [8, 16, 24]),
        (6, 6, [1, 2, 3, 4, 5, 6]),
        (10, 3, [3, 7, 10]),
        (2, 6, [1, 1, 1, 1, 2, 2]),
    ],
)
def test_uniform_spreads_all_student_layers_over_the_teacher(
    teacher_layers: int, student_layers: int, layers: list[int]
) -> None:
    pairs, _ = chosen("uniform", "bert", teacher_layers, student_layers)
    assert [pair.teacher_layer for pair in pairs] == layers
    assert [pair.student_layer for pair in pairs] == list(range(1, student_layers + 1))


def test_the_weights_of_uniform_add_up_to_one() -> None:
    assert sum(pair.weight for pair in chosen("uniform", "bert", 24, 7)[0]) == pytest.approx(1)


def by_probe(depth: int, alignment: dict[int, tuple[float, ...]], family: str = "bert") -> tuple[int, list[int], str]:
    """The layer that ``auto`` takes of this evidence, the layers that it asked about, and what it said."""
    asked: list[int] = []
    said: list[str] = []

    def probe(layers: Sequence[int]) -> list[LayerEvidence]:
        asked.extend(layers)
        return [LayerEvidence(layer, 2.0, 1.0, alignment.get(layer, (0.1, 0.1))) for layer in layers]

    context = LayerContext(family, depth, 1024, 6, 384, said.append, probe)
    (pair,) = Registry.installed().layer_strategies.get("auto").thing.pairs(context)
    assert pair.student_layer == 6
    return pair.teacher_layer, asked, said[0]


def test_auto_takes_the_layer_whose_student_is_most_aligned() -> None:
    layer, asked, said = by_probe(12, {12: (0.50, 0.52, 0.51), 9: (0.54, 0.56, 0.55)})
    assert (layer, asked) == (9, list(range(1, 13)))
    assert (
        "layer 9. Alignment 0.5500 by layer 9, the best, and 0.5100 by layer 12, the paper's: 0.0400 ± 0.0000" in said
    )


def test_auto_does_not_take_a_layer_that_the_student_is_already() -> None:
    def probe(layers: Sequence[int]) -> list[LayerEvidence]:
        return [
            LayerEvidence(
                layer, 1e-4 if layer == 3 else 2.0, 0.5, {3: (0.9, 0.9), 5: (0.7, 0.7)}.get(layer, (0.1, 0.1))
            )
            for layer in layers
        ]

    context = LayerContext("bert", 6, 384, 3, 384, probe=probe)
    (pair,) = Registry.installed().layer_strategies.get("auto").thing.pairs(context)
    assert pair.teacher_layer == 5


def test_auto_keeps_the_papers_layer_where_another_one_may_be_better_by_chance() -> None:
    layer, _, said = by_probe(12, {12: (0.50, 0.52, 0.51), 9: (0.56, 0.50, 0.51)})
    assert layer == 12
    assert "no more than chance" in said


def test_auto_looks_at_the_upper_half_of_a_deep_teacher_and_knows_the_papers_layer() -> None:
    layer, asked, _ = by_probe(24, {21: (0.5, 0.5)})
    assert (layer, asked) == (21, list(range(13, 25)))
    assert by_probe(24, {19: (0.5, 0.5)}, "xlm-r")[0] == 19


def test_auto_takes_the_papers_layer_where_nothing_may_be_spent_and_says_so() -> None:
    pairs, said = chosen("auto", "bert", 24)
    assert pairs == [LayerPair(21, 6)]
    assert said == "--layers auto: nothing is probed here; layer 21, the paper's choice, stands in"
