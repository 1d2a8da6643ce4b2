"""What scripts make of the code for the reference is what stands in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hostile_plugins import PluginFolder

DOCS = Path(__file__).parents[2] / "docs"
SCRIPTS = ("cli_reference.py", "options_reference.py", "errors_reference.py")


def check(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Hold the script's page against the code."""
    return subprocess.run(
        [sys.executable, DOCS / script, "--check"], capture_output=True, text=True, env=os.environ | environment
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_page_is_what_the_code_says(script: str) -> None:
    done = check(script)
    assert done.returncode == 0, done.stderr


def test_the_page_of_commands_shows_no_plugin_and_no_width_of_a_terminal(tmp_path: Path) -> None:
    plugins = PluginFolder(tmp_path)
    plugins.add_metadata("extra-1.0", "[reldistill.commands]\nextra = extra:app\n", "Name: extra\nVersion: 1.0\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = check("cli_reference.py", PYTHONPATH=path, COLUMNS="40", TERMINAL_WIDTH="40", MINICTL_PLUGINS="extra")
    assert done.returncode == 0, done.stderr


def test_a_page_that_says_something_else_is_refused(tmp_path: Path) -> None:
    for name in ("cli_reference.py", "generated.py"):
        shutil.copy(DOCS / name, tmp_path)
    (tmp_path / "reference").mkdir()
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    (tmp_path / "reference" / "cli.md").write_text(page.replace("`--relations`", "`--relation`"), encoding="utf-8")
    done = subprocess.run([sys.executable, tmp_path / "cli_reference.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not what the code says" in done.stderr
