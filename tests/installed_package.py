"""Third-party packages, installed as pip installs them, but into a folder of their own and without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["InstalledPackage"]


class InstalledPackage:
    """``project``, built by its own build backend and installed into ``site``.

    Raises ``CalledProcessError`` where pip cannot build or install it.
    """

    def __init__(self, project: Path, site: Path) -> None:
        self.project, self.site = project, site
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-index",
            "--no-deps",
        ]
        subprocess.run([*pip, "--no-build-isolation", "--target", site, project], check=True)

    def run(self, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """``python WORDS`` in a process that finds the package as an installed one."""
        path = os.pathsep.join(filter(None, (str(self.site), os.environ.get("PYTHONPATH", ""))))
        return subprocess.run(
            [sys.executable, *map(str, words)], cwd=cwd, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            text=True, capture_output=True, timeout=300,
        )  # fmt: skip

    def tests(self, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Its own tests, from a folder outside of the project: what they import is what was installed."""
        return self.run(
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", cwd, self.project / "tests", cwd=cwd
        )  # fmt: skip

    def minictl(self, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """``minictl WORDS``."""
        return self.run("-m", "reldistill_cli", *words, cwd=cwd)
