"""The stub says what the module in Rust has."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import reldistill_loader

PACKAGE = Path(reldistill_loader.__file__).parent


def test_the_stub_agrees_with_the_module(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "reldistill_loader._native"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(PACKAGE.parent)},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_everything_public_in_the_stub_is_documented() -> None:
    tree = ast.parse((PACKAGE / "_native.pyi").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
            assert ast.get_docstring(node), node.name


def test_the_package_exports_what_it_names() -> None:
    for name in reldistill_loader.__all__:
        assert getattr(reldistill_loader, name).__name__ == name
