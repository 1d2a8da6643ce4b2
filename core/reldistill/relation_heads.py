"""How many relation heads fit a teacher and a student: the number must divide the width of both."""

from __future__ import annotations

from math import gcd

from reldistill.errors import UsageError

__all__ = ["check_relation_heads", "common_relation_heads", "nearest_relation_heads"]


def common_relation_heads(teacher_width: int, student_width: int) -> list[int]:
    """All numbers of relation heads that divide both widths, ascending."""
    common = gcd(teacher_width, student_width)
    return [heads for heads in range(1, common + 1) if common % heads == 0]


def check_relation_heads(relation_heads: int, teacher_width: int, student_width: int) -> None:
    """Raise :class:`UsageError`, listing the numbers that fit, unless ``relation_heads`` divides both widths."""
    allowed = common_relation_heads(teacher_width, student_width)
    if relation_heads not in allowed:
        raise UsageError(
            f"{relation_heads} relation heads do not divide the projection widths "
            f"of teacher ({teacher_width}) and student ({student_width})",
            hint=f"These do: {', '.join(map(str, allowed))}.",
        )


def nearest_relation_heads(default: int, teacher_width: int, student_width: int) -> int:
    """The largest number of relation heads that divides both widths and is at most ``default``."""
    return max(heads for heads in common_relation_heads(teacher_width, student_width) if heads <= default)
