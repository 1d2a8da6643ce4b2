"""``--part 3/64`` of ``minictl data build``."""

from __future__ import annotations

import re

from reldistill.errors import UsageError

__all__ = ["parse_part"]

MOST_PARTS = 99_999


def parse_part(text: str) -> tuple[int, int]:
    """The number of a part, from 1, and how many there are.

    Raises :class:`UsageError` for another form or a part that there is not.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of <= MOST_PARTS:
        raise UsageError(
            f"--part {text} is no part of a build",
            hint=f"Give its number and how many there are: 1/64 to 64/64, at most {MOST_PARTS:,} parts.",
        )
    return number, of
