"""Run folders written by hand, as a run leaves them: rows without training, for what a real run does not show on demand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import tomli_w

CONFIG: dict[str, Any] = {
    "teacher": "bert-base", "student": "2x12", "relations": "qq,kk", "relation_heads": 6, "steps": 100, "seed": 0,
}  # fmt: skip


def trained(step: int, loss: float = 1.0, **others: float) -> dict[str, float]:
    """A row of training with two relations."""
    return {
        "step": step, "loss": loss, "loss/qq": loss / 3, "loss/kk": 2 * loss / 3, "learning_rate": 6e-4, "tokens": 50 * step,
        "tokens_per_second": 1234.5, "grad_norm": 0.5, **others,
    }  # fmt: skip


def validated(step: int, loss: float = 1.0) -> dict[str, float]:
    """A row of a validation with two relations."""
    return {
        "step": step, "validation/loss": loss, "validation/loss/qq": loss / 3, "validation/loss/kk": 2 * loss / 3,
    }  # fmt: skip


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """As MetricsFile does."""
    path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")


def write_run(
    folder: Path,
    rows: Iterable[Mapping[str, Any]] | None = (),
    *,
    student: Mapping[str, Any] | None = None,
    checkpoints: Iterable[str] = (),
    changed: int | None = None,
    **config: Any,
) -> Path:
    """A run folder. ``student``: the plan that stands in it; ``changed``: seconds since 1970 of the last row."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps(CONFIG | config), encoding="utf-8")
    if rows is not None:
        write_rows(folder / "metrics.jsonl", rows)
    if student is not None:
        (folder / "student").mkdir()
        (folder / "student" / "distillation.json").write_text(json.dumps({"identity": "", "plan": dict(student)}))
    for name in checkpoints:
        (folder / "checkpoints" / name).mkdir(parents=True)
    if changed is not None:
        os.utime(folder / "metrics.jsonl", (changed, changed))
    return folder


class ReadPage(HTMLParser):
    """The elements and the text of a page, and whether each element that begins also ends."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, elements apart by a line's end."""
        return "\n".join(self.texts)

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def places(self) -> list[tuple[float, float]]:
        """Each point that a chart draws or writes at."""
        places = []
        for tag, attributes in self.elements:
            if "points" in attributes:
                pairs = (pair.split(",") for pair in attributes["points"].split())
                places += [(float(x), float(y)) for x, y in pairs]
            if tag == "circle":
                places.append((float(attributes["cx"]), float(attributes["cy"])))
            if tag == "text":
                places.append((float(attributes["x"]), float(attributes["y"])))
            if tag == "line" and "grid" in attributes["class"]:
                places += [
                    (float(attributes["x1"]), float(attributes["y1"])),
                    (float(attributes["x2"]), float(attributes["y2"])),
                ]
        return places
