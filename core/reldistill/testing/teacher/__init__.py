"""What is asked of a teacher adapter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reldistill.testing.check import Check, Checks, named_checks
from reldistill.testing.loading import check_contract
from reldistill.testing.teacher import aliases, held, positions, projections, states, student

if TYPE_CHECKING:
    from reldistill.teacher import TeacherAdapter

__all__ = ["teacher_checks"]

CHECKS: Checks[TeacherAdapter] = {
    "contract": (
        partial(check_contract, "reldistill_teachers"),
        "it has a name, model types, aliases and four methods",
    ),
    "aliases": (aliases.check_aliases, "aliases are words in lower case that lead to ids of the form owner/name"),
    "model types": (aliases.check_model_types, "transformers knows the model types, and no built-in family has them"),
}

CHECKS_OF_A_MODEL_TYPE = {
    "student config": (student.check_config, "a student has the sizes asked for, and the teacher's vocabulary"),
    "projections": (projections.check_projections, "each layer's projections are what its attention compares"),
    "states": (states.check_states, "a model cut at any layer gives the states that the whole one has there"),
    "several layers": (states.check_several, "a model cut for several layers gives the states of each"),
    "positions": (positions.check_positions, "position ids begin where the plain model lets them begin"),
    "packed": (states.check_packed, "sequences of a packed batch have the states that each has alone"),
    "held": (held.check_held, "a cut model holds nothing that its states do not depend on"),
    "trained": (held.check_trained, "what a student trains are its own parameters, and each gets a gradient"),
    "saved": (student.check_saved, "a student that is saved and loaded is the same, bit for bit"),
}


def teacher_checks(adapter: TeacherAdapter) -> list[Check]:
    """All checks of an adapter, most of them for each of its model types.

    They take tiny models of random weights, of 3 layers and width 24, made of ``student_config``; nothing is fetched.
    """
    subject = f"teacher {getattr(adapter, 'name', adapter)}"
    found = named_checks(subject, adapter, CHECKS)
    model_types = getattr(adapter, "model_types", None)
    for model_type in sorted(model_types) if isinstance(model_types, frozenset) else ():  # else "contract" says it
        of_type: Checks[TeacherAdapter] = {
            name: (partial(check, model_type=model_type), about)
            for name, (check, about) in CHECKS_OF_A_MODEL_TYPE.items()
        }
        found += named_checks(subject, adapter, of_type, suffix=f" ({model_type})")
    return found
