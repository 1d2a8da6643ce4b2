"""What a plugin changes in the process while it is loaded is put back; what is not is said on the page of plugins."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill import Registry
from reldistill.registry import registry as registry_module


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("random.seed(7)", random.getstate),
        ("numpy.random.seed(7)", lambda: np.random.get_state(legacy=False)["state"]["key"].tolist()),
        ("torch.manual_seed(7)", lambda: torch.get_rng_state().tolist()),
        ("torch.rand(3)", lambda: torch.get_rng_state().tolist()),
        ("torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
        ("torch.set_default_device('meta')", lambda: torch.zeros(()).device),
        ("torch.set_grad_enabled(False)", torch.is_grad_enabled),
        ("torch.set_num_threads(3)", torch.get_num_threads),
        ("torch.use_deterministic_algorithms(True)", torch.are_deterministic_algorithms_enabled),
        ("torch.set_float32_matmul_precision('medium')", torch.get_float32_matmul_precision),
        ("os.chdir('/')", os.getcwd),
        ("os.environ['MINICTL_STEPS'] = '1'", lambda: dict(os.environ)),
        ("del os.environ['PATH']", lambda: dict(os.environ)),
        ("sys.stdout = None", lambda: sys.stdout),
        ("sys.stderr = None", lambda: sys.stderr),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", lambda: signal.getsignal(signal.SIGTERM)),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN)", lambda: signal.getsignal(signal.SIGINT)),
    ],
)
@pytest.mark.parametrize("where", ["import", "hook", "failure"])
def test_what_a_plugin_changes_while_it_is_loaded_is_put_back(
    plugins: PluginFolder, change: str, read: Callable[[], Any], where: str
) -> None:
    imports = "import os, random, signal, sys\nimport numpy, torch\n"
    good = GOOD_RELATION.format(name="a")
    sources = {
        "import": f"{imports}{change}\n{good}",
        "hook": imports + good.replace("    return", f"    {change}\n    return"),
        "failure": f"{imports}{change}\nraise RuntimeError",
    }
    plugins.add("changes", sources[where])
    before = read()
    registry = Registry.installed()
    assert read() == before
    assert ("a" in registry.relations.names()) is (where != "failure")


# ---- slow ones ----------------------------------------------------------------------------------------------------


def test_a_plugin_that_loads_slowly_is_named_with_its_seconds(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "SLOW", 0.2)
    plugins.add("slow", "import time\ntime.sleep(0.6)\n" + GOOD_RELATION.format(name="a"), version="2.3")
    warnings: list[str] = []
    began = time.perf_counter()
    registry = Registry.installed(warn=warnings.append)
    took = time.perf_counter() - began
    assert "a" in registry.relations.names()
    assert registry.failures == []
    start, end = "plugin 'slow' of slow 2.3 took ", " s to load; MINICTL_PLUGINS= in the environment leaves it out"
    (warning,) = warnings
    assert warning.startswith(start)
    assert warning.endswith(end)
    assert 1 <= int(warning.removeprefix(start).removesuffix(end)) <= took + 1


def test_one_that_loads_at_once_is_not(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "SLOW", 600.0)
    plugins.add("quick", GOOD_RELATION.format(name="a"))
    warnings: list[str] = []
    Registry.installed(warn=warnings.append)
    assert warnings == []


def test_the_built_in_ones_are_never_called_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "SLOW", 0.0)
    warnings: list[str] = []
    Registry.installed(warn=warnings.append)
    assert warnings == []
