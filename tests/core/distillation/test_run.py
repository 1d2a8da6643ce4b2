"""The whole job on small models: what it writes, what it learns, what it repeats."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from conftest import MakeTeacher
from reldistill import CheckpointError, DataError, DistillResult, UsageError, distill
from reldistill.distillation import DryRun, Reporter
from reldistill.distillation.student import new_student
from reldistill.encoder import check_compiler
from reldistill.report import read_run
from short_runs import configure, rows, run
from tiny_models import SHAPES, write_text
from written_runs import ReadPage


@pytest.mark.parametrize("family", SHAPES)
def test_the_held_out_loss_falls_and_the_student_loads(
    teacher: MakeTeacher, text: Path, here: Path, family: str
) -> None:
    held_out = write_text(here / "held-out.txt", 20)
    result = run(configure(teacher(family, layers=3), text, validation=(str(held_out),), steps=80))
    before, after = (result.validation[moment]["loss"] for moment in ("before", "after"))
    assert after < 0.9 * before
    loaded = AutoModel.from_pretrained(result.student)
    assert (loaded.config.num_hidden_layers, loaded.config.hidden_size) == (2, 12)
    ids = AutoTokenizer.from_pretrained(result.student)("Salt and rope", return_tensors="pt")
    assert loaded(**ids).last_hidden_state.shape[-1] == 12


def test_the_run_folder_holds_configuration_metrics_and_student(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    result = run(configure(folder, text, relations="qq,kv=0.5", relation_heads=6))
    assert result.folder.parent == Path("runs")
    assert (here / "runs" / "latest" / "student" / "model.safetensors").samefile(result.student / "model.safetensors")
    logged = rows(result)
    assert [row["step"] for row in logged] == [1, 5, 10, 15, 20, 25, 30]
    assert set(logged[0]) == {
        "step", "loss", "loss/qq", "loss/kv", "learning_rate", "tokens", "tokens_per_second", "grad_norm",
    }  # fmt: skip
    assert logged[2]["loss"] == pytest.approx(logged[2]["loss/qq"] + 0.5 * logged[2]["loss/kv"], rel=1e-6)
    config = tomllib.loads((result.folder / "config.toml").read_text())
    assert (config["relations"], config["relation_heads"], config["steps"]) == ("qq,kv=0.5", 6, 30)
    card = (result.student / "README.md").read_text()
    for word in ("qq, kv × 0.5", "3 → 2", "30 × 16", "pooler.dense.weight", "sample.txt", "Plugin relations"):
        assert word in card
    for name in ("README.md", "distillation.json", "config.json"):
        assert str(text.parent) not in (result.student / name).read_text()
    assert json.loads((result.student / "distillation.json").read_text())["plan"]["relation_heads"] == 6


def test_the_card_names_the_rows_of_a_fused_projection_that_weight_decay_alone_has_changed(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    config = configure(teacher("modernbert", layers=3), text, relations="qq", steps=3, learning_rate=1e-2, warmup=0)
    result = run(config)
    card = (result.student / "README.md").read_text()
    named = card.partition("These changed by weight decay alone:")[2].strip().splitlines()
    name = "layers.1.attn.Wqkv.weight"
    assert named == [f"- `{name}, rows 12 to 23 (key)`", f"- `{name}, rows 24 to 35 (value)`"]
    assert f"`{name}`" not in card
    before, after = (
        new_student(result.plan.student_config, 0).state_dict()[name],
        load_file(result.student / "model.safetensors")[name],
    )
    ratio = after[12:] / before[12:]
    torch.testing.assert_close(ratio, torch.full_like(ratio, float(ratio.mean())), rtol=1e-4, atol=0)
    assert 0.999 < float(ratio.mean()) < 1
    assert not torch.allclose(after[:12], before[:12], atol=1e-3)
    assert "weight decay alone" not in (run(replace(config, relations="qq,kk,vv")).student / "README.md").read_text()


def test_the_learning_rate_warms_up_and_decays_to_nearly_zero(teacher: MakeTeacher, text: Path, here: Path) -> None:
    logged = rows(run(configure(teacher("bert", layers=3), text, warmup=10, steps=20, log_every=1)))
    rates = [row["learning_rate"] for row in logged]
    assert rates[:10] == pytest.approx([5e-3 * step / 10 for step in range(1, 11)])
    assert rates[10:] == pytest.approx([5e-3 * (20 - done) / 10 for done in range(10, 20)])


def test_the_same_command_again_does_nothing(teacher: MakeTeacher, text: Path, here: Path) -> None:
    config = configure(teacher("bert", layers=3), text, steps=2)
    first = run(config)
    written = (first.student / "model.safetensors").stat().st_mtime_ns
    again = run(config)
    assert again.already_there
    assert (again.student / "model.safetensors").stat().st_mtime_ns == written
    assert run(replace(config, seed=1)).folder != first.folder
    assert not run(replace(config, overwrite=True)).already_there


def test_two_runs_of_one_configuration_give_the_same_bytes(teacher: MakeTeacher, text: Path, here: Path) -> None:
    config = configure(teacher("roberta", layers=3), text, steps=5)
    students = [run(replace(config, output=str(here / name))).student for name in ("one", "two")]
    assert (students[0] / "model.safetensors").read_bytes() == (students[1] / "model.safetensors").read_bytes()


def test_several_pairs_of_layers_are_trained_at_once(teacher: MakeTeacher, text: Path, here: Path) -> None:
    result = run(configure(teacher("bert", layers=3), text, layers="3:2,1:1=0.5", steps=3))
    assert "3 → 2, 1 → 1 × 0.5" in (result.student / "README.md").read_text()
    untrained = {line[3:-1] for line in (result.student / "README.md").read_text().splitlines() if line[:3] == "- `"}
    assert untrained
    assert not any("layer.0" in name for name in untrained)


def test_a_truncated_student_starts_as_the_teachers_first_layers(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    options = {"student": "2x24", "student_heads": 4, "student_ffn": 72, "init": "truncate", "steps": 1}
    result = run(configure(folder, text, **options, learning_rate=1e-12))
    theirs, ours = load_file(folder / "model.safetensors"), load_file(result.student / "model.safetensors")
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-6, rtol=1e-6)


def test_a_dry_run_computes_a_batch_and_writes_nothing(
    teacher: MakeTeacher, text: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELDISTILL_CACHE", str(here / "cache"))
    result = distill(configure(teacher("bert", layers=3), text), dry_run=True)
    assert isinstance(result, DryRun)
    assert result.row["loss"] > 0
    assert list(here.iterdir()) == []


def test_the_teacher_is_left_as_it_was(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run(configure(folder, text, steps=3))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_bf16_learns_as_fp32_does(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    last = [rows(run(configure(folder, text, precision=precision)))[-1]["loss"] for precision in ("fp32", "bf16")]
    assert last[1] == pytest.approx(last[0], rel=0.1)


def test_a_compiled_run_starts_from_the_same_loss_and_writes_a_plain_student(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    try:
        check_compiler(torch.device("cpu"))
    except UsageError as error:
        pytest.skip(f"waits for a compiler: {error}")
    plain = run(configure(teacher("bert", layers=3), text, steps=1))
    compiled = run(configure(teacher("bert", layers=3), text, steps=1, compile=True))
    assert compiled.folder != plain.folder
    assert compiled.plan.describe()["compile"] is True
    # Dropout alone differs.
    assert compiled.last_row["loss"] == pytest.approx(plain.last_row["loss"], rel=0.1)
    theirs, ours = (load_file(result.student / "model.safetensors") for result in (plain, compiled))
    assert ours.keys() == theirs.keys()


def test_a_default_of_relation_heads_that_does_not_fit_is_lowered_and_announced(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    heard: list[str] = []

    class Listener(Reporter):
        def note(self, message: str) -> None:
            heard.append(message)

    result = distill(configure(teacher("bert", layers=3), text, steps=1), reporter=Listener())
    assert result.plan.relation_heads == 12
    assert any("48 does not divide the widths 24 and 12" in message for message in heard)


def test_the_same_command_on_changed_text_is_another_run(teacher: MakeTeacher, here: Path) -> None:
    text = write_text(here / "own.txt", 40)
    config = configure(teacher("bert", layers=3), text, steps=1)
    first = run(config)
    write_text(text, 41)
    second = run(config)
    assert not second.already_there
    assert second.folder != first.folder


def test_a_folder_with_the_student_of_another_run_is_not_taken_for_this_one(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    config = configure(teacher("bert", layers=3), text, steps=1, output=str(here / "run"))
    run(config)
    assert run(config).already_there
    with pytest.raises(UsageError, match="holds the student of a run with other options"):
        distill(replace(config, seed=1))
    assert not run(replace(config, seed=1, overwrite=True)).already_there


def test_held_out_text_of_the_hub_is_refused(teacher: MakeTeacher, text: Path, here: Path) -> None:
    with pytest.raises(DataError, match="taken from this machine alone"):
        distill(configure(teacher("bert", layers=3), text, validation=("owner/name",)))


def test_a_teacher_that_cannot_be_read_leaves_the_run_folder_free_for_the_next_try(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    shutil.copytree(teacher("bert", layers=3), here / "broken")
    weights = here / "broken" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    config = configure(here / "broken", text, steps=1, output=str(here / "run"))
    with pytest.raises(CheckpointError):
        distill(config)
    assert not (here / "run").exists()
    weights.write_bytes(whole)
    assert run(config).student.is_dir()


def test_a_run_ends_with_its_report(teacher: MakeTeacher, text: Path, here: Path) -> None:
    held_out = write_text(here / "held-out.txt", 20)
    result = run(configure(teacher("bert", layers=3), text, validation=(str(held_out),)))
    page = ReadPage((result.folder / "report.html").read_text())
    assert "finished: step 30 of 30" in page.texts
    assert any(said.startswith("kk, held-out: 0.") for said in page.texts)
    assert "Plan of the student" in page.texts
    read = read_run(result.folder)
    assert (read.finished, read.steps, read.last) == (True, 30, result.last_row)


def test_a_report_that_cannot_be_written_is_a_note_and_costs_no_student(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    heard: list[str] = []

    class Listener(Reporter):
        def note(self, message: str) -> None:
            heard.append(message)

    (here / "run" / "report.html").mkdir(parents=True)
    (here / "run" / "metrics.jsonl").touch()
    config = configure(teacher("bert", layers=3), text, steps=1, output=str(here / "run"))
    result = distill(config, reporter=Listener())
    assert isinstance(result, DistillResult)
    assert result.student.is_dir()
    assert any("no report was written" in message and "report.html" in message for message in heard)
