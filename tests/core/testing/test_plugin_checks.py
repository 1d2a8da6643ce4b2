"""What is asked of a plugin's module, and that its things are checked too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import reldistill_plugins.layers
import reldistill_plugins.relations
import reldistill_plugins.tasks
import reldistill_plugins.teachers
from kit_outcomes import advice, outcomes
from reldistill import PairRelation, hookimpl
from reldistill.testing import Check, ConformanceError, NotApplicable, plugin_checks

BUILT_IN = [
    reldistill_plugins.layers, reldistill_plugins.relations, reldistill_plugins.tasks, reldistill_plugins.teachers,
]  # fmt: skip


@pytest.mark.parametrize("module", BUILT_IN, ids=lambda module: module.__name__)
def test_the_built_in_plugins_conform(module: ModuleType) -> None:
    failed, passed = {}, 0
    for check in plugin_checks(module):
        try:
            check()
            passed += 1
        except NotApplicable:
            pass
        except ConformanceError as error:
            failed[str(check)] = str(error)
    assert failed == {}
    assert passed > 5


def plugin(name: str = "a_plugin", **hooks: Any) -> ModuleType:
    """A module with these functions, marked as hooks."""
    module = ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    return module


def relation(name: str = "query-key") -> PairRelation:
    return PairRelation(name, "query", "key")


def checks_of_the_plugin(module: object) -> list[Check]:
    return [check for check in plugin_checks(module) if check.subject.startswith("plugin ")]


def test_a_sound_plugin_passes_and_so_does_what_it_gives() -> None:
    module = plugin(reldistill_relations=lambda: [relation()])
    assert set(outcomes(checks_of_the_plugin(module)).values()) == {""}
    subjects = dict.fromkeys(check.subject for check in plugin_checks(module))
    assert list(subjects) == ["plugin a_plugin", "relation query-key"]


def test_any_object_with_hooks_is_a_plugin() -> None:
    class Plugin:
        @hookimpl
        def reldistill_relations(self) -> Any:
            return [relation()]

    assert set(outcomes(checks_of_the_plugin(Plugin())).values()) == {""}


def unmarked() -> ModuleType:
    module = ModuleType("unmarked")
    module.reldistill_relations = lambda: [relation()]  # type: ignore[attr-defined]
    return module


def used_up() -> ModuleType:
    once: Iterator[PairRelation] = iter([relation()])
    return plugin(reldistill_relations=lambda: once)


def chatty() -> ModuleType:
    def hook() -> list[PairRelation]:
        print("hello")
        return [relation()]

    return plugin(reldistill_relations=hook)


WRONG = [
    ("loads", plugin(reldistill_relation=lambda: [relation()]), "the plugin does not load: PluginValidationError", "Correct what"),
    ("loads", plugin(reldistill_relations=lambda: 1 / 0), "ZeroDivisionError: division by zero", "Correct what is named"),
    ("loads", plugin(reldistill_relations=lambda: [relation(), relation()]), "provides two of the relation", "named"),
    ("gives", ModuleType("empty"), "no hook gives anything", "Add a hook (reldistill_"),
    ("gives", unmarked(), "reldistill_relations is there without @hookimpl", "Mark them"),
    ("again", used_up(), "gave nothing where they had given relation query-key", "not a generator that is used up"),
    ("quiet", chatty(), "a hook printed 'hello'", "Take the print out"),
    ("names", plugin(reldistill_relations=lambda: [relation("qq")]), "the relation 'qq' is one of the toolkit's", "a-plugin-qq"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "module", "found", "change"), WRONG)
def test_what_is_wrong_is_found_and_the_cure_is_named(name: str, module: Any, found: str, change: str) -> None:
    error = advice(checks_of_the_plugin(module), name)
    assert found in error.found
    assert change in error.change


def test_every_check_has_been_seen_to_fail() -> None:
    sound = plugin(reldistill_relations=lambda: [relation()])
    assert {check.name for check in checks_of_the_plugin(sound)} == {name for name, *_ in WRONG}


def test_of_a_plugin_that_does_not_load_that_is_all_that_is_checked() -> None:
    assert [check.name for check in plugin_checks(plugin(reldistill_relations=lambda: [None]))] == ["loads"]


def test_a_check_says_what_it_holds_and_what_it_is_about() -> None:
    for check in plugin_checks(plugin(reldistill_relations=lambda: [relation()])):
        assert str(check) == f"{check.subject}: {check.name}"
        assert check.about
        assert "\n" not in check.about


def test_advice_has_three_parts_and_can_be_sent_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(ConformanceError("a", "b", "c")))
    assert str(error) == "Found: a\nContract: b\nChange: c"
    assert isinstance(error, AssertionError)


def test_an_attempt_to_exit_is_a_failure_and_an_interrupt_is_none() -> None:
    def leave() -> None:
        sys.exit(3)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(ConformanceError, match="raised SystemExit: 3"):
        Check("plugin p", "n", leave)()
    with pytest.raises(KeyboardInterrupt):
        Check("plugin p", "n", interrupt)()


def test_what_cannot_be_checked_is_skipped_by_pytest_without_help() -> None:
    import unittest

    assert issubclass(NotApplicable, unittest.SkipTest)


@pytest.mark.parametrize(
    "module", ["reldistill.testing", "reldistill.testing.pytest_plugin", "reldistill.testing.installed"]
)
def test_the_kit_and_its_pytest_plugin_wait_for_torch(module: str) -> None:
    heavy = "torch", "transformers", "numpy", "datasets", "pluggy" if module == "reldistill.testing" else "torch"
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
