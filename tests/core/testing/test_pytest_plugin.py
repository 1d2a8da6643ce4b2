"""pytest with the kit: run as a plugin's author runs it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostile_plugins import GOOD_RELATION, PluginFolder

pytestmark = pytest.mark.slow  # each starts a Python that imports torch

NO_HEADS = """
from dataclasses import dataclass
from reldistill import hookimpl

@dataclass(frozen=True)
class NoHeads:
    name: str = "no-heads"
    needs: frozenset[str] = frozenset({"hidden"})

    def logits(self, states, relation_heads):
        return states.require("hidden") @ states.require("hidden").T

@hookimpl
def reldistill_relations():
    return [NoHeads()]
"""

TWO_LINES = """
import pytest
import {module}
from reldistill.testing import plugin_checks

@pytest.mark.parametrize("check", plugin_checks({module}), ids=str)
def test_conforms(check): check()
"""


@pytest.fixture
def plugins(tmp_path: Path) -> PluginFolder:
    return PluginFolder(tmp_path / "plugins")


def run(here: Path, *arguments: str, loaded: bool = True) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, with the plugins beside it and this plugin of pytest alone."""
    path = [str(here / "plugins"), *filter(None, sys.path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    (here / "tests").mkdir(exist_ok=True)
    plugin = ["-p", "reldistill.testing.pytest_plugin"] if loaded else []
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "--color=no", *plugin, *arguments]
    return subprocess.run(command, cwd=here / "tests", env=environment, capture_output=True, text=True, check=False)


def write_test(here: Path, module: str) -> None:
    (here / "tests").mkdir()
    (here / "tests" / "test_it.py").write_text(TWO_LINES.format(module=module))


def test_two_lines_check_a_sound_plugin(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    write_test(tmp_path, "mine_module")
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("loaded", [True, False])
def test_what_is_not_applicable_is_skipped_with_its_reason(plugins: PluginFolder, tmp_path: Path, loaded: bool) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    write_test(tmp_path, "mine_module")
    done = run(tmp_path, "-k", "mps", loaded=loaded)
    assert done.returncode == 0
    assert "there is no MPS device here" in done.stdout
    assert "1 skipped" in done.stdout
    if loaded:
        assert "SKIPPED [1] test_it.py:6: there is no MPS device here" in done.stdout


def test_a_failure_is_advice_without_a_traceback(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("mine", NO_HEADS)
    write_test(tmp_path, "mine_module")
    done = run(tmp_path, "-k", "shape")
    assert done.returncode == 1
    (shown,) = [part for part in done.stdout.split("\n___") if "Found: " in part]
    lines = shown.splitlines()
    assert "test_conforms[relation no-heads: shape]" in lines[0]
    assert [line.partition(":")[0] for line in lines[1:4]] == ["Found", "Contract", "Change"]
    assert "check.py" not in done.stdout


def test_a_failure_of_another_kind_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("def test_it():\n    numbers = [1]\n    assert numbers == [2]\n")
    done = run(tmp_path)
    assert done.returncode == 1
    assert ">       assert numbers == [2]" in done.stdout
    assert "test_it.py:3: AssertionError" in done.stdout


def test_an_installed_plugin_is_checked_without_a_test_file(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    done = run(tmp_path, "--reldistill-plugin", "mine", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine:mine::relation my-qk: shape PASSED" in done.stdout
    assert "mine:mine::plugin mine: loads PASSED" in done.stdout
    assert "SKIPPED [1] mine:mine: there is no MPS device here" in done.stdout


def test_plugins_are_chosen_by_name_or_distribution_and_checks_by_keyword(
    plugins: PluginFolder, tmp_path: Path
) -> None:
    plugins.add("one", GOOD_RELATION.format(name="first"), distribution="Some_Plugins")
    plugins.add("two", NO_HEADS)
    arguments = ["--reldistill-plugin", "some-plugins", "--reldistill-plugin", "two", "-k", "shape", "-v"]
    done = run(tmp_path, *arguments)
    assert "some-plugins:one::relation first: shape PASSED" in done.stdout
    assert "two:two::relation no-heads: shape FAILED" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_a_plugin_that_does_not_load_is_a_test_that_fails(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("broken", "raise RuntimeError('no licence')")
    done = run(tmp_path, "--reldistill-plugin", "broken")
    assert done.returncode == 1
    assert "Found: the plugin does not load: RuntimeError: no licence" in done.stdout


def test_a_name_that_nothing_has_is_an_error_of_use_with_a_suggestion(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="my-qk"))
    done = run(tmp_path, "--reldistill-plugin", "mein")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no installed plugin or distribution is called 'mein'" in done.stderr + done.stdout
    assert "Did you mean mine?" in done.stderr + done.stdout
