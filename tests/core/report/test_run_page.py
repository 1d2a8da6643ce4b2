"""report.html: complete, self-contained, small, and safe whatever the files hold."""

from __future__ import annotations

import json
import re
from math import exp, nan
from pathlib import Path

import pytest

from reldistill import DataError
from reldistill.report import write_report
from reldistill.report.chart import HEIGHT, WIDTH
from reldistill.report.style import STYLE
from written_runs import ReadPage, trained, validated, write_rows, write_run

NINE = ("qq", "kk", "vv", "qk", "kq", "qv", "vq", "kv", "vk")
ADDRESSES = {"src", "href", "srcset", "data", "action", "poster", "xlink:href", "background", "style"}


def page_of(folder: Path) -> ReadPage:
    return ReadPage(write_report(folder).read_text(encoding="utf-8"))


def check_leads_nowhere(text: str) -> None:
    page = ReadPage(text)
    for tag, attributes in page.elements:
        assert tag not in ("script", "link", "img", "iframe", "object", "a", "base", "use")
        assert not ADDRESSES & set(attributes)
        for value in attributes.values():
            assert "//" not in value
            assert "http:" not in value
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_report_of_a_run_says_where_it_stands(tmp_path: Path) -> None:
    page = page_of(
        write_run(tmp_path / "mine", [validated(0, 3), trained(1, 2), trained(40, 1.25), validated(40, 1.5)])
    )
    assert page.texts.count("mine") == 2  # title and heading
    assert "not finished: step 40 of 100" in page.texts
    assert page.of("progress")[0] | {"value": "40", "max": "100"} == page.of("progress")[0]
    for said in ("2,000", "1.25 at step 40", "1.5 at step 40, 3 at step 0"):
        assert said in page.texts


def test_training_and_held_out_text_are_told_apart_for_the_total_and_each_relation(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [validated(0, 3), trained(1, 3), trained(9, 1.5), validated(9, 1.5)]))
    for said in ("training: 1.5", "held-out text: 1.5", "qq: 0.5", "qq, held-out: 0.5", "kk: 1", "kk, held-out: 1"):
        assert said in page.texts
    broken = [line for line in page.of("polyline") if "broken" in line["class"]]
    assert len(broken) == 3
    assert len(page.of("polyline")) == 2 * 3 + 3


def test_all_series_have_a_chart(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [trained(1), trained(2)]))
    for title in ("Loss", "Loss of each relation", "Learning rate", "Tokens a second", "Norm of the gradient"):
        assert title in page.texts
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) == 10


def test_configuration_and_plan_are_there(tmp_path: Path) -> None:
    plan = {"teacher": "bert-base", "student": "2x12", "layers": [[12, 2, 1.0]], "relations": {"qq": 1.0, "kk": 0.5}}
    page = page_of(write_run(tmp_path / "run", [trained(100)], student=plan, data=["a.txt", "b.txt"], compile=False))
    assert "finished: step 100 of 100" in page.texts
    for said in (
        "relation_heads",
        "6",
        "a.txt, b.txt",
        "no",
        "Student",
        "Plan of the student",
        "[12, 2, 1.0]",
        "qq = 1.0, kk = 0.5",
    ):
        assert said in page.texts


@pytest.mark.parametrize("rows", [None, [], [trained(1)], [validated(0)], [trained(1, nan), trained(2, nan)]])
def test_a_run_with_hardly_a_row_has_a_report(tmp_path: Path, rows: list[dict[str, float]] | None) -> None:
    page = page_of(write_run(tmp_path / "run", rows))
    assert len(page.of("figure")) == 5
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in page.places())


def test_the_report_of_four_hundred_thousand_steps_is_below_300_kB(tmp_path: Path) -> None:
    def losses(step: int) -> dict[str, float]:
        loss = 2 * exp(-step / 9e4) + 0.1 + 0.05 * ((step // 10 * 7919) % 101) / 101
        return {"loss": 9 * loss} | {f"loss/{name}": loss * (1 + 0.01 * n) for n, name in enumerate(NINE)}

    rows = []
    for step in range(10, 400_001, 10):
        found = losses(step)
        rows.append(
            trained(step) | found | {"tokens_per_second": 9e4 - step % 977, "grad_norm": 1 + (step % 1013) / 100}
        )
        rows.append({"step": step, **{f"validation/{name}": 1.1 * loss for name, loss in found.items()}})
    folder = write_run(tmp_path / "run", rows, steps=400_000)
    report = write_report(folder)
    first = report.read_bytes()
    assert len(first) < 300_000
    assert write_report(folder).read_bytes() == first
    page = ReadPage(first.decode())
    assert "400k" in page.texts
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in page.places())
    check_leads_nowhere(first.decode())


def test_what_files_hold_is_text_and_nothing_else(tmp_path: Path) -> None:
    hostile = '<script src="http://example.org/x">\'"&amp;</script>'
    rows = [trained(1) | {f"loss/{hostile}": 1.0}, trained(2) | {f"loss/{hostile}": 2.0}]
    folder = write_run(
        tmp_path / "<b>&run", rows, student={hostile: hostile, "student": hostile}, teacher=hostile, data=[hostile]
    )  # fmt: skip
    text = write_report(folder).read_text(encoding="utf-8")
    check_leads_nowhere(text)
    page = ReadPage(text)
    assert page.of("b") == []
    assert "<b>&run" in page.texts
    assert page.texts.count(hostile) >= 4
    assert any(said.startswith(f"{hostile}: 2") for said in page.texts)


def test_a_name_that_is_no_unicode_is_no_obstacle(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run\udcff", [trained(1) | {"loss/\ud800": 1.0}])
    assert "run?" in page_of(folder).text


def test_the_page_has_a_language_fits_a_phone_and_follows_the_readers_mode(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [trained(1)]))
    assert page.of("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.of("meta"))
    assert "prefers-color-scheme: dark" in STYLE
    assert set(re.findall(r"var\((--[a-z0-9]+)\)", STYLE)) <= set(re.findall(r"(--[a-z0-9]+):", STYLE))
    classes = {name for _, attributes in page.elements for name in attributes.get("class", "").split()}
    assert all(f".{name}" in STYLE for name in classes)


def test_a_report_replaces_an_older_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [trained(1)])
    (folder / "report.html").write_text("old")
    before = {path.name for path in folder.iterdir()}
    write_report(folder)
    assert {path.name for path in folder.iterdir()} == before
    assert "old" not in (folder / "report.html").read_text()


def test_a_report_that_cannot_be_written_leaves_the_older_one_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [trained(1)])
    (folder / "report.html").mkdir()
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(OSError, match=re.escape("report.html")):
        write_report(folder)
    assert {path.name for path in folder.iterdir()} == before


def test_a_broken_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [trained(1)])
    (folder / "metrics.jsonl").write_text("{}\n" + json.dumps(trained(1)) + "\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl:1: the line has no step"):
        write_report(folder)
    write_rows(folder / "metrics.jsonl", [trained(1)])
    assert write_report(folder) == folder / "report.html"
