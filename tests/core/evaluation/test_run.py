"""Evaluations of a second or two, on real files, with real models."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import MakeTeacher
from reldistill import CheckpointError, DataError, Registry, ReldistillError, UsageError
from reldistill.config import EvalConfig
from reldistill.errors import Stopped
from reldistill.evaluation import unfinished
from reldistill.evaluation.cells import CellResult
from reldistill.evaluation.reporter import EvalReporter
from reldistill.evaluation.run import EvalResult, evaluate
from reldistill.file_lock import claim
from reldistill.stop import Stop
from tiny_models import save_classifier
from written_tasks import write_rte, write_xnli


class Listener(EvalReporter):
    def __init__(self, stop: Stop | None = None, at: int = 0) -> None:
        self.cells: list[str] = []
        self.finished_before: list[int] = []
        self._stop, self._at = stop, at

    def begins(self, task: str, model: str, cells: int, finished: int) -> None:
        self.finished_before.append(finished)

    def finished(self, task: str, result: CellResult, metric: str) -> None:
        self.cells.append(result.cell.name)
        if self._stop is not None and len(self.cells) == self._at:
            self._stop.request()


@pytest.fixture
def config(teacher: MakeTeacher, here: Path) -> EvalConfig:
    return EvalConfig(
        model=str(teacher("bert")), data_dir=str(write_rte(here / "data")), learning_rates=(1e-3, 5e-3), epochs=(2,),
        seeds=(1, 2), max_length=40, batch_size=8, precision="fp32", output="out",
    )  # fmt: skip


def run(task: str, config: EvalConfig, listener: Listener | None = None) -> EvalResult:
    result = evaluate(task, config, reporter=listener)
    assert result is not None
    return result


def without_seconds(content: Any) -> Any:
    return json.loads(json.dumps(content), object_hook=lambda o: {k: v for k, v in o.items() if k != "seconds"})


def test_each_cell_is_fine_tuned_and_the_result_says_what_was_chosen_how_and_from_what(config: EvalConfig) -> None:
    listener = Listener()
    result = run("rte", config, listener)
    content = json.loads(result.file.read_text())
    assert content == json.loads(json.dumps(result.content))
    assert len(listener.cells) == len(content["grid"]) == 4
    assert content["selected"]["epochs"] == 2
    assert len(content["scores"]["dev"]["accuracy"]["values"]) == 2
    assert content["rows"] == {"dev/en": 12, "train/en": 24}
    assert set(content["data"]) == {"RTE/dev.tsv", "RTE/train.tsv"}
    assert "reported, as in the paper's tables" in content["protocol"]["selection"]
    assert all(len(cell["losses"]) == 2 for cell in content["grid"])


@pytest.mark.parametrize("family", ["bert", "camembert", "modernbert"])
def test_a_model_learns_what_can_be_learned(config: EvalConfig, teacher: MakeTeacher, here: Path, family: str) -> None:
    more = write_rte(here / "more", train=96, dev=24)
    one = replace(
        config,
        model=str(teacher(family)),
        data_dir=str(more),
        learning_rates=(2e-3,),
        epochs=(16,),
        seeds=(1,),
        max_length=60,
    )
    result = run("rte", one)
    assert result.content["scores"]["dev"]["accuracy"]["median"] > 90


def test_finished_cells_are_not_done_again_and_a_larger_grid_does_only_what_is_new(config: EvalConfig) -> None:
    first = run("rte", config)
    written = first.file.stat().st_mtime_ns
    again = Listener()
    second = run("rte", config, again)
    assert (again.cells, again.finished_before, second.already_there) == ([], [4], True)
    assert second.file == first.file
    assert second.file.stat().st_mtime_ns == written
    more = Listener()
    run("rte", replace(config, seeds=(1, 2, 3)), more)
    assert more.cells == ["lr0.001-epochs2-seed3", "lr0.005-epochs2-seed3"]


def test_a_run_that_was_stopped_goes_on_to_the_very_result_it_would_have_had(config: EvalConfig) -> None:
    stop = Stop()
    with pytest.raises(Stopped):
        evaluate("rte", config, reporter=Listener(stop, at=1), stop=stop)
    rest = Listener()
    gone_on = run("rte", config, rest)
    assert len(rest.cells) == 3
    alone = run("rte", replace(config, output="alone"))
    assert without_seconds(gone_on.content) == without_seconds(alone.content)


class Meanwhile(Listener):
    """In the midst of the first cell, another process begins the same evaluation."""

    def __init__(self, begin: Callable[[], object]) -> None:
        super().__init__()
        self._begin: Callable[[], object] | None = begin

    def step(self, task: str, cell: str, done: int, of: int) -> None:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            begin()


def test_processes_that_share_an_evaluation_take_what_no_other_is_at(config: EvalConfig) -> None:
    second = Listener()
    first = Meanwhile(lambda: evaluate("rte", config, reporter=second, share=(1, 2)))
    assert evaluate("rte", config, reporter=first, share=(0, 2)) is None
    assert first.cells == ["lr0.001-epochs2-seed1"]
    assert sorted(second.cells) == ["lr0.001-epochs2-seed2", "lr0.005-epochs2-seed1", "lr0.005-epochs2-seed2"]
    last = Listener()
    shared = run("rte", config, last)
    assert last.cells == []
    alone = run("rte", replace(config, output="alone"))
    assert without_seconds(shared.content) == without_seconds(alone.content)


def test_who_comes_upon_a_cell_that_another_process_is_at_waits_for_it(config: EvalConfig, here: Path) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,))
    file = run("rte", one).file
    cells = file.parent / "cells"
    done = (cells / "lr0.001-epochs2-seed1.json").read_bytes()
    (cells / "lr0.001-epochs2-seed1.json").unlink()
    notes: list[str] = []

    class Patient(Listener):
        def note(self, message: str) -> None:
            notes.append(message)
            (cells / "lr0.001-epochs2-seed1.json").write_bytes(done)
            lock.close()

    lock = (cells / "lr0.001-epochs2-seed1.lock").open("ab")
    assert claim(lock)
    patient = Patient()
    assert run("rte", one, patient).already_there
    assert (patient.cells, notes) == ([], ["waiting for another process, which is at rte lr0.001-epochs2-seed1"])


class StopAt(Listener):
    """Asks to stop in the midst of a training, or of what comes behind it."""

    def __init__(self, stop: Stop, step: int) -> None:
        super().__init__()
        self._stop_at, self._step = stop, step
        self.notes: list[str] = []

    def step(self, task: str, cell: str, done: int, of: int) -> None:
        if done == self._step:
            self._stop_at.request()

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.parametrize("step", [1, 3, 4, 6])
@pytest.mark.parametrize("task", ["rte", "xnli"])
def test_a_cell_that_was_stopped_goes_on_behind_its_last_step_to_the_same_weights(
    task: str, step: int, teacher: MakeTeacher, here: Path
) -> None:
    data = write_rte(here / "data") if task == "rte" else write_xnli(here / "data")
    config = EvalConfig(
        model=str(teacher("bert")), data_dir=str(data), learning_rates=(1e-3,), epochs=(2,), seeds=(1,), languages=("en",),
        max_length=40, batch_size=8 if task == "rte" else 4, precision="fp32", output="out",
    )  # fmt: skip
    stop = Stop()
    with pytest.raises(Stopped):
        evaluate(task, config, reporter=StopAt(stop, step), stop=stop)
    (saved,) = here.glob("out/*/cells/*.unfinished")
    again = StopAt(Stop(), 0)
    gone_on = run(task, config, again)
    assert again.notes == [f"{task} lr0.001-epochs2-seed1 goes on behind step {step}"]
    assert not saved.exists()
    alone = run(task, replace(config, output="alone"))
    assert without_seconds(gone_on.content) == without_seconds(alone.content)


def test_a_process_that_dies_loses_what_came_behind_the_last_save(
    config: EvalConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,))

    class Dies(Listener):
        def step(self, task: str, cell: str, done: int, of: int) -> None:
            if done == 4:
                monkeypatch.setattr(unfinished, "SAVE_INTERVAL", 900.0)
            if done == 5:
                raise MemoryError

    monkeypatch.setattr(unfinished, "SAVE_INTERVAL", 0.0)
    with pytest.raises(MemoryError):
        run("rte", one, Dies())
    again = StopAt(Stop(), 0)
    gone_on = run("rte", one, again)
    assert again.notes == ["rte lr0.001-epochs2-seed1 goes on behind step 3"]
    assert without_seconds(gone_on.content) == without_seconds(run("rte", replace(one, output="alone")).content)


def test_a_full_disk_does_not_end_a_training_that_it_cannot_save(
    config: EvalConfig, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    monkeypatch.setattr(unfinished, "SAVE_INTERVAL", 0.0)
    one = replace(config, learning_rates=(1e-3,), seeds=(1,), epochs=(1,))
    listener = StopAt(Stop(), 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        run("rte", one, listener)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(listener.notes) == 3
    assert "cannot be saved" in listener.notes[0]
    assert [path.suffix for path in here.glob("out/*/cells/*")] == [".json"]


def test_what_was_saved_of_another_fine_tuning_is_refused_by_name(config: EvalConfig, here: Path) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,))
    stop = Stop()
    with pytest.raises(Stopped):
        evaluate("rte", one, reporter=StopAt(stop, 4), stop=stop)
    (saved,) = here.glob("out/*/cells/*.unfinished")
    torch.save({"training": {"model": {}}}, saved)
    with pytest.raises(CheckpointError, match=r"seed1\.unfinished is not of this fine-tuning"):
        run("rte", one)


def test_a_broken_file_of_an_unfinished_cell_is_begun_anew(config: EvalConfig, here: Path) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,))
    stop = Stop()
    with pytest.raises(Stopped):
        evaluate("rte", one, reporter=StopAt(stop, 4), stop=stop)
    (saved,) = here.glob("out/*/cells/*.unfinished")
    saved.write_bytes(saved.read_bytes()[:1000])
    again = StopAt(Stop(), 0)
    gone_on = run("rte", one, again)
    assert again.notes == []
    assert without_seconds(gone_on.content) == without_seconds(run("rte", replace(one, output="alone")).content)


def test_the_predictions_that_are_written_are_those_that_were_scored(config: EvalConfig) -> None:
    result = run("rte", replace(config, learning_rates=(5e-3,), seeds=(1,)))
    (file,) = (result.file.parent / "predictions").glob("*/dev.tsv")
    said = [line.split("\t")[1] for line in file.read_text().splitlines()[1:]]
    gold = [line.split("\t")[3] for line in Path("data/RTE/dev.tsv").read_text().splitlines()[1:]]
    right = 100 * sum(a == b for a, b in zip(said, gold, strict=True)) / len(gold)
    assert result.content["scores"]["dev"]["accuracy"]["median"] == pytest.approx(right, abs=1e-12)


def test_the_file_for_the_server_has_a_label_by_name_for_each_test_row(config: EvalConfig) -> None:
    one = replace(config, learning_rates=(5e-3,), seeds=(1,))
    run("rte", one)
    listener = Listener()
    run("rte", replace(one, predict="test"), listener)
    assert len(listener.cells) == 1  # what was finished without them has no predictions of test rows
    lines = Path("out/submission/RTE.tsv").read_text().splitlines()
    assert lines[0] == "index\tprediction"
    assert [line.split("\t")[0] for line in lines[1:]] == [str(n) for n in range(12)]
    assert {line.split("\t")[1] for line in lines[1:]} <= {"entailment", "not_entailment"}


def test_other_test_rows_are_predicted_anew(config: EvalConfig) -> None:
    one = replace(config, learning_rates=(5e-3,), seeds=(1,), predict="test")
    run("rte", one)
    Path("data/RTE/test.tsv").write_text("index\tsentence1\tsentence2\n0\tA.\tB.\n")
    result = run("rte", one)
    assert len(Path("out/submission/RTE.tsv").read_text().splitlines()) == 2
    assert "RTE/test.tsv" in result.content["data"]


def test_tokenizers_that_differ_in_what_they_hand_to_the_model_are_two(config: EvalConfig) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,), epochs=(1,))
    first = run("rte", one)
    other = Path("other")
    shutil.copytree(str(config.model), other)
    settings = json.loads((other / "tokenizer_config.json").read_text())
    settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (other / "tokenizer_config.json").write_text(json.dumps(settings))
    assert run("rte", replace(one, model=str(other))).file.parent != first.file.parent


def test_the_same_files_found_from_another_folder_are_the_same_result(config: EvalConfig) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,), epochs=(1,))
    first = run("rte", one)
    again = run("rte", replace(one, data_dir="data/RTE"))
    assert (again.file, again.already_there) == (first.file, True)


def test_another_model_other_rows_or_another_length_is_another_result(config: EvalConfig, teacher: MakeTeacher) -> None:
    one = replace(config, learning_rates=(1e-3,), seeds=(1,), epochs=(1,))
    folders = {run("rte", one).file.parent, run("rte", replace(one, max_length=30)).file.parent}
    folders.add(run("rte", replace(one, model=str(teacher("roberta")))).file.parent)
    with Path("data/RTE/train.tsv").open("a") as file:
        file.write("99\tA.\tB.\tentailment\n")
    folders.add(run("rte", one).file.parent)
    assert len(folders) == 4


def test_xnli_is_chosen_on_all_languages_as_one_pool_and_scored_on_each(teacher: MakeTeacher, here: Path) -> None:
    config = EvalConfig(
        model=str(teacher("xlm-r")), data_dir=str(write_xnli(here / "data")), learning_rates=(1e-3,), epochs=(3,), seeds=(1,),
        languages=("en", "es", "de"), batch_size=4, max_length=40, precision="fp32", output="out",
    )  # fmt: skip
    content = run("xnli", config).content
    assert list(content["scores"]) == ["en", "es", "de", "mean"]
    values = [content["scores"][language]["accuracy"]["values"][0] for language in ("en", "es", "de")]
    assert content["scores"]["mean"]["accuracy"]["values"][0] == pytest.approx(sum(values) / 3)
    assert content["protocol"]["chosen_on"] == ["dev"]
    assert content["protocol"]["scored_on"] == ["test"]
    assert 1 <= content["grid"][0]["epoch"] <= 3
    assert content["rows"]["train/en"] == 12
    all_ = run("xnli", replace(config, train_languages=("en", "es"), score_on="dev")).content
    assert all_["rows"]["train/es"] == 12
    assert all_["protocol"]["scored_on"] == ["dev"]


def test_a_fine_tuned_model_is_scored_as_it_is(config: EvalConfig, here: Path, teacher: MakeTeacher) -> None:
    save_classifier(here / "tuned", teacher("bert"), ["entailment", "not_entailment"])
    (here / "tuned/tokenizer.json").write_bytes((teacher("bert") / "tokenizer.json").read_bytes())
    (here / "tuned/tokenizer_config.json").write_bytes((teacher("bert") / "tokenizer_config.json").read_bytes())
    content = run("rte", replace(config, model="tuned", epochs=(0,))).content
    assert content["rows"] == {"dev/en": 12}
    assert content["protocol"]["selection"].startswith("none")
    assert content["grid"][0]["losses"] == []
    assert content["selected"] == {"learning_rate": None, "epochs": 0}


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"model": "nowhere/"}, UsageError, "nowhere"),
        ({"model": None}, UsageError, "leads to no student"),
        ({"data_dir": "nowhere"}, UsageError, "no such folder"),
        ({"max_length": 3}, UsageError, "two texts need"),
        ({"output": "data/RTE/dev.tsv"}, UsageError, "is a file"),
        ({"predict": "test", "data_dir": "out"}, DataError, "no train rows of rte"),
        ({"max_length": 999}, UsageError, "has positions for 64"),
        ({"languages": ("fr",)}, UsageError, "has no rows in 'fr'"),
        ({"data_dir": "out"}, DataError, "no train rows of rte"),
    ],
)
def test_a_mistake_is_said_before_anything_is_trained(
    config: EvalConfig, changes: dict[str, Any], kind: type[Exception], message: str, here: Path
) -> None:
    (here / "out").mkdir()
    with pytest.raises(kind, match=message):
        evaluate("rte", replace(config, **changes))


def test_the_last_distilled_student_is_taken_where_no_model_is_named(
    config: EvalConfig, teacher: MakeTeacher, here: Path
) -> None:
    run_folder = here / "runs/mine"
    run_folder.mkdir(parents=True)
    (run_folder / "config.toml").write_text("")
    (run_folder / "student").symlink_to(teacher("bert"))
    (here / "runs/latest").symlink_to("mine")
    result = run("rte", replace(config, model=None, output=None, learning_rates=(1e-3,), seeds=(1,), epochs=(1,)))
    assert result.content["model"]["layers"] == 3


def test_training_that_diverges_in_every_cell_is_said(config: EvalConfig) -> None:
    broken = Path("broken")
    shutil.copytree(str(config.model), broken)
    weights = load_file(broken / "model.safetensors")
    weights[next(name for name in weights if name.endswith("layer.0.attention.self.query.weight"))][:] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ReldistillError, match="diverged in every cell"):
        evaluate("rte", replace(config, model=str(broken), learning_rates=(1e-3,), seeds=(1,)))


def test_mnli_has_files_for_both_test_sets_and_the_diagnostic_rows(teacher: MakeTeacher, here: Path) -> None:
    (here / "glue/MNLI").mkdir(parents=True)
    (here / "glue/diagnostic").mkdir()
    labels = ("entailment", "neutral", "contradiction")
    rows = "".join(f"{n}\tA man.\tA boy {n}.\t{labels[n % 3]}\n" for n in range(6))
    for split in ("train", "dev_matched", "dev_mismatched"):
        (here / f"glue/MNLI/{split}.tsv").write_text(f"index\tsentence1\tsentence2\tgold_label\n{rows}")
    for file in ("MNLI/test_matched.tsv", "MNLI/test_mismatched.tsv", "diagnostic/diagnostic.tsv"):
        (here / "glue" / file).write_text("index\tsentence1\tsentence2\n0\tA man.\tA boy.\n1\tA cat.\tA car.\n")
    config = EvalConfig(
        model=str(teacher("bert")), data_dir="glue", learning_rates=(1e-3,), epochs=(1,), seeds=(1,), max_length=40,
        batch_size=4, predict="test", output="out",
    )  # fmt: skip
    assert set(run("mnli", config).content["scores"]) == {"matched", "mismatched"}
    written = sorted(file.name for file in Path("out/submission").iterdir())
    assert written == ["AX.tsv", "MNLI-m.tsv", "MNLI-mm.tsv"]


@pytest.mark.parametrize(
    ("task", "given", "rates", "epochs"),
    [
        ("rte", {}, (5e-5,), (5,)),
        ("cola", {}, (5e-5,), (25,)),
        ("squad2", {"epochs": (1, 2)}, (9e-5,), (1, 2)),
        ("xnli", {"learning_rates": (1e-5,)}, (1e-5,), (5,)),
    ],
)
def test_quick_is_one_setting_and_one_seed_but_for_what_is_given(
    task: str, given: dict[str, Any], rates: tuple[float, ...], epochs: tuple[int, ...]
) -> None:
    plan = EvalConfig(quick=True, **given).resolved(Registry.installed().tasks.get(task).thing)
    assert (plan.learning_rates, plan.epochs, plan.seeds) == (rates, epochs, (1,))
