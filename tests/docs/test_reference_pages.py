"""What scripts make of the code for the reference is what stands in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hostile_plugins import PluginFolder

ROOT = Path(__file__).parents[2]
SCRIPTS = ("cli_reference", "options_reference", "errors_reference")


def check(script: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Hold the script's page against the code."""
    command = [sys.executable, "-m", f"docs.{script}", "--check"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_page_is_what_the_code_says(script: str) -> None:
    done = check(script)
    assert done.returncode == 0, done.stderr


def test_the_page_of_commands_shows_no_plugin_and_no_width_of_a_terminal(tmp_path: Path) -> None:
    plugins = PluginFolder(tmp_path)
    plugins.add_metadata("extra-1.0", "[reldistill.commands]\nextra = extra:app\n", "Name: extra\nVersion: 1.0\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = check("cli_reference", PYTHONPATH=path, COLUMNS="40", TERMINAL_WIDTH="40", MINICTL_PLUGINS="extra")
    assert done.returncode == 0, done.stderr


def test_a_page_that_says_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    for name in ("cli_reference.py", "generated.py"):
        shutil.copy(ROOT / "docs" / name, tmp_path / "docs")
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "reference" / "cli.md").write_text(
        page.replace("`--relations`", "`--relation`"), encoding="utf-8"
    )
    done = check("cli_reference", tmp_path)
    assert done.returncode == 1
    assert "is not what the code says" in done.stderr
