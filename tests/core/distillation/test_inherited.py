"""Students made of the teacher's embeddings and some of its layers, on real checkpoints of all families with BERT's names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from conftest import MakeTeacher
from reldistill import Registry, StudentShape, UsageError
from reldistill.distillation.inherited import inherited_layers, inherited_student
from reldistill.distillation.locate import Teacher, locate_teacher
from short_runs import configure, run
from tiny_models import BERT_SHAPED, WINDOW

REGISTRY = Registry.installed()


def located(folder: Path) -> Teacher:
    return locate_teacher(str(folder), REGISTRY)


def student_config(teacher: Teacher, layers: int, **sizes: int) -> Any:
    config = teacher.config
    shape: dict[str, int] = {
        "hidden_size": config.hidden_size, "attention_heads": config.num_attention_heads,
        "intermediate_size": config.intermediate_size, **sizes,
    }  # fmt: skip
    return teacher.adapter.student_config(config, StudentShape(layers, **shape))


def chosen(init: str, teacher: Teacher, layers: int, **sizes: int) -> tuple[int, ...] | None:
    return inherited_layers(init, teacher, student_config(teacher, layers, **sizes))


# ---- which layers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "depth", "layers", "expected"),
    [
        ("truncate", 6, 2, (1, 2)),
        ("truncate", 6, 5, (1, 2, 3, 4, 5)),
        ("skip", 6, 3, (2, 4, 6)),
        ("skip", 6, 2, (3, 6)),
        ("skip", 6, 1, (6,)),
        ("skip", 6, 6, (1, 2, 3, 4, 5, 6)),
        ("embeddings", 6, 9, ()),
        ("random", 6, 5, None),
    ],
)
def test_layers_are_the_first_or_every_nth(
    teacher: MakeTeacher, init: str, depth: int, layers: int, expected: tuple[int, ...] | None
) -> None:
    assert chosen(init, located(teacher("bert", layers=depth)), layers) == expected


@pytest.mark.parametrize("layers", [4, 5, 12])
def test_skip_refuses_a_depth_without_an_even_spread_and_names_those_with_one(
    teacher: MakeTeacher, layers: int
) -> None:
    with pytest.raises(UsageError, match=f"{layers} layers cannot be spread evenly over the teacher's 6") as caught:
        chosen("skip", located(teacher("bert", layers=6)), layers)
    assert "1, 2, 3, 6." in str(caught.value)


def test_truncate_refuses_more_layers_than_there_are(teacher: MakeTeacher) -> None:
    with pytest.raises(UsageError, match="the teacher has 3 layers, not 4"):
        chosen("truncate", located(teacher("bert", layers=3)), 4)


@pytest.mark.parametrize("init", ["truncate", "skip"])
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"hidden_size": 12}, "the student's hidden_size is 12, the teacher's 24"),
        ({"intermediate_size": 96}, "the student's intermediate_size is 96, the teacher's 72"),
        ({"attention_heads": 3}, "the student's num_attention_heads is 3, the teacher's 4"),
        ({"hidden_size": 12, "attention_heads": 3}, "hidden_size is 12, the teacher's 24; num_attention_heads is 3"),
    ],
)
def test_other_sizes_are_refused_and_the_fitting_options_shown(
    teacher: MakeTeacher, init: str, sizes: dict[str, int], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(init, located(teacher("bert", layers=6)), 3, **sizes)
    assert said in str(caught.value)
    assert "--student 3x24 --student-heads 4 --student-ffn 72" in str(caught.value)


# ---- the model ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", BERT_SHAPED)
@pytest.mark.parametrize("layers", [(1, 2), (2, 4), (1, 4), (4,)])
def test_each_tensor_is_that_of_the_layer_it_stands_for(
    teacher: MakeTeacher, family: str, layers: tuple[int, ...]
) -> None:
    folder = teacher(family, layers=4)
    model = inherited_student(located(folder), student_config(located(folder), len(layers)), layers).model
    theirs, ours = load_file(folder / "model.safetensors"), model.state_dict()
    assert model.config.num_hidden_layers == len(layers)
    found = 0
    for name, tensor in ours.items():
        prefix, layer, rest = "encoder.layer.", "", name
        if name.startswith(prefix):
            layer, _, rest = name.removeprefix(prefix).partition(".")
            name, found = f"{prefix}{layers[int(layer)] - 1}.{rest}", found + 1
        assert torch.equal(tensor, theirs[name]), name
    assert found == 16 * len(layers)


@pytest.mark.parametrize("family", BERT_SHAPED)
def test_it_computes_what_the_teacher_without_the_other_layers_computes(
    teacher: MakeTeacher, tmp_path: Path, family: str
) -> None:
    folder = teacher(family, layers=4)
    model = inherited_student(located(folder), student_config(located(folder), 2), (2, 4)).model.eval()
    expected = AutoModel.from_pretrained(folder)
    expected.encoder.layer = torch.nn.ModuleList([expected.encoder.layer[1], expected.encoder.layer[3]])
    tokens = AutoTokenizer.from_pretrained(folder)("Salt, rope and tar", return_tensors="pt")
    with torch.no_grad():
        theirs, ours = expected(**tokens).last_hidden_state, model(**tokens).last_hidden_state
        assert torch.equal(ours, theirs)
        model.save_pretrained(tmp_path / "saved")
        assert torch.equal(AutoModel.from_pretrained(tmp_path / "saved")(**tokens).last_hidden_state, theirs)


def test_a_modernbert_keeps_its_first_layers_with_their_windows(teacher: MakeTeacher, tmp_path: Path) -> None:
    folder = teacher("modernbert", layers=5)
    layers = chosen("truncate", located(folder), 4)
    assert layers
    model = inherited_student(located(folder), student_config(located(folder), 4), layers).model.eval()
    expected: Any = AutoModel.from_pretrained(folder)
    del expected.layers[4:]
    tokens = AutoTokenizer.from_pretrained(folder)("Salt, rope and tar: " * 4, return_tensors="pt")
    assert tokens["input_ids"].shape[1] > 2 * WINDOW
    with torch.no_grad():
        theirs = expected(**tokens).last_hidden_state
        assert torch.equal(model(**tokens).last_hidden_state, theirs)
        model.save_pretrained(tmp_path / "saved")
        saved = AutoModel.from_pretrained(tmp_path / "saved")
        assert torch.equal(saved(**tokens).last_hidden_state, theirs)
    assert saved.config.layer_types == ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]


@pytest.mark.parametrize(
    ("depth", "layers", "said"),
    [
        (4, 2, "layer 2 of the teacher is sliding_attention, layer 1 of the student full_attention"),
        (4, 1, r"layer 4 of the teacher has attn_norm\.weight, layer 1 of the student has not"),
    ],
)
def test_a_modernbert_whose_layers_would_change_places_is_refused(
    teacher: MakeTeacher, depth: int, layers: int, said: str
) -> None:
    with pytest.raises(UsageError, match=f"--init skip: {said}") as caught:
        chosen("skip", located(teacher("modernbert", layers=depth)), layers)
    assert "Take --init truncate" in str(caught.value)


def test_layers_that_are_left_out_need_not_even_be_there(teacher: MakeTeacher, tmp_path: Path) -> None:
    shutil.copytree(teacher("bert", layers=4), tmp_path / "part")
    weights = tmp_path / "part" / "model.safetensors"
    tensors = load_file(weights)
    kept = {n: t for n, t in tensors.items() if not n.startswith(("encoder.layer.0.", "encoder.layer.2."))}
    save_file(kept, weights, metadata={"format": "pt"})
    part = located(tmp_path / "part")
    model = inherited_student(part, student_config(part, 2), (2, 4)).model
    name = "attention.self.query.weight"
    assert torch.equal(model.state_dict()[f"encoder.layer.0.{name}"], tensors[f"encoder.layer.1.{name}"])


def test_a_pooler_that_the_teacher_lacks_is_random_by_the_seed_and_named(teacher: MakeTeacher, tmp_path: Path) -> None:
    shutil.copytree(teacher("bert", layers=4), tmp_path / "headless")
    weights = tmp_path / "headless" / "model.safetensors"
    tensors = {name: t for name, t in load_file(weights).items() if not name.startswith("pooler.")}
    save_file(tensors, weights, metadata={"format": "pt"})
    headless = located(tmp_path / "headless")
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(inherited_student(headless, student_config(headless, 2), (2, 4)))
    assert made[0].random == ("pooler.dense.bias", "pooler.dense.weight")
    first, again, other = (student.model.state_dict()["pooler.dense.weight"] for student in made)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    whole = located(teacher("bert", layers=4))
    assert inherited_student(whole, student_config(whole, 2), (2, 4)).random == ()


@pytest.mark.parametrize("init", ["truncate", "skip"])
def test_a_run_that_trains_draws_its_dropout_by_the_seed_whatever_was_drawn_before(
    teacher: MakeTeacher, text: Path, here: Path, init: str
) -> None:
    options: dict[str, Any] = {"student": "2x24", "student_heads": 4, "student_ffn": 72, "init": init, "steps": 3}
    weights = []
    for number in (1, 2):
        torch.manual_seed(number)
        made = run(configure(teacher("bert", layers=4), text, output=str(here / f"run-{number}"), **options))
        weights.append((made.student / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
