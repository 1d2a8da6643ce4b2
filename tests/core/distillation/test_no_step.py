"""``--steps 0``: the student as it starts, as a baseline; nothing is trained and no text is read for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from conftest import MakeTeacher
from reldistill import DistillConfig, UsageError, distill
from reldistill.distillation import DryRun
from reldistill.distillation.student import new_student
from short_runs import Listener, configure, rows, run, stop_behind
from tiny_models import FAMILIES, write_text


def baseline(folder: Path, init: str, **options: Any) -> DistillConfig:
    """A run of no step, without text."""
    sizes: dict[str, Any] = {
        "student": "2x24", "student_heads": 4, "student_ffn": 72, "max_length": 40, "precision": "fp32", **options,
    }  # fmt: skip
    return DistillConfig(teacher=str(folder), init=init, steps=0, **sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("init", "layers"), [("truncate", (0, 1)), ("skip", (1, 3))])
def test_the_student_holds_the_teachers_tensors_bit_by_bit(
    teacher: MakeTeacher, here: Path, family: str, init: str, layers: tuple[int, int]
) -> None:
    folder = teacher(family, layers=4)
    result = run(baseline(folder, init))
    theirs, ours = load_file(folder / "model.safetensors"), load_file(result.student / "model.safetensors")
    for name, tensor in ours.items():
        for position, layer in enumerate(layers):
            if name.startswith(f"encoder.layer.{position}."):
                name = name.replace(f".layer.{position}.", f".layer.{layer}.")
                break
        assert torch.equal(tensor, theirs[name]), name
    assert AutoModel.from_pretrained(result.student).config.num_hidden_layers == 2


def test_a_random_student_is_the_one_that_a_run_of_this_seed_starts_from(teacher: MakeTeacher, here: Path) -> None:
    result = run(baseline(teacher("bert", layers=4), "random", seed=7))
    expected = new_student(result.plan.student_config, 7).state_dict()
    found = load_file(result.student / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert "all its tensors are random, of seed 7" in (result.student / "README.md").read_text()


def test_it_leaves_empty_metrics_and_no_checkpoint_and_is_found_again(teacher: MakeTeacher, here: Path) -> None:
    config = baseline(teacher("bert", layers=4), "skip")
    result = run(config)
    assert rows(result) == []
    assert list((result.folder / "checkpoints").glob("step-*")) == []
    assert (here / "runs" / "latest").resolve() == result.folder.resolve()
    assert run(config).already_there
    assert run(replace(config, init="truncate")).folder != result.folder
    assert run(config).plan.warmup == 0


def test_the_card_says_that_nothing_was_trained_and_whose_the_tensors_are(teacher: MakeTeacher, here: Path) -> None:
    card = (run(baseline(teacher("bert", layers=4), "skip")).student / "README.md").read_text()
    for part in (
        "Nothing was trained: it is the teacher's embeddings and layers 2, 4, unchanged.",
        "| Steps | 0: nothing was trained, no text was read for it |",
        "| Start | the teacher's embeddings and layers 2, 4 |",
    ):
        assert part in card
    for part in ("tags: [reldistill, minilmv2, distillation]", "learned", "Learning rate", "SHA-256 of the manifest"):
        assert part not in card


def test_the_card_names_a_pooler_that_the_teacher_lacks(teacher: MakeTeacher, here: Path) -> None:
    shutil.copytree(teacher("bert", layers=4), here / "headless")
    weights = here / "headless" / "model.safetensors"
    save_file({n: t for n, t in load_file(weights).items() if n[:6] != "pooler"}, weights, metadata={"format": "pt"})
    card = (run(baseline(here / "headless", "truncate")).student / "README.md").read_text()
    assert "files lack these tensors, which are random:\n\n- `pooler.dense.bias`\n- `pooler.dense.weight`\n" in card


def test_held_out_text_is_measured_once(teacher: MakeTeacher, here: Path) -> None:
    folder, held_out = teacher("bert", layers=4), write_text(here / "held-out.txt", 20)
    measured = {}
    for init in ("random", "skip"):
        result = run(baseline(folder, init, validation=(str(held_out),)))
        (row,) = rows(result)
        assert row["step"] == 0
        assert row["validation/loss"] == result.validation["before"]["loss"]
        assert "| Held-out relation loss | " in (result.student / "README.md").read_text()
        measured[init] = row["validation/loss"]
    assert measured["skip"] != measured["random"]


def test_the_whole_teacher_as_its_own_student_has_no_loss(teacher: MakeTeacher, here: Path) -> None:
    held_out = write_text(here / "held-out.txt", 20)
    result = run(baseline(teacher("roberta", layers=4), "truncate", student="4x24", validation=(str(held_out),)))
    assert result.validation["before"]["loss"] == pytest.approx(0, abs=1e-6)


def test_text_that_is_given_all_the_same_is_not_read_and_that_is_said(teacher: MakeTeacher, here: Path) -> None:
    listener = Listener()
    run(baseline(teacher("bert", layers=4), "skip", data=("nowhere.txt",)), listener)
    assert any("--data is not read" in note for note in listener.notes)


@pytest.mark.parametrize("init", ["random", "skip"])
def test_a_dry_run_makes_the_student_and_writes_nothing(
    teacher: MakeTeacher, here: Path, monkeypatch: pytest.MonkeyPatch, init: str
) -> None:
    monkeypatch.setenv("RELDISTILL_CACHE", str(here / "cache"))
    result = distill(baseline(teacher("bert", layers=4), init), dry_run=True)
    assert isinstance(result, DryRun)
    assert result.row == {}
    assert list(here.iterdir()) == []


def test_a_warm_up_is_refused(teacher: MakeTeacher, here: Path) -> None:
    with pytest.raises(UsageError, match="--warmup 5 is longer than the run of 0 steps"):
        distill(baseline(teacher("bert", layers=4), "skip", warmup=5))


@pytest.mark.parametrize("options", [{}, {"accept_changes": True}])
def test_the_checkpoints_of_a_run_that_trains_are_not_lost_to_it(
    teacher: MakeTeacher, text: Path, here: Path, options: dict[str, bool]
) -> None:
    folder, output = teacher("bert", layers=4), str(here / "run")
    stop_behind(configure(folder, text, output=output), 3)
    before = sorted((here / "run" / "checkpoints").rglob("*"))
    with pytest.raises(UsageError):
        distill(baseline(folder, "skip", output=output, **options))
    assert sorted((here / "run" / "checkpoints").rglob("*")) == before


@pytest.mark.parametrize("init", ["truncate", "skip"])
def test_training_goes_on_from_there(teacher: MakeTeacher, text: Path, here: Path, init: str) -> None:
    folder, held_out = teacher("xlm-r", layers=4), write_text(here / "held-out.txt", 20)
    start = baseline(folder, init, validation=(str(held_out),))
    untrained = run(start)
    trained = run(replace(start, steps=30, batch_size=16, learning_rate=2e-3, data=(str(text),)))
    assert trained.validation["before"]["loss"] == pytest.approx(untrained.validation["before"]["loss"], rel=1e-5)
    assert trained.validation["after"]["loss"] < trained.validation["before"]["loss"]
    card = (trained.student / "README.md").read_text()
    assert "tensors are the teacher's, unchanged:\n\n- `encoder.layer.1.attention.output.dense.weight`" in card
