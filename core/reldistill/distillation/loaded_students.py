"""The models that a text goes through when students are measured: the teacher, the students, and untrained ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reldistill.distillation.adapter_check import check_cut, check_states
from reldistill.distillation.objective import Objective
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.distillation.student import new_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill.registry import blame

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from reldistill.distillation.measured_student import MeasuredStudent
    from reldistill.distillation.measurement import Measurement
    from reldistill.encoder import Encoder, PackedTokens
    from reldistill.registry import PluginSource, Provided
    from reldistill.teacher import TeacherAdapter

__all__ = ["LoadedStudent", "LoadedStudents", "load_students"]


@dataclass(frozen=True)
class LoadedStudent:
    """What goes over a text. ``shift``: how much later its positions begin than the teacher's."""

    objective: Objective
    encoder: Encoder
    shift: int

    def placed(self, tokens: PackedTokens) -> PackedTokens:
        """The tokens at the positions of its family."""
        return replace(tokens, position_ids=tokens.position_ids + self.shift) if self.shift else tokens


@dataclass(frozen=True)
class LoadedStudents:
    """``untrained``: for each student the number of the untrained one of its shape; several may share one."""

    students: list[LoadedStudent]
    random: list[LoadedStudent]
    untrained: list[int]


def load_students(
    measurement: Measurement, sources: Mapping[str, PluginSource], against_untrained: bool
) -> LoadedStudents:
    """The teacher, up to the highest layer that any student is held against, and all students, trained and not."""
    teacher = measurement.teacher
    layers = sorted({pair.teacher_layer for student in measurement.students for pair in student.pairs})
    shared = _checked(
        measurement,
        teacher.provided,
        teacher.config,
        layers,
        lambda adapter: load_teacher(
            teacher.weights_folder, teacher.config, adapter, layers, measurement.needs,
            dtype=measurement.precision, attention=measurement.attention, device=measurement.device,
        ),
    )  # fmt: skip
    offset = teacher.adapter.position_offset(teacher.config)
    loaded, shapes = LoadedStudents([], [], []), list[str]()
    for student in measurement.students:
        objective = Objective(
            shared,
            student.pairs,
            measurement.relations,
            measurement.relation_heads,
            measurement.precision,
            sources=sources,
        )
        shift = student.adapter.position_offset(student.config) - offset
        loaded.students.append(LoadedStudent(objective, _trained(measurement, student), shift))
        if against_untrained:
            shape = _shape_of(student)
            if shape not in shapes:
                shapes.append(shape)
                loaded.random.append(LoadedStudent(objective, _untrained(measurement, student), shift))
            loaded.untrained.append(shapes.index(shape))
    return loaded


def _trained(measurement: Measurement, student: MeasuredStudent) -> Encoder:
    """The student as it is, in fp32, cut before its weights are read."""
    return _checked(
        measurement,
        student.provided,
        student.config,
        student.layers,
        lambda adapter: load_teacher(
            student.folder, student.config, adapter, student.layers, measurement.needs,
            attention=measurement.attention, device=measurement.device,
        ),
    )  # fmt: skip


def _untrained(measurement: Measurement, student: MeasuredStudent) -> Encoder:
    """One of its shape as a distillation with seed 0 would begin."""

    def make(adapter: TeacherAdapter) -> Encoder:
        drawn = random_state(measurement.device)
        try:
            model = new_student(copy.deepcopy(student.config), 0)
        finally:
            restore_random_state(drawn, measurement.device)
        model.to(measurement.device)  # type: ignore[arg-type]
        encoder = student_encoder(model, adapter, student.layers, measurement.needs, attention=measurement.attention)
        return encoder.requires_grad_(False).eval()

    return _checked(measurement, student.provided, student.config, student.layers, make)


def _checked(
    measurement: Measurement,
    provided: Provided[TeacherAdapter],
    config: PretrainedConfig,
    layers: Sequence[int],
    make: Callable[[TeacherAdapter], Encoder],
) -> Encoder:
    """What ``make`` gives, held against the contract where the adapter is another distribution's."""
    adapter = provided.guarded("adapter")
    foreign = not provided.source.builtin
    with blame(provided.source, f"the adapter {adapter.name!r}"):
        if foreign:
            check_cut(adapter, config, layers)
        encoder = make(adapter)
        if foreign:
            check_states(
                adapter,
                encoder,
                measurement.needs,
                measurement.relation_heads,
                measurement.device,
                measurement.precision,
            )
    return encoder


def _shape_of(student: MeasuredStudent) -> str:
    """What an untrained student of this shape depends on; what a file's history or a task's head left does not count."""
    history = {
        "_name_or_path",
        "architectures",
        "transformers_version",
        "dtype",
        "id2label",
        "label2id",
        "problem_type",
    }
    values = {name: value for name, value in student.config.to_dict().items() if name not in history}
    return json.dumps([values, [[p.teacher_layer, p.student_layer, p.weight] for p in student.pairs]], default=str)
