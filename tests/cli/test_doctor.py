"""``minictl doctor``: what this machine can do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hostile_plugins import PluginFolder
from reldistill.encoder import ATTENTION_BACKENDS
from reldistill_cli.main import app


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What it says as JSON."""
    outcome = CliRunner().invoke(app, ["doctor", "--json"], env={"HF_HUB_OFFLINE": "1"})
    assert outcome.exit_code == 0, outcome.output
    values: dict[str, Any] = json.loads(outcome.stdout)
    return values


def test_json_holds_all_that_a_report_of_a_fault_needs(found: dict[str, Any]) -> None:
    assert set(found) == {
        "python", "packages", "cores", "threads", "memory_gib", "device", "device_name", "bf16_in_hardware",
        "precision_auto", "matmul_gflops", "loss_kernels", "attention", "cache", "cache_free_gib", "hub", "plugins_left_out",
    }  # fmt: skip


def test_it_measures_the_speed_of_both_precisions(found: dict[str, Any]) -> None:
    assert set(found["matmul_gflops"]) == {"fp32", "bf16"}
    assert all(rate > 0 for rate in found["matmul_gflops"].values())


def test_it_tells_which_attention_backends_run_and_why_the_others_do_not(found: dict[str, Any]) -> None:
    backends = found["attention"]
    assert set(backends) == set(ATTENTION_BACKENDS)
    assert backends["sdpa"] == backends["eager"] == {"runs": True, "reason": None}
    for backend in backends.values():
        assert backend["runs"] == (backend["reason"] is None)
    # Its operators one by one where it is installed.
    assert bool(backends["xformers"]["operators"]) == (found["packages"]["xformers"] is not None)


def test_it_tells_which_kernels_of_the_loss_run(found: dict[str, Any]) -> None:
    kernels = found["loss_kernels"]
    assert set(kernels) == {"reference", "tiled", "native", "triton"}
    assert kernels["tiled"] == {"runs": True, "reason": None}
    assert all(kernel["runs"] == (kernel["reason"] is None) for kernel in kernels.values())
    assert kernels["native"]["runs"] == (found["device"] == "cpu")


def test_a_backend_that_does_not_run_stands_in_the_table_with_its_reason(found: dict[str, Any]) -> None:
    shown = " ".join(CliRunner().invoke(app, ["doctor"]).stdout.split())
    assert "sdpa runs" in shown
    for name, backend in found["attention"].items():
        if not backend["runs"]:
            assert f"{name} does not run: {' '.join(backend['reason'].split())}" in shown


def test_it_says_that_the_hub_was_not_asked(found: dict[str, Any]) -> None:
    assert found["hub"] == "offline by HF_HUB_OFFLINE"


def test_it_shows_the_same_as_a_table(found: dict[str, Any]) -> None:
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 0
    for name in found:
        assert name.replace("_", " ") in outcome.stdout


def test_it_names_plugins_that_failed_and_goes_on(tmp_path: Path) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("broken", "print('noise'); raise RuntimeError('no licence')", version="2.3")
        outcome = CliRunner().invoke(app, ["doctor", "--json"])
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)["plugins_left_out"] == ["plugin 'broken' of broken 2.3: RuntimeError: no licence"]


def test_a_missing_native_module_is_one_message() -> None:
    """As after an installation in which the Rust part was not built."""
    program = (
        "import sys; sys.modules['reldistill_loader'] = None; sys.argv = ['minictl', 'doctor'];"
        "from reldistill_cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "error: the loader's native module was not built" in done.stderr
    assert "Traceback" not in done.stderr
