"""Runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reldistill import UsageError
from reldistill.report import Comparison, compare_runs, read_run, write_comparison
from reldistill.report.chart import HEIGHT, WIDTH
from written_runs import ReadPage, trained, validated, write_run


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    """``long`` logged steps 10, 20, 30, ``short`` 10, 15, 20, and validated at 0 and 20; ``long`` at 0, 10 and 30."""
    long = [validated(0, 4), trained(10, 3), validated(10, 3.5), trained(20, 2), trained(30, 1), validated(30, 1.5)]
    short = [validated(0, 4), trained(10, 2.9), trained(15, 2.5), trained(20, 2.25), validated(20, 2.5)]
    folders = [
        write_run(tmp_path / "long", long, seed=0, micro_batch_tokens=64),
        write_run(tmp_path / "short", short, seed=1, steps=20),
    ]
    return compare_runs([read_run(folder) for folder in folders])


def test_the_options_that_differ_are_those(compared: Comparison) -> None:
    assert compared.names == ("long", "short")
    assert compared.differing == {"steps": (100, 20), "seed": (0, 1), "micro_batch_tokens": (64, None)}
    assert compared.notes == []


def test_losses_are_taken_at_the_last_step_that_all_have(compared: Comparison) -> None:
    assert compared.common_step == 20
    assert [row["loss"] for row in compared.at_common_step] == [2, 2.25]
    assert compared.common_validation == 0
    assert [row["validation/loss"] for row in compared.at_common_validation] == [4, 4]


def test_json_has_each_run_by_its_name(compared: Comparison) -> None:
    found = compared.describe()
    assert found["differing"]["seed"] == {"long": 0, "short": 1}
    assert found["runs"]["long"]["last_step"]["loss"] == 1
    assert found["at_common_step"]["short"]["loss/qq"] == 0.75


def test_runs_without_a_common_step_are_compared_all_the_same(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "one", [trained(1)]), write_run(tmp_path / "two", [trained(2)])
    compared = compare_runs([read_run(one), read_run(two)])
    assert compared.common_step is None
    assert compared.at_common_step == ({}, {})
    assert compared.differing == {}
    assert "None." in ReadPage(write_comparison(compared, tmp_path / "both.html").read_text()).texts


@pytest.mark.parametrize("option", ["teacher", "relations", "relation_heads", "layers"])
def test_losses_of_different_things_are_said_to_be_such(tmp_path: Path, option: str) -> None:
    options: list[dict[str, Any]] = [{option: "one"}, {option: "two"}]
    folders = [write_run(tmp_path / str(number), **given) for number, given in enumerate(options)]
    (note,) = compare_runs([read_run(folder) for folder in folders]).notes
    assert note.startswith(f"{option} differs: the losses are of different things")


def test_different_held_out_texts_are_said_to_be_such(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, validation=[name]) for name in ("one", "two")]
    (note,) = compare_runs([read_run(folder) for folder in folders]).notes
    assert "different texts" in note


def test_runs_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / place / "run") for place in ("here", "there")]
    assert compare_runs([read_run(folder) for folder in folders]).names == tuple(map(str, folders))


def test_one_run_is_no_comparison_and_none_is_given_twice(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    with pytest.raises(UsageError, match="two runs or more"):
        compare_runs([run])
    (tmp_path / "link").symlink_to("run")
    with pytest.raises(UsageError, match="is given twice"):
        compare_runs([run, read_run(tmp_path / "link")])


def test_the_page_shows_the_curves_of_all_over_each_other(compared: Comparison, tmp_path: Path) -> None:
    page = ReadPage(write_comparison(compared, tmp_path / "both.html").read_text())
    for said in (
        "Loss",
        "Loss on held-out text",
        "Loss of qq",
        "Loss of kk",
        "long: 1",
        "short: 2.25",
        "2.25 at step 20",
    ):
        assert said in page.texts
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) == 2 * 7
    assert len({line["class"] for line in page.of("polyline") if "broken" not in line["class"]}) == 2
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in page.places())
    assert not any("//" in value for _, attributes in page.elements for value in attributes.values())
