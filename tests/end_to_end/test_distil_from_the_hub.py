"""`minictl distill --teacher xlm-r-large --relations qq,kk,vv` as people type it, against a stub of the Hub on loopback.

The stub serves an XLM-R of 24 small layers and a small Wikipedia to the real huggingface_hub and datasets clients.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoModel, AutoTokenizer

from hub_stub import HubStub, child_environment
from reldistill.hub.text_name import WIKIPEDIA_REVISION, XNLI_LANGUAGES
from tiny_models import documents, make_teacher

pytestmark = pytest.mark.slow

MINICTL = Path(sys.executable).with_name("minictl")
COMMAND = ("distill", "--teacher", "xlm-r-large", "--relations", "qq,kk,vv")
SMALL = ("--student", "2x24", "--student-heads", "4", "--batch-size", "8", "--steps", "3", "--max-length", "40")
ARTICLES = 12


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStub]:
    root = tmp_path_factory.mktemp("hub")
    model = root / "models" / "FacebookAI" / "xlm-roberta-large"
    make_teacher(model, "xlm-r", layers=24, hidden_size=64, positions=512)
    make_wikipedia(root / "datasets" / "wikimedia" / "wikipedia")
    with HubStub(root, commits={"wikimedia/wikipedia": WIKIPEDIA_REVISION}) as stub:
        yield stub


def make_wikipedia(folder: Path) -> None:
    """The layout of wikimedia/wikipedia: a configuration a language, sizes on the card."""
    card = ["---", "configs:"]
    for language in XNLI_LANGUAGES:
        name = f"20231101.{language}"
        (folder / name).mkdir(parents=True)
        texts = [f"{language}: {text}" for text in documents(ARTICLES)]
        columns = {"id": [str(k) for k in range(ARTICLES)], "title": texts, "text": texts}
        pq.write_table(pa.table(columns), folder / name / "train-00000-of-00001.parquet")
        card += [f"- config_name: {name}", "  data_files:", "  - split: train", f"    path: {name}/train-*"]
    card.append("dataset_info:")
    for language in XNLI_LANGUAGES:
        card += [f"- config_name: 20231101.{language}", "  splits:", "  - name: train", f"    num_examples: {ARTICLES}"]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))


def run(
    environment: dict[str, str], folder: Path, *options: str, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    environment = environment | {"RELDISTILL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [MINICTL, *COMMAND, *options], env=environment, cwd=folder, capture_output=True, text=True, timeout=timeout
    )


def test_the_command_as_typed_shows_the_papers_plan_and_trains(hub: HubStub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home", RELDISTILL_CACHE=str(tmp_path / "cache"), OMP_NUM_THREADS="1")
    process = subprocess.Popen(
        [MINICTL, *COMMAND], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        metrics, deadline = tmp_path / "runs", time.monotonic() + 240
        while not (
            rows := [line for path in metrics.glob("*/metrics.jsonl") for line in path.read_text().splitlines()]
        ):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, "no step in time"
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in shown
    assert {"loss/qq", "loss/kk", "loss/vv"} <= set(json.loads(rows[0]))
    plan = " ".join(shown.split())
    for expected in (
        "xlm-r-large: xlm-r, 24 layers",
        "6x384: 12 heads, FFN 1536",
        "19 → 6",
        "qq, kk, vv, 64 relation heads",
        "wikimedia/wikipedia",
        "the default for xlm-r",
        "1,000,000 steps × 256 sequences",
        "learning rate 0.0006, warm-up 4,000 steps",
    ):
        assert expected in plan
    assert any(WIKIPEDIA_REVISION in request for request in hub.requests)


def test_a_short_run_ends_with_a_student_and_goes_on_working_offline(hub: HubStub, tmp_path: Path) -> None:
    done = run(hub.environment(tmp_path / "home"), tmp_path, *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    student = tmp_path / result["student"]
    assert AutoModel.from_pretrained(student).config.model_type == "xlm-roberta"
    assert AutoTokenizer.from_pretrained(student)("Salt")["input_ids"]
    assert (tmp_path / "runs" / "latest").resolve() == student.parent.resolve()

    text = tmp_path / "own.txt"
    text.write_text("\n".join(documents(40)))
    offline = hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1")
    cached = run(offline, tmp_path, *SMALL, "--data", str(text))
    assert cached.returncode == 0, cached.stderr


def test_without_a_hub_one_message_says_how_to_go_on(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run(child_environment(endpoint, tmp_path / "home"), tmp_path, timeout=300)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("error:") == 1
    for word in ("FacebookAI/xlm-roberta-large", "out of reach", "--teacher", "--data"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_text_that_cannot_be_reached_is_a_data_error(hub: HubStub, tmp_path: Path) -> None:
    folder = make_teacher(tmp_path / "teacher", "bert", layers=2)
    offline = hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1")
    done = subprocess.run(
        [MINICTL, "distill", "--teacher", folder, *SMALL, "--output", tmp_path / "run"],
        env=offline | {"RELDISTILL_CACHE": str(tmp_path / "cache")}, cwd=tmp_path, capture_output=True, text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 3
    assert "--data" in done.stderr
    assert not (tmp_path / "run").exists()
