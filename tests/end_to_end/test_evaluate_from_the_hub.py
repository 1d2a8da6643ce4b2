"""`minictl eval TASK` without --data-dir: the repositories of GLUE, SQuAD, XNLI and MLQA, in small, on a stub of the Hub.

They are laid out as those on the Hub: Parquet with the labels' names, configurations on the card; MLQA by a script that is
not run, and its rows as Parquet on the branch where the Hub keeps such copies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf

from hub_stub import HubStub
from tiny_models import SENTENCES, make_teacher

pytestmark = pytest.mark.slow

MINICTL = Path(sys.executable).with_name("minictl")
SMALL = ("--learning-rates", "1e-3", "--epochs", "1", "--seeds", "1", "--max-length", "60", "--precision", "fp32")
NLI = ("entailment", "neutral", "contradiction")
ANSWERS = ListOf({"text": Value("string"), "answer_start": Value("int32")})


def save(folder: Path, card: dict[str, list[str]], rows: dict[str, Dataset]) -> None:
    """Parquet files ``CONFIG/SPLIT-…`` or what the name says, and a card with ``card``: configuration -> splits."""
    for name, table in rows.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(folder / name)
    lines = ["---", "configs:"]
    for config, splits in card.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        lines += [line for s in splits for line in (f"  - split: {s}", f"    path: {config}/{s}-*")]
    if card:
        (folder / "README.md").write_text("\n".join([*lines, "---", ""]))


def pairs(labels: Sequence[str], first: str, second: str, count: int = 9) -> Dataset:
    features = Features({first: Value("string"), second: Value("string"), "label": ClassLabel(names=list(labels))})
    rows = [
        {first: SENTENCES[n], second: SENTENCES[(n * 3) % 10], "label": n % len(labels)} for n in range(count)
    ]  # fmt: skip
    return Dataset.from_list(rows, features=features)


def questions() -> Dataset:
    rows = [
        {
            "id": f"q{n}",
            "context": f"{SENTENCES[n]} It is (lamp {n}).",
            "question": "What is it?",
            "answers": {"text": [f"lamp {n}"], "answer_start": [len(SENTENCES[n]) + 8]},
        }
        for n in range(8)
    ]
    strings = {name: Value("string") for name in ("id", "context", "question")}
    return Dataset.from_list(rows, features=Features({**strings, "answers": ANSWERS}))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStub]:
    root = tmp_path_factory.mktemp("hub") / "datasets"
    glue, end = root / "nyu-mll/glue", "00000-of-00001.parquet"
    rte, mnli = pairs(NLI[:2], "sentence1", "sentence2"), pairs(NLI, "premise", "hypothesis")
    named = rte.cast_column("label", ClassLabel(names=["entailment", "not_entailment"]))
    card = {"rte": ["train", "validation"], "mnli": ["train"]}
    files = {
        f"{config}/{split}-{end}": named if config == "rte" else mnli for config, of in card.items() for split in of
    }
    save(glue, card, files)
    split_names = ("validation", "test")
    xnli = {f"{lang}/{split}-{end}": mnli for lang in ("en", "fr") for split in split_names}
    save(root / "facebook/xnli", {"en": list(split_names), "fr": list(split_names)}, xnli)
    save(root / "rajpurkar/squad", {"plain_text": ["train"]}, {f"plain_text/train-{end}": questions()})
    mlqa = root / "facebook/mlqa"
    mlqa.mkdir(parents=True)
    (mlqa / "mlqa.py").write_text("raise SystemExit('nobody runs this')")
    (mlqa / "README.md").write_text("---\nlanguage: [en, es]\n---\n")
    converted = {
        f"mlqa.{lang}.{lang}/{split}/0000.parquet": questions() for lang in ("en", "es") for split in split_names
    }
    save(root / "facebook/mlqa@refs_convert_parquet", {}, converted)
    with HubStub(root.parent) as stub:
        yield stub


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_teacher(tmp_path_factory.mktemp("models") / "bert", "bert")


def evaluate(hub: HubStub, folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MINICTL, "eval", *map(str, words), *SMALL, "--json"], cwd=folder, text=True, capture_output=True,
        env=hub.environment(folder / "home", XDG_CACHE_HOME=str(folder / "cache"), **environment),
    )  # fmt: skip


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["results"]
    return dict(found)


def test_glue_is_read_by_the_names_of_its_labels_and_again_offline(hub: HubStub, model: Path, tmp_path: Path) -> None:
    done = evaluate(hub, tmp_path, "rte", "--model", model)
    found = result(done)
    assert found["rows"] == {"dev/en": 9, "train/en": 9}
    assert set(found["data"]) == {"nyu-mll/glue:rte/train", "nyu-mll/glue:rte/validation"}
    assert "examples/s" not in done.stderr  # bars are for terminals
    again = result(evaluate(hub, tmp_path, "rte", "--model", model, HF_HUB_OFFLINE="1"))
    assert again["already_there"]


def test_xnli_trains_on_mnli_as_people_wrote_it(hub: HubStub, model: Path, tmp_path: Path) -> None:
    found = result(evaluate(hub, tmp_path, "xnli", "--languages", "en,fr", "--model", model))
    assert found["rows"] == {"dev/en": 9, "dev/fr": 9, "test/en": 9, "test/fr": 9, "train/en": 9}
    assert "nyu-mll/glue:mnli/train" in found["data"]
    assert set(found["scores"]) == {"en", "fr", "mean"}


def test_of_a_repository_that_is_a_script_the_hubs_own_copy_is_read(hub: HubStub, model: Path, tmp_path: Path) -> None:
    found = result(evaluate(hub, tmp_path, "mlqa", "--languages", "en,es", "--model", model))
    assert found["rows"] == {"dev/en": 8, "test/en": 8, "test/es": 8, "train/en": 8}
    assert "facebook/mlqa:mlqa.es.es/test" in found["data"]
    again = result(evaluate(hub, tmp_path, "mlqa", "--languages", "en,es", "--model", model, HF_HUB_OFFLINE="1"))
    assert again["already_there"]


def test_rows_that_cannot_be_reached_are_a_data_error_that_says_how_to_go_on(
    hub: HubStub, model: Path, tmp_path: Path
) -> None:
    done = evaluate(hub, tmp_path, "cola", "--model", model)
    assert done.returncode == 3
    assert "nyu-mll/glue:cola" in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr
