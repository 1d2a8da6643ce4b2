"""Each key on the page of file formats stands in a file that was really written, and each key of that file on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from safetensors.numpy import load_file

from pages_of_docs import DOCS
from reldistill.config import EVAL, resolve_config
from reldistill.evaluation.run import evaluate
from reldistill_loader import tokenize

PAGE = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """What a section's table says of each key."""
    section = re.split(r"\n#+ ", PAGE.partition(f"# {heading}\n")[2])[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))


def keys(value: Any, path: str = "") -> Iterator[str]:
    """The path of each value that holds no other."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from keys(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for below in value:
            yield from keys(below, f"{path}[]")
    else:
        yield path


def hold(heading: str, *contents: Any) -> None:
    """Page and files have the same keys, but for those that the page says are there ``only`` sometimes."""
    told, written = rows(heading), {key for content in contents for key in keys(content)}
    patterns = {key: re.compile(re.sub(r"<\w+>", ".+", re.escape(key))) for key in told}
    for key in written:
        assert any(pattern.fullmatch(key) for pattern in patterns.values()), f"{heading}: {key} is not on the page"
    for key, pattern in patterns.items():
        occasional = told[key].startswith("only ") or "empty" in told[key]
        assert occasional or any(map(pattern.fullmatch, written)), f"{heading}: no file has {key}"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def run(page_folder: Path) -> Path:
    return (page_folder / "runs" / "latest").resolve()


def test_a_corpus(page_folder: Path) -> None:
    broken = page_folder / "broken.jsonl"
    broken.write_text('{"text": "A word."}\n{"text": 7}\n')
    tokenizer = page_folder / "my-bert" / "tokenizer.json"
    tokenize([broken], tokenizer, "second", text_documents="paragraphs", windows="lines", on_error="skip", part=(1, 1))
    folder = next(Path("second").glob("**/manifest.json"))
    hold("manifest.json", read(page_folder / "corpus" / "manifest.json"), read(folder))
    assert {key for key in keys(read(folder)) if key.startswith(("part.", "skipped", "options."))} <= set(
        rows("manifest.json")
    )
    schema = pa.ipc.open_file(pa.memory_map("corpus/shard-00000.arrow")).schema
    assert schema.names == ["input_ids"]
    assert schema.field("input_ids").type.value_type == pa.uint16()


def test_a_run_folder(run: Path) -> None:
    there = {path.name + "/" * path.is_dir() for path in run.iterdir()}
    told = rows("Run folder")
    assert there <= set(told)
    assert {name for name, what in told.items() if not what.startswith("only ")} <= there
    hold("metrics.jsonl", *map(json.loads, (run / "metrics.jsonl").read_text().splitlines()))
    hold("student/distillation.json", read(run / "student" / "distillation.json"))


def test_a_checkpoint(run: Path) -> None:
    (checkpoint,) = sorted((run / "checkpoints").iterdir())[-1:]
    assert {path.name for path in checkpoint.iterdir()} == set(rows("Checkpoint"))
    hold("MANIFEST.json", read(checkpoint / "MANIFEST.json"))
    hold("state.json", read(checkpoint / "state.json"))
    student, optimizer = load_file(checkpoint / "student.safetensors"), load_file(checkpoint / "optimizer.safetensors")
    assert {name.partition("/")[0] for name in optimizer} == {"exp_avg", "exp_avg_sq", "step"}
    assert {name.partition("/")[2] for name in optimizer} <= set(student)
    assert {str(tensor.dtype) for tensor in (*student.values(), *optimizer.values())} == {"float32"}
    assert {str(tensor.dtype) for tensor in load_file(checkpoint / "random.safetensors").values()} == {"uint8"}


def test_a_result(page_folder: Path) -> None:
    evaluate("rte", resolve_config({"model": "my-bert", "quick": True, "output": "found"}, kind=EVAL).config)
    (result,) = page_folder.glob("found/rte-*/result.json")
    hold("result.json", read(result))
