"""`minictl distill` asked to stop by signals, and the same command again."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import MakeTeacher
from minictl_process import wait_for_step
from tiny_models import write_text

pytestmark = pytest.mark.slow

MINICTL = Path(sys.executable).with_name("minictl")
STEPS = 150


@pytest.fixture(scope="module")
def command(teacher: MakeTeacher, text: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Some seconds of training, and validations that take a while, too."""
    held_out = write_text(tmp_path_factory.mktemp("held-out") / "held-out.txt", 200)
    options = {
        "teacher": teacher("bert", layers=3), "data": text, "validation": held_out, "validate-every": 50, "student": "2x12",
        "student-heads": 3, "max-length": 40, "batch-size": 16, "steps": STEPS, "log-every": 1, "precision": "fp32",
        "micro-batch-tokens": 100, "output": "run",
    }  # fmt: skip
    return [str(MINICTL), "distill", *(str(word) for name, value in options.items() for word in (f"--{name}", value))]


@contextmanager
def started(
    command: list[str], here: Path, before: Callable[[], None] | None = None
) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def finish(command: list[str], here: Path) -> tuple[str, bytes]:
    with started([*command, "--json"], here) as process:
        output, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    return said, (here / json.loads(output)["student"] / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def expected(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The student of a run that nobody interrupted."""
    return finish(command, tmp_path_factory.mktemp("alone"))[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)], ids=lambda value: str(value)
)
def test_a_signal_saves_and_the_same_command_goes_on_to_the_same_student(
    command: list[str], expected: bytes, here: Path, number: signal.Signals, code: int
) -> None:
    with started(command, here) as process:
        wait_for_step(process, here / "run/metrics.jsonl", 20)
        process.send_signal(number)
        output, said = process.communicate(timeout=300)
    assert process.returncode == code
    assert output == ""
    assert "Traceback" not in said
    assert "which is saved. The same command goes on from there." in said
    assert list((here / "run/checkpoints").iterdir())
    said, student = finish(command, here)
    assert "going on from the checkpoint of step" in said
    assert student == expected


def test_a_signal_before_the_training_ends_it_without_a_trace(command: list[str], here: Path) -> None:
    for delay in (0.7, 1.5, 3.0):
        with started(command, here) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=300)
        assert process.returncode in (75, -signal.SIGTERM), (
            said
        )  # before the first line of the program there is no handler
        assert "Traceback" not in said
        if (here / "run").exists():
            break
        assert process.returncode != 75 or "before anything new was trained" in said


def test_a_second_signal_ends_at_once_and_what_was_saved_before_stays(
    command: list[str], expected: bytes, here: Path
) -> None:
    with started([*command, "--checkpoint-every", "5"], here) as process:
        wait_for_step(process, here / "run/metrics.jsonl", 20)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert process.returncode in (-signal.SIGTERM, 75)
    assert finish([*command, "--checkpoint-every", "5"], here)[1] == expected


def test_a_full_disk_is_one_message_and_the_same_command_goes_on(
    command: list[str], expected: bytes, here: Path
) -> None:
    limit = 20_000  # bytes of a file: room for some rows, none for a student

    def before() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    finish([*command, "--steps", "1", "--output", "warm-up"], here)  # the corpus is in the cache
    with started([*command, "--checkpoint-every", "5"], here, before) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert said.count("error:") == 1
    assert "File too large" in said
    assert "Traceback" not in said
    assert finish([*command, "--checkpoint-every", "5"], here)[1] == expected
