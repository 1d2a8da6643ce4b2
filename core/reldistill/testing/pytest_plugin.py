"""What pytest knows of the kit: advice in place of tracebacks, and the checks of installed plugins without a test file.

Loaded at the start of every pytest where the toolkit is installed, so it imports nothing but what it needs to stand by.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from reldistill.testing.check import ConformanceError, NotApplicable

if TYPE_CHECKING:
    from reldistill.testing.check import Check

__all__ = ["PluginCheck", "pytest_addoption", "pytest_collection_modifyitems", "pytest_runtest_makereport"]

OPTION = "--reldistill-plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--reldistill-plugin NAME``, repeatable."""
    parser.getgroup("reldistill").addoption(
        OPTION, action="append", default=[], metavar="NAME", dest="reldistill_plugins",
        help="also run the conformance checks of this installed plugin or distribution; needs no test file",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose among them
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each check of the plugins that are asked for."""
    names: list[str] = config.getoption("reldistill_plugins")
    if not names:
        return
    from reldistill.errors import ReldistillError
    from reldistill.testing.installed import installed_checks, named_plugins

    try:
        plugins = named_plugins(names)
    except ReldistillError as error:
        raise pytest.UsageError(f"{OPTION}: {error}") from error
    for plugin in plugins:
        for check in installed_checks([plugin]):
            items.append(
                PluginCheck.from_parent(
                    session, name=str(check), nodeid=f"{plugin.distribution}:{plugin.name}::{check}", check=check
                )
            )


class PluginCheck(pytest.Item):
    """A check of an installed plugin as a test."""

    def __init__(self, *, check: Check, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.check = check

    def runtest(self) -> None:
        self.check()

    def reportinfo(self) -> tuple[str, int | None, str]:
        return self.nodeid.partition("::")[0], None, self.name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a check that fails its advice is shown, and nothing else; one that cannot be made is skipped."""
    error = call.excinfo.value if call.excinfo is not None else None  # pytest puts its own in the place of a SkipTest
    report = yield
    if isinstance(error, ConformanceError):
        report.longrepr = str(error)
    elif isinstance(error, NotApplicable):
        report.outcome = "skipped"
        path, line, _ = item.reportinfo()  # where pytest would name a file of its own
        report.longrepr = (str(path), None if line is None else line + 1, f"Skipped: {error}")  # type: ignore[assignment]
    return report
