"""A wheel that is built from an sdist holds the four packages, whole, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "reldistill": "core", "reldistill_plugins": "plugins", "reldistill_loader": "rust_loader/python", "reldistill_cli": "cli",
}  # fmt: skip
COMPILED = (".so", ".pyd", ".pyc", ".rlib", ".whl")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="waits for a git checkout, which says what is source"),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="waits for a Rust toolchain"),
]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an sdist, made of what git does not ignore, and of the wheel that was built from it."""
    pytest.importorskip("build", reason="waits for the extra dev")
    source = tmp_path_factory.mktemp("export")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    made = tmp_path_factory.mktemp("dist")
    # Cargo's own folder saves a minute. It compiles anew what is younger than its last build, and an sdist gives all
    # files one time, by default one that is long past: the youngest source's here, so that a change is never missed.
    youngest = max(path.stat().st_mtime for path in [*source.glob("Cargo.*"), *(source / "rust_loader").rglob("*.*")])
    environment = {
        **os.environ, "CARGO_TARGET_DIR": str(ROOT / "target"), "SOURCE_DATE_EPOCH": str(int(youngest) + 1),
    }  # fmt: skip
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source)],
        env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return made


@pytest.fixture(scope="module")
def wheel(dist: Path) -> list[str]:
    """Names of the files in the wheel."""
    (archive,) = dist.glob("*.whl")
    with zipfile.ZipFile(archive) as content:
        return content.namelist()


@pytest.fixture(scope="module")
def sdist(dist: Path) -> list[str]:
    """Names of the files in the sdist, below its one folder."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        return [member.name.partition("/")[2] for member in content.getmembers() if member.isfile()]


def test_the_wheel_is_for_all_pythons_from_the_oldest_that_is_supported(dist: Path) -> None:
    (archive,) = dist.glob("*.whl")
    assert "-cp311-abi3-" in archive.name


def test_the_wheel_holds_nothing_but_the_four_packages_and_its_metadata(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert len(tops) == len(PACKAGES) + 1


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_module_of_a_package(wheel: list[str], package: str) -> None:
    folder = ROOT / PACKAGES[package]
    sources = {
        path.relative_to(folder).as_posix() for path in (folder / package).rglob("*.py*") if path.suffix != ".pyc"
    }
    assert sources <= set(wheel)


def test_the_wheel_holds_the_templates_of_plugins_whole(wheel: list[str]) -> None:
    folder = ROOT / "cli" / "reldistill_cli" / "plugin_templates"
    templates = {
        path.relative_to(ROOT / "cli").as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(templates) > 15
    assert templates == {name for name in wheel if name.startswith("reldistill_cli/plugin_templates/")}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_typed(wheel: list[str], package: str) -> None:
    assert f"{package}/py.typed" in wheel


def test_the_native_module_is_the_one_compiled_file_of_the_wheel(wheel: list[str]) -> None:
    (compiled,) = [name for name in wheel if name.endswith(COMPILED)]
    assert compiled.startswith("reldistill_loader/_native.")
    assert "reldistill_loader/_native.pyi" in wheel


def test_the_wheel_says_the_command_and_the_plugins(dist: Path) -> None:
    (archive,) = dist.glob("*.whl")
    with zipfile.ZipFile(archive) as content:
        (name,) = [name for name in content.namelist() if name.endswith("entry_points.txt")]
        text = content.read(name).decode()
    assert "minictl = reldistill_cli.main:run" in text
    assert "[reldistill]\nlayers = reldistill_plugins.layers\n" in text
    assert "[pytest11]\nreldistill = reldistill.testing.pytest_plugin\n" in text


def test_the_sdist_holds_nothing_that_was_built(sdist: list[str]) -> None:
    assert [name for name in sdist if name.endswith(COMPILED) or name.startswith(("target/", ".venv/"))] == []


def test_the_sdist_holds_what_a_build_and_the_tests_need(sdist: list[str]) -> None:
    needed = {
        "pyproject.toml",
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "rust_loader/build_hook.py",
        "tests/conftest.py",
        "studies/miniature/plan.py",
        "studies/miniature/README.md",
    }
    assert needed <= set(sdist)


def test_the_wheel_answers_without_the_source(dist: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("*.whl")
    with zipfile.ZipFile(archive) as content:
        content.extractall(tmp_path)
    script = "import reldistill_loader as l, reldistill as r; print(l.__file__, l.Corpus.__name__, r.relation_loss.__module__)"
    child = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert child.stdout.split() == [
        str(tmp_path / "reldistill_loader/__init__.py"), "Corpus", "reldistill.loss.relation_loss",
    ]  # fmt: skip
