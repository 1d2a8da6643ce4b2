"""Students of the own layers of a plugin's family: DistilBERT, whose layers and configuration fields have other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

from distilbert_plugin import DISTILBERT, make_distilbert
from hostile_plugins import PluginFolder
from reldistill import DistillConfig, UsageError, distill
from short_runs import run


@pytest.fixture
def distilbert(tmp_path: Path) -> Path:
    return make_distilbert(tmp_path / "distilbert")


def baseline(folder: Path, **options: Any) -> DistillConfig:
    sizes: dict[str, Any] = {
        "student": "2x24", "student_heads": 4, "student_ffn": 72, "max_length": 40, "precision": "fp32", **options,
    }  # fmt: skip
    return DistillConfig(teacher=str(folder), steps=0, **sizes)


@pytest.mark.parametrize(("init", "layers"), [("truncate", (0, 1)), ("skip", (1, 3))])
def test_its_layers_are_found_by_its_adapter(
    distilbert: Path, here: Path, tmp_path: Path, init: str, layers: tuple[int, int]
) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        student = run(baseline(distilbert, init=init)).student
    theirs, ours = load_file(distilbert / "model.safetensors"), load_file(student / "model.safetensors")
    for name, tensor in ours.items():
        for position, layer in enumerate(layers):
            if name.startswith(f"transformer.layer.{position}."):
                name = name.replace(f".layer.{position}.", f".layer.{layer}.")
                break
        assert torch.equal(tensor, theirs[name]), name
    assert AutoModel.from_pretrained(student).config.n_layers == 2


def test_its_embeddings_are_found_too(distilbert: Path, here: Path, tmp_path: Path) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        student = run(baseline(distilbert, init="embeddings", student_heads=2, student_ffn=48)).student
    theirs, ours = load_file(distilbert / "model.safetensors"), load_file(student / "model.safetensors")
    same = {name for name in ours if ours[name].shape == theirs[name].shape and torch.equal(ours[name], theirs[name])}
    matrices = {name for name in same if ours[name].dim() == 2}
    assert matrices == {"embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"}


def test_another_feed_forward_width_is_refused_whatever_the_configuration_calls_it(
    distilbert: Path, here: Path, tmp_path: Path
) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        with pytest.raises(
            UsageError, match=r"the student's ffn\.lin1\.weight is \[96, 24\], the teacher's \[72, 24\]"
        ) as caught:
            distill(baseline(distilbert, init="skip", student_ffn=96))
    assert "--student-heads 4 --student-ffn N, N the width of its feed-forward part" in str(caught.value)
