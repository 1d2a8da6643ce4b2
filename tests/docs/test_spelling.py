"""No common misspelling stands in the documents, in help, docstrings, comments and messages."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from pages_of_docs import ROOT

PLACES = ("docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "core", "cli", "plugins", "rust_loader", "studies")


@pytest.mark.skipif(find_spec("codespell_lib") is None, reason="codespell is not installed: pip install -e '.[dev]'")
def test_words_are_spelt_as_they_should_be() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--toml", "pyproject.toml", *PLACES],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
