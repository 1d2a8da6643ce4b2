"""What tests share: nothing reaches the network, no cache of the user's is touched."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tiny_models import make_teacher, write_text

MakeTeacher = Callable[..., Path]


# A shell that starts the tests in the background has them ignore Ctrl-C, and their children after them; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The models here are so small that a second thread costs more than it brings.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELDISTILL_CACHE", str(tmp_path_factory.getbasetemp() / "reldistill-cache"))
    for variable in [name for name in os.environ if name.startswith("MINICTL_")]:
        monkeypatch.delenv(variable)


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> MakeTeacher:
    """``teacher("bert", layers=3)``: the folder of a small checkpoint, made once for the same arguments."""
    made: dict[str, Path] = {}

    def make(family: str, **sizes: int) -> Path:
        key = "-".join([family, *(f"{name}{value}" for name, value in sorted(sizes.items()))])
        if key not in made:
            made[key] = make_teacher(tmp_path_factory.mktemp("teacher") / key, family, **sizes)
        return made[key]

    return make


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .txt of 120 short documents."""
    return write_text(tmp_path_factory.mktemp("text") / "sample.txt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
