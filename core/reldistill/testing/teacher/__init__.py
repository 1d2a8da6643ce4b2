"""What is asked of a teacher adapter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reldistill.testing.check import Check, named_checks
from reldistill.testing.loading import check_contract

if TYPE_CHECKING:
    from reldistill.teacher import TeacherAdapter

__all__ = ["teacher_checks"]

CHECKS = {
    "contract": (
        partial(check_contract, "reldistill_teachers"),
        "it has a name, model types, aliases and four methods",
    ),
}


def teacher_checks(adapter: TeacherAdapter) -> list[Check]:
    """All checks of an adapter, for each of its model types."""
    return named_checks(f"teacher {getattr(adapter, 'name', adapter)}", adapter, CHECKS)
