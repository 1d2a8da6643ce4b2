"""Speedup against a 12x768 model, measured once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from reldistill.errors import CheckpointError
from reldistill.evaluation.result_file import ResultFile, read_result
from reldistill.evaluation.speed_file import keep_speedup, kept_speedup, this_machine
from reldistill.evaluation.speedup import measure_speedup, speedup_of
from tiny_models import make_teacher
from written_results import write_result

MRPC = {"dev": {"accuracy": 87.0}}


def result_of(folder: Path, model: Path) -> ResultFile:
    return read_result(write_result(folder / "mrpc", "mrpc", MRPC, model={"path": str(model)}))


@pytest.mark.parametrize("family", ["bert", "xlm-r", "modernbert"])
def test_a_small_model_is_faster_and_the_protocol_is_told(tmp_path: Path, family: str) -> None:
    model = make_teacher(tmp_path / "model", family, positions=8)
    before = torch.get_rng_state()
    speedup = measure_speedup(model, sha256="a" * 64, machine="here", batch=2, rounds=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert 1 < speedup.low <= speedup.median <= speedup.high
    assert (speedup.device, speedup.batch, speedup.length, speedup.rounds) == ("cpu", 2, 8, 3)
    assert speedup.threads == torch.get_num_threads()


def test_it_is_kept_beside_the_result_and_not_measured_again(tmp_path: Path) -> None:
    model = make_teacher(tmp_path / "model", "bert", positions=8)
    result = result_of(tmp_path, model)
    first = speedup_of([result])
    (model / "model.safetensors").unlink()
    assert speedup_of([result]) == first
    kept = json.loads((tmp_path / "mrpc" / "speed.json").read_text(encoding="utf-8"))
    assert [(s["sha256"], s["machine"]) for s in kept["speedups"]] == [("a" * 64, this_machine())]


def test_other_models_and_machines_do_not_get_it(tmp_path: Path) -> None:
    model = make_teacher(tmp_path / "model", "bert", positions=8)
    speedup = measure_speedup(model, sha256="a" * 64, machine="here", batch=1, rounds=1)
    keep_speedup(tmp_path, speedup)
    assert kept_speedup([tmp_path / "nowhere", tmp_path], "a" * 64, "here") == speedup
    assert kept_speedup([tmp_path], "b" * 64, "here") is None
    assert kept_speedup([tmp_path], "a" * 64, "there") is None
    (tmp_path / "speed.json").write_text('{"format": 1, "speedups": [{"sha')
    assert kept_speedup([tmp_path], "a" * 64, "here") is None


def test_a_relative_folder_is_found_from_above_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_teacher(tmp_path / "runs" / "x" / "student", "bert", positions=8)
    result = result_of(tmp_path / "runs" / "x" / "eval", Path("runs/x/student"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert speedup_of([result]).median > 1


def test_a_model_that_is_gone_or_broken_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="gone: there is no model any more"):
        speedup_of([result_of(tmp_path, tmp_path / "gone")])
    broken = make_teacher(tmp_path / "broken", "bert", positions=8)
    (broken / "model.safetensors").write_bytes(b"\x00" * 9)
    with pytest.raises(CheckpointError, match="broken: the model cannot be loaded"):
        speedup_of([result_of(tmp_path, broken)])
