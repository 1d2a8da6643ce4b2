"""`minictl distill --nproc 2`: started, stopped, killed, and refused like one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import MakeTeacher
from minictl_process import wait_for_step

pytestmark = pytest.mark.slow

MINICTL = Path(sys.executable).with_name("minictl")


@pytest.fixture
def command(teacher: MakeTeacher, text: Path) -> list[str]:
    options = {
        "teacher": teacher("bert", layers=3), "data": text, "student": "2x12", "student-heads": 3, "max-length": 40,
        "batch-size": 16, "steps": 150, "log-every": 1, "precision": "fp32", "micro-batch-tokens": 100, "output": "run",
        "checkpoint-every": 20,
    }  # fmt: skip
    words = (str(word) for name, value in options.items() for word in (f"--{name}", value))
    return ["distill", *words, "--nproc", "2"]


@contextmanager
def started(arguments: list[str], here: Path) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [str(MINICTL), *arguments], cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()  # its processes die with it
        process.wait()


def finish(arguments: list[str], here: Path) -> bytes:
    with started([*arguments, "--json"], here) as process:
        output, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    student: str = json.loads(output)["student"]
    return (here / student / "model.safetensors").read_bytes()


def workers(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [pid for pid in map(int, children) if b"reldistill_cli" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a system that tells the children of a process")
def test_stopped_by_a_signal_and_with_a_process_killed_it_goes_on_to_the_same_student(
    command: list[str], here: Path
) -> None:
    alone = finish([*command, "--output", "alone"], here)
    with started(command, here) as process:
        wait_for_step(process, here / "run/metrics.jsonl", 10)
        process.send_signal(signal.SIGUSR1)
        output, said = process.communicate(timeout=300)
    assert (process.returncode, output) == (75, "")
    assert said.count("which is saved. The same command goes on from there.") == 1
    assert "Traceback" not in said

    with started(command, here) as process:
        wait_for_step(process, here / "run/metrics.jsonl", 50)
        killed = workers(process)[-1]
        os.kill(killed, signal.SIGKILL)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "was killed by signal 9" in said
    assert "Traceback" not in said

    assert finish(command, here) == alone


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a system that tells the children of a process")
def test_torchrun_restarts_what_was_killed_and_ends_with_the_same_student(command: list[str], here: Path) -> None:
    arguments = command[: command.index("--nproc")]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        [sys.executable, *torchrun, "-m", "reldistill_cli", *arguments],
        cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            wait_for_step(process, here / "run/metrics.jsonl", 50)
            os.kill(workers(process)[-1], signal.SIGKILL)
            _, said = process.communicate(timeout=400)
        finally:
            process.terminate()
    assert process.returncode == 0, said
    assert "going on from the checkpoint of step" in said
    restarted = (here / "run/student/model.safetensors").read_bytes()
    assert restarted == finish([*command, "--output", "alone"], here)


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a system that tells the children of a process")
def test_a_process_that_is_killed_while_all_gather_a_sharded_teacher_is_told_of_in_one_message(
    command: list[str], here: Path
) -> None:
    with started([*command, "--shard-teacher", "--steps", "100000"], here) as process:
        wait_for_step(process, here / "run/metrics.jsonl", 10)
        os.kill(workers(process)[-1], signal.SIGKILL)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "was killed by signal 9" in said, said
    assert "Traceback" not in said, said


@pytest.mark.parametrize(("option", "value", "code"), [("--data", "missing.txt", 3), ("--teacher", "nowhere", 2)])
def test_a_mistake_is_one_message_and_has_the_exit_code_of_its_kind(
    command: list[str], here: Path, option: str, value: str, code: int
) -> None:
    arguments = list(command)
    arguments[arguments.index(option) + 1] = value
    with started(arguments, here) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == code
    assert said.count("error:") == 1
    assert "Traceback" not in said


def test_one_process_probes_the_layers_and_all_take_the_one_that_it_finds(command: list[str], here: Path) -> None:
    probing = [*command, "--steps", "10", "--layers", "auto", "--probe-steps", "4", "--max-length", "30"]
    with started(probing, here) as process:
        _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert said.count("probe 4/4") == 1
    assert said.count("--layers auto: layer") == 1
    layers = tomllib.loads((here / "run/config.toml").read_text(encoding="utf-8"))["layers"]
    assert f"--layers auto: layer {layers.partition(':')[0]}." in said
    named = [*command, "--steps", "10", "--layers", layers, "--max-length", "30", "--output", "named"]
    assert finish(named, here) == (here / "run/student/model.safetensors").read_bytes()


def test_a_teacher_that_is_spread_over_processes_is_not_probed(command: list[str], here: Path) -> None:
    with started([*command, "--layers", "auto", "--shard-teacher"], here) as process:
        _, said = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "a probe needs the teacher on one device" in said
    assert "Traceback" not in said
