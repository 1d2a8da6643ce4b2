"""What comes of the checks of the conformance kit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from reldistill.testing import Check, ConformanceError, NotApplicable

__all__ = ["advice", "outcomes"]


def outcomes(checks: Iterable[Check]) -> dict[str, str]:
    """Name of each check -> nothing where it holds, ``skipped``, or the advice."""
    found = {}
    for check in checks:
        try:
            check()
            found[check.name] = ""
        except NotApplicable:
            found[check.name] = "skipped"
        except ConformanceError as error:
            found[check.name] = str(error)
    return found


def advice(checks: Iterable[Check], name: str) -> ConformanceError:
    """What the check of this name says; it must fail, and say all three parts."""
    (check,) = (check for check in checks if check.name == name)
    with pytest.raises(ConformanceError) as caught:
        check()
    error = caught.value
    assert error.found
    assert error.contract
    assert error.change
    return error
