"""The configuration of students, and that they come back from a folder as they went."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModel

from reldistill.encoder.load import model_class, student_encoder
from reldistill.encoder.quiet import quiet_transformers
from reldistill.teacher import StudentShape
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.teacher.tiny import EVERYTHING, SHAPE, make_tiny

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from reldistill.teacher import TeacherAdapter

__all__ = ["check_config", "check_saved"]

CONTRACT = "student_config(config, shape) is the teacher's configuration in the student's sizes"
CHANGE = "Take config.to_dict(), set the sizes under the names that the family has for them, and build type(config)(**fields)."

KEPT = ("vocab_size", "max_position_embeddings", "pad_token_id", "model_type")


def check_config(adapter: TeacherAdapter, model_type: str) -> None:
    """Of a teacher whose vocabulary and positions are not the family's default."""
    for shape in (SHAPE, StudentShape(layers=2, hidden_size=36, attention_heads=6, intermediate_size=50)):
        teacher: Any = AutoConfig.for_model(model_type)
        for name in ("vocab_size", "max_position_embeddings"):
            if isinstance(getattr(teacher, name, None), int):
                setattr(teacher, name, getattr(teacher, name) + 8)
        before = teacher.to_dict()
        student: Any = ask("student_config", lambda: adapter.student_config(teacher, shape), CONTRACT, CHANGE)  # noqa: B023
        if student is teacher or teacher.to_dict() != before:
            raise ConformanceError(
                "student_config changed the teacher's configuration",
                CONTRACT,
                f"{CHANGE} Leave the one given as it is.",
            )
        if type(student) is not type(teacher):
            raise ConformanceError(
                f"student_config gave {type(student).__name__}, not {type(teacher).__name__}", CONTRACT, CHANGE
            )
        wrong = [
            f"{name} is {getattr(student, name, None)!r}, not {getattr(teacher, name)!r}"
            for name in KEPT
            if getattr(student, name, None) != getattr(teacher, name, None)
        ]
        sizes = {
            "num_hidden_layers": shape.layers,
            "hidden_size": shape.hidden_size,
            "num_attention_heads": shape.attention_heads,
        }
        wrong += [
            f"{name} is {getattr(student, name, None)!r}, not {size}"
            for name, size in sizes.items()
            if getattr(student, name, None) != size
        ]
        if wrong:
            raise ConformanceError(f"of a student's configuration, {'; '.join(wrong)}", CONTRACT, CHANGE)
        _check_feed_forward(adapter, student, shape)


def _check_feed_forward(adapter: TeacherAdapter, config: PretrainedConfig, shape: StudentShape) -> None:
    """Its width has a name of its own in some families, so the weights of a layer are looked at."""
    with torch.device("meta"), quiet_transformers():
        model: Any = model_class(config)(config)
        layer = adapter.projections(model, shape.layers).layer
    wanted = shape.intermediate_size
    # Twice as wide where a gate is computed with it.
    if not any({wanted, 2 * wanted} & set(parameter.shape) for parameter in layer.parameters()):
        raise ConformanceError(
            f"no weight of a student's layer is {wanted} wide, as shape.intermediate_size says",
            CONTRACT,
            "Set the width of the feed-forward part under the family's name for it, such as intermediate_size or hidden_dim.",
        )


def check_saved(adapter: TeacherAdapter, model_type: str) -> None:
    """Saved as a run saves it, when it has been trained through a cut copy, and loaded by AutoModel."""
    with tempfile.TemporaryDirectory(prefix="reldistill-testing-") as folder, quiet_transformers():
        model = make_tiny(adapter, model_type)
        student_encoder(model, adapter, [SHAPE.layers], EVERYTHING)
        model.save_pretrained(Path(folder))
        loaded: Any
        report: Any
        loaded, report = AutoModel.from_pretrained(folder, output_loading_info=True)
        ours, theirs = model.state_dict(), loaded.state_dict()
    differing = [name for name in ours if name not in theirs or not torch.equal(ours[name], theirs[name])]
    differing += [*report["missing_keys"], *report["unexpected_keys"]]
    if type(loaded) is not type(model) or differing:
        raise ConformanceError(
            f"a student that was saved and loaded is a {type(loaded).__name__}"
            + (f" with other values in {', '.join(sorted(set(differing))[:3])}" if differing else ""),
            "a student is a model of transformers' own: AutoModel.from_pretrained gives it back bit for bit",
            "Let student_config keep model_type and all fields that the model is built by, so that config.json says them.",
        )
