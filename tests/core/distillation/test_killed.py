"""A process that is killed, wherever it is, leaves a run that goes on to the same student."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from children import in_a_child, was_killed
from conftest import MakeTeacher
from reldistill import DistillConfig
from short_runs import configure, run

pytestmark = pytest.mark.slow

WRITES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.truncate", "shutil.rmtree"}


def killed_at(write: int, config: DistillConfig, folder: Path) -> bool:
    """Run until the process is about to open, rename or remove for the so-manyth time in the folder; False: it finished."""

    def work() -> None:
        count = 0

        def listen(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event in WRITES and any(
                os.fsdecode(a).startswith(str(folder)) for a in arguments if isinstance(a, str | bytes | os.PathLike)
            ):
                count += 1
                if count == write:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(listen)
        run(config)

    return was_killed(in_a_child(work))


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, here: Path) -> DistillConfig:
    return configure(
        teacher("bert", layers=2), text, student="1x12", steps=6, checkpoint_every=2, log_every=1, output=str(here / "run")
    )  # fmt: skip


@pytest.fixture
def expected(config: DistillConfig, here: Path) -> bytes:
    result = run(replace(config, output=str(here / "uninterrupted")))
    return (result.student / "model.safetensors").read_bytes()


def test_killed_before_each_single_write_it_goes_on_to_the_same_student(
    config: DistillConfig, expected: bytes, here: Path
) -> None:
    write = 0
    while killed_at(write := write + 1, config, here / "run"):
        result = run(config)
        assert (result.student / "model.safetensors").read_bytes() == expected, f"killed at write {write}"
        left = [path for path in (here / "run").rglob("*") if ".tmp-" in path.name]
        assert left == [], f"killed at write {write}"
        assert (here / "run" / "report.html").is_file(), f"killed at write {write}"
        assert (here / "runs" / "latest").resolve() == (here / "run").resolve(), f"killed at write {write}"
        shutil.rmtree(here / "run")
        shutil.rmtree(here / "runs")
    assert write > 50  # else nothing was listened to


def newest_checkpoint(folder: Path) -> str:
    return max((path.name for path in folder.glob("checkpoints/step-????????")), default="")


def wait_for_progress(folder: Path, since: str) -> None:
    give_up = time.monotonic() + 300
    while newest_checkpoint(folder) == since and not (folder / "student").is_dir():
        assert time.monotonic() < give_up, f"no checkpoint behind {since or 'the start'}"
        time.sleep(0.001)


def test_killed_at_random_moments_again_and_again_it_ends_with_the_same_student(
    config: DistillConfig, here: Path
) -> None:
    longer = replace(config, steps=200, checkpoint_every=1)
    alone = run(replace(longer, output=str(here / "alone"))).student / "model.safetensors"
    moments = random.Random(5)
    kills = 0
    for attempt in range(24):
        reached = newest_checkpoint(here / "run")
        child = in_a_child(lambda: run(longer))
        if attempt % 4:  # each fourth is killed early, the others some way behind a checkpoint of their own
            wait_for_progress(here / "run", since=reached)
        time.sleep(moments.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        if not was_killed(child):
            break
        kills += 1
    assert kills > 4
    assert newest_checkpoint(here / "run") > "step-00000003"
    assert (run(longer).student / "model.safetensors").read_bytes() == alone.read_bytes()
