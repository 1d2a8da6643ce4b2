"""A probe: students for several layers of the teacher, on one pass of it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import MakeTeacher
from reldistill import DistillConfig, LayerEvidence, UsageError
from reldistill.cost import step_memory
from reldistill.distillation import DryRun, compare_layers, distill
from reldistill.distillation.probe import default_probe_steps
from reldistill.distillation.shared_teacher import SharedTeacher
from reldistill.encoder import Encoder
from reldistill.errors import Stopped
from reldistill.stop import Stop
from short_runs import Listener, configure, run


class Watcher(Listener):
    """Remembers what a probe found."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[dict[int, float]] = []
        self.evidence: list[Sequence[LayerEvidence]] = []

    def probing(self, step: int, steps: int, losses: Mapping[int, float]) -> None:
        self.losses.append(dict(losses))

    def probed(self, evidence: Sequence[LayerEvidence], seconds: float) -> None:
        self.evidence.append(evidence)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RELDISTILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, here: Path) -> DistillConfig:
    return configure(
        teacher("bert", layers=3), text, probe_steps=6, batch_size=8, output=str(here / "run"), layers="auto"
    )


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_each_student_is_the_one_that_a_run_of_its_layer_alone_makes(config: DistillConfig, here: Path) -> None:
    compared = compare_layers(config, students=here / "students")
    assert [found.teacher_layer for found in compared.evidence] == [1, 2, 3]
    assert (compared.steps, compared.sequences) == (6, 8)
    for layer, folder in compared.students.items():
        alone = replace(config, layers=str(layer), steps=6, warmup=1, output=str(here / f"alone-{layer}"))
        assert weights(folder) == weights(run(alone).student), f"layer {layer}"


def test_the_teacher_is_run_once_for_all(config: DistillConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = dict.fromkeys((1, 3), 0)
    forward = Encoder.forward
    count = 0

    def counted(encoder: Encoder, tokens: Any) -> Any:
        nonlocal count
        count += not any(parameter.requires_grad for parameter in encoder.parameters())
        return forward(encoder, tokens)

    monkeypatch.setattr(Encoder, "forward", counted)
    for layers in calls:
        count = 0
        compare_layers(config, range(1, layers + 1))
        calls[layers] = count
    assert calls[1] == calls[3] >= 6


def test_a_shared_teacher_computes_other_tokens_anew(config: DistillConfig) -> None:
    asked = []

    class Teacher:
        def __call__(self, tokens: Any) -> dict[int, Any]:
            asked.append(tokens)
            return {1: len(asked)}

    class Tokens:
        def __init__(self, *ids: int) -> None:
            self.input_ids, self.lengths = torch.tensor(ids), (len(ids),)

    teacher: Any = SharedTeacher(Teacher())  # type: ignore[arg-type]
    assert [teacher(Tokens(*ids))[1] for ids in ((1, 2), (1, 2), (1, 3), (1, 2, 3), (1, 2, 3))] == [1, 1, 2, 3, 3]


def test_what_it_finds_says_more_of_a_student_that_learned(config: DistillConfig) -> None:
    learned = compare_layers(replace(config, probe_steps=60), [3]).evidence[0]
    hardly = compare_layers(replace(config, probe_steps=1, learning_rate=1e-9), [3]).evidence[0]
    assert learned.untrained_loss == pytest.approx(hardly.untrained_loss, rel=0.2)  # measured on sequences that follow
    assert learned.loss < 0.9 * learned.untrained_loss
    assert hardly.loss == pytest.approx(hardly.untrained_loss, rel=1e-3)
    assert len(learned.alignment) == len(hardly.alignment) == 8


def test_a_student_that_is_the_teacher_is_wholly_aligned(config: DistillConfig) -> None:
    own = replace(
        config, student="3x24", student_heads=4, student_ffn=72, init="truncate", learning_rate=1e-12, probe_steps=1
    )
    (found,) = compare_layers(own, [3]).evidence
    assert found.mean_alignment == pytest.approx(1, abs=1e-3)
    assert found.loss == pytest.approx(0, abs=1e-5)


def test_held_out_text_is_what_is_measured_on(config: DistillConfig, text: Path, here: Path) -> None:
    (here / "other.txt").write_text("\n".join(text.read_text(encoding="utf-8").splitlines()[:40]), encoding="utf-8")
    without = compare_layers(config, [2]).evidence[0]
    held_out = compare_layers(replace(config, validation=(str(here / "other.txt"),)), [2]).evidence[0]
    assert held_out.untrained_loss != without.untrained_loss
    assert held_out.loss < held_out.untrained_loss


def test_auto_takes_what_a_probe_says_and_the_run_is_that_of_the_layer(config: DistillConfig, here: Path) -> None:
    watcher = Watcher()
    result = run(config, watcher)
    (evidence,) = watcher.evidence
    assert [found.teacher_layer for found in evidence] == [1, 2, 3]
    assert len(watcher.losses) == 6
    (note,) = [note for note in watcher.notes if note.startswith("--layers auto")]
    (pair,) = result.plan.pairs
    assert f"layer {pair.teacher_layer}." in note
    assert tomllib.loads((here / "run" / "config.toml").read_text())["layers"] == f"{pair.teacher_layer}:2"
    alone = run(replace(config, layers=f"{pair.teacher_layer}:2", output=str(here / "alone")))
    assert weights(result.student) == weights(alone.student)


def test_a_run_that_goes_on_does_not_probe_again(config: DistillConfig, cache: Path, here: Path) -> None:
    stop = Stop()
    with pytest.raises(Stopped):
        run(config, Listener(stop, 10), stop)
    watcher = Watcher()
    result = run(config, watcher)
    assert watcher.resumed_at == 10
    assert watcher.losses == []
    uninterrupted = run(replace(config, output=str(here / "uninterrupted")))
    assert weights(result.student) == weights(uninterrupted.student)
    kept = list((cache / "probes").iterdir())
    assert len(kept) == 1


@pytest.mark.parametrize("damage", ["", "[", "{}", "[{}]", '[{"teacher_layer": 1}]', "null"])
def test_a_broken_memory_of_a_probe_is_made_anew(config: DistillConfig, cache: Path, damage: str) -> None:
    first = run(config)
    (kept,) = (cache / "probes").iterdir()
    whole = kept.read_bytes()
    kept.write_text(damage)
    watcher = Watcher()
    again = run(replace(config, overwrite=True), watcher)
    assert len(watcher.losses) == 6
    assert again.plan.pairs == first.plan.pairs
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("changed", [{"seed": 1}, {"probe_steps": 7}, {"relations": "qq"}, {"learning_rate": 1e-3}])
def test_another_question_is_another_probe(config: DistillConfig, here: Path, changed: dict[str, Any]) -> None:
    run(config)
    watcher = Watcher()
    run(replace(config, output=str(here / "other"), **changed), watcher)
    assert watcher.losses


def test_a_stop_during_the_probe_leaves_nothing(config: DistillConfig, here: Path) -> None:
    class Ends(Listener):
        def probing(self, step: int, steps: int, losses: Mapping[int, float]) -> None:
            if step == 3:
                stop.request()

    stop = Stop()
    with pytest.raises(Stopped):
        run(config, Ends(), stop)
    assert not (here / "run").exists()


def test_a_dry_run_and_a_run_of_no_steps_probe_nothing_and_say_so(config: DistillConfig) -> None:
    for dry_run, steps in ((True, 30), (False, 0)):
        watcher = Watcher()
        result = distill(replace(config, steps=steps), reporter=watcher, dry_run=dry_run)
        assert isinstance(result, DryRun) is dry_run
        assert watcher.losses == []
        assert any("nothing is probed here; layer 3, the paper's choice, stands in" in note for note in watcher.notes)


@pytest.mark.parametrize(
    ("layers", "said"), [([4], "layers 1 to 3"), ([0], "layers 1 to 3"), ([2, 1, 2], "it stands there twice")]
)
def test_layers_that_are_not_there_are_refused(config: DistillConfig, layers: list[int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compare_layers(config, layers)


def test_students_that_do_not_fit_into_memory_together_are_refused(
    config: DistillConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = step_memory(run(replace(config, layers="last", steps=0)).plan.size, 0, 0)
    needed = alone.student_weights.total + alone.gradients.total + alone.adam_moments.total
    monkeypatch.setattr("reldistill.distillation.resolve.memory_bytes", lambda device: 2 * needed)
    compare_layers(config, [1, 2])
    with pytest.raises(UsageError, match="of 3 students at once"):
        compare_layers(config, [1, 2, 3])


def test_students_go_where_nothing_is(config: DistillConfig, here: Path) -> None:
    (here / "students").mkdir()
    with pytest.raises(UsageError, match="it is there already"):
        compare_layers(config, students=here / "students")


def test_the_default_length_of_a_probe() -> None:
    assert [default_probe_steps(steps) for steps in (1, 2_000, 10_000, 400_000)] == [100, 100, 500, 2_000]


def test_evidence_is_plain_values(config: DistillConfig) -> None:
    described = json.loads(json.dumps(compare_layers(config, [1, 3]).describe()))
    assert [row["teacher_layer"] for row in described["layers"]] == [1, 3]
    assert len(described["layers"][0]["alignment"]) == 8
    assert described["steps"] == 6
    assert described["tokens"] > 0
