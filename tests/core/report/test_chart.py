"""One chart: where its points lie, and what it says to those who do not see them."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reldistill.report.chart import BOTTOM, COLORS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, figure
from reldistill.report.style import DARK, LIGHT
from written_runs import ReadPage


def drawn(*values: float, scale: str = "auto") -> ReadPage:
    points = [(float(step), value) for step, value in enumerate(values, 1)]
    return ReadPage(figure("it", "Loss", [Line("training", points, 0)], scale=scale))  # type: ignore[arg-type]


def polyline(page: ReadPage) -> list[tuple[float, float]]:
    (found,) = page.of("polyline")
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found["points"].split())]


def test_the_first_and_the_greatest_lie_in_the_corners_of_the_frame() -> None:
    assert polyline(drawn(4, 3, 2)) == [(LEFT, TOP), ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), (RIGHT, BOTTOM)]


def test_equal_ratios_take_equal_room_where_values_span_a_tenfold() -> None:
    page = drawn(100, 10, 1)
    assert polyline(page)[1][1] == (TOP + BOTTOM) / 2
    assert "Loss, logarithmic" in page.texts


@pytest.mark.parametrize("values", [(9, 5, 1), (100, 10, 0), (100, 10, -1)])
def test_the_axis_is_linear_for_small_ratios_and_for_values_that_are_not_positive(values: tuple[float, ...]) -> None:
    assert "Loss" in drawn(*values).texts


def test_an_axis_from_zero_shows_zero() -> None:
    page = drawn(1000, 1010, 1020, scale="from zero")
    assert "0" in page.texts
    assert all(y < TOP + 10 for _, y in polyline(page))


def test_a_line_that_is_interrupted_is_drawn_in_parts_and_says_how_much_is_missing() -> None:
    page = drawn(3, 2, nan, 2, 1, inf, 1)
    assert len(page.of("polyline")) == 2
    assert len(page.of("circle")) == 1
    assert "training: 1 (2 not finite)" in page.texts


def test_without_a_value_the_chart_says_so() -> None:
    for page in (drawn(), drawn(nan, inf)):
        assert page.texts == ["Loss", "No value yet."]
        assert page.of("svg") == []


def test_a_chart_is_an_image_with_a_name_and_a_text() -> None:
    page = drawn(3, 1)
    image = page.of("svg")[0]
    assert image["role"] == "img"
    (title,), (text,) = page.of("title"), page.of("desc")
    assert image["aria-labelledby"].split() == [title["id"], text["id"]]
    assert "training: 3 at step 1, 1 at step 2" in page.texts


def test_lines_of_more_than_there_are_colours_differ_by_their_gaps() -> None:
    lines = [Line(str(number), [(0, 1), (1, number)], number) for number in range(COLORS + 1)]
    styles = [found["class"] for found in ReadPage(figure("it", "Loss", lines)).of("polyline")]
    assert len(set(styles)) == COLORS + 1


def test_the_area_of_a_long_line_reaches_from_its_least_to_its_greatest_value() -> None:
    page = drawn(*(5.0 + step % 2 for step in range(5000)))
    (area,) = page.of("polygon")
    assert {float(pair.split(",")[1]) for pair in area["points"].split()} == {TOP, BOTTOM}


@example([8.89333532253083e-309], "auto")
@example([1e-310, 1e-308], "auto")
@example([0.0], "auto")
@given(st.lists(st.floats() | st.floats(0, 10), min_size=1, max_size=500), st.sampled_from(["auto", "from zero"]))
def test_whatever_is_drawn_lies_inside(values: list[float], scale: str) -> None:
    for x, y in drawn(*values, scale=scale).places():
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


@pytest.mark.parametrize(("colors", "page"), [(LIGHT, "#ffffff"), (DARK, "#13171a")])
def test_the_colours_are_all_there_and_stand_out_from_the_page(colors: tuple[str, ...], page: str) -> None:
    assert len(set(colors)) == COLORS
    for color in colors:
        lighter, darker = sorted((_luminance(color), _luminance(page)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3  # WCAG 2.2, 1.4.11


def _luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
