"""``minictl plugins show``: everything about one thing, by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill_cli.main import app

NOISY = '''"""Relations that make a noise."""
print("noise at import")
from dataclasses import dataclass
from reldistill import hookimpl

@dataclass(frozen=True)
class Loud:
    """R = softmax(volume · h · hᵀ)

    The second paragraph.
    """
    name: str = "loud"
    needs: frozenset[str] = frozenset({"hidden", "query"})
    volume: float = 2.5

    def logits(self, states, relation_heads):
        raise NotImplementedError

@hookimpl
def reldistill_relations():
    print("noise in a hook")
    return [Loud()]
'''

STRATEGY = """
from reldistill import LayerPair, UsageError, hookimpl

class Choosy:
    name = "{name}"

    def pairs(self, context):
        if context.teacher_layers > 12:
            raise UsageError("too deep")
        return [LayerPair(5, context.student_layers, 0.5)]

@hookimpl
def reldistill_layer_strategies():
    return [Choosy()]
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


def show(*words: str) -> Result:
    return CliRunner().invoke(app, ["plugins", "show", *words])


def found(name: str) -> list[dict[str, Any]]:
    outcome = show(name, "--json")
    assert outcome.exit_code == 0, outcome.output
    content = json.loads(outcome.stdout)
    assert content["name"] == name
    things: list[dict[str, Any]] = content["found"]
    return things


# ---- what is built in -----------------------------------------------------------------------------------------------


def test_of_a_relation_needs_formula_owner_and_command_are_shown() -> None:
    (relation,) = found("qk")
    assert (relation["kind"], relation["name"]) == ("relation", "qk")
    assert (relation["plugin"], relation["distribution"]) == ("relations", "reldistill")
    assert (relation["version"], relation["builtin"]) == (version("reldistill"), True)
    assert relation["options"] == {"needs": ["key", "query"], "left": "query", "right": "key"}
    assert "R = softmax(left_a · right_aᵀ / sqrt(d))" in relation["docs"]
    assert relation["use"] == "minictl distill --teacher bert-base --relations qk"


def test_of_a_strategy_the_layers_that_it_takes_are_shown() -> None:
    (strategy,) = found("paper")
    assert strategy["options"]["pairs"] == {"12 layers, student of 6": "12 → 6", "24 layers, student of 6": "21 → 6"}
    assert strategy["use"] == "minictl distill --teacher bert-base --layers paper"


@pytest.mark.parametrize("name", ["xlm-r", "xlmr-base", "xlm-roberta"])
def test_a_family_is_found_by_its_name_an_alias_and_a_model_type(name: str) -> None:
    (family,) = found(name)
    assert (family["kind"], family["name"]) == ("teacher family", "xlm-r")
    assert "xlm-roberta" in family["options"]["model_types"]
    assert family["options"]["aliases"]["xlmr-base"] == "FacebookAI/xlm-roberta-base"
    assert family["use"] == f"minictl distill --teacher {name if name == 'xlmr-base' else 'xlm-r-base'}"


def test_of_a_task_languages_grid_and_metrics_are_shown() -> None:
    (task,) = found("mrpc")
    options = task["options"]
    assert (options["languages"], options["epochs"], options["metrics"]) == (["en"], [3, 5, 10], ["accuracy", "f1"])
    assert options["learning_rates"] == [1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5]
    assert options["main_metric"] == "accuracy"
    assert options["evaluations"] == ["dev"]
    assert task["use"] == "minictl eval mrpc"


@pytest.mark.parametrize("name", ["qk", "uniform", "mbert", "mlqa"])
def test_on_a_terminal_the_same_is_a_line_a_fact(name: str) -> None:
    outcome = show(name)
    assert outcome.exit_code == 0
    (thing,) = found(name)
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == [*thing["kind"].split(), thing["name"]]
    assert any(line.startswith("use ") and line.endswith(thing["use"]) for line in lines)
    assert all(f"  {line}".rstrip() in lines for line in thing["docs"].splitlines())


def test_a_distribution_is_all_of_its_plugins_and_what_they_give() -> None:
    given = {plugin["name"]: plugin["options"]["gives"] for plugin in found("reldistill")}
    assert list(given) == ["layers", "relations", "tasks", "teachers"]
    assert given["layers"] == {"layer strategy": ["paper", "last", "uniform", "auto"]}


# ---- what is installed ----------------------------------------------------------------------------------------------


def test_of_a_plugins_relation_all_is_shown_and_its_noise_is_not_on_stdout(plugins: PluginFolder) -> None:
    plugins.add("noisy", NOISY, distribution="Noisy_Things", version="1.2")
    outcome = show("loud", "--json")
    (relation,) = json.loads(outcome.stdout)["found"]
    assert (relation["plugin"], relation["distribution"], relation["version"]) == ("noisy", "noisy-things", "1.2")
    assert (relation["module"], relation["class"]) == ("noisy_module", "noisy_module.Loud")
    assert relation["options"] == {"needs": ["hidden", "query"], "volume": 2.5}
    assert relation["docs"] == "R = softmax(volume · h · hᵀ)\n\nThe second paragraph."
    assert "noise in a hook" in outcome.stderr


@pytest.mark.parametrize("name", ["noisy", "Noisy.Things", "noisy-things:noisy"])
def test_a_plugin_is_found_by_its_name_and_its_distributions(plugins: PluginFolder, name: str) -> None:
    plugins.add("noisy", NOISY, distribution="noisy-things")
    (plugin,) = found(name)
    assert (plugin["kind"], plugin["docs"]) == ("plugin", "Relations that make a noise.")
    assert plugin["options"] == {"gives": {"relation": ["loud"]}}


def test_what_a_strategy_refuses_is_said_and_a_class_without_docs_has_none(plugins: PluginFolder) -> None:
    plugins.add("choosy-plugin", STRATEGY.format(name="choosy"))
    (strategy,) = found("choosy")
    assert strategy["options"]["pairs"] == {
        "12 layers, student of 6": "5 → 6 × 0.5",
        "24 layers, student of 6": "refused: too deep",
    }
    assert strategy["docs"] is None


def test_things_of_several_kinds_with_one_name_are_all_shown(plugins: PluginFolder) -> None:
    plugins.add("both", GOOD_RELATION.format(name="both"))
    plugins.add("other", STRATEGY.format(name="both"))
    assert [thing["kind"] for thing in found("both")] == ["relation", "layer strategy", "plugin"]


def test_of_two_things_with_one_name_each_has_its_distribution_in_the_command(plugins: PluginFolder) -> None:
    plugins.add("one", GOOD_RELATION.format(name="twice"))
    plugins.add("two", GOOD_RELATION.format(name="twice"))
    assert [thing["use"].split()[-1] for thing in found("twice")] == ["one:twice", "two:twice"]
    (second,) = found("two:twice")
    assert second["distribution"] == "two"


def test_what_has_the_name_of_a_built_in_is_shown_with_its_distribution(plugins: PluginFolder) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="qk"))
    assert [thing["use"].split()[-1] for thing in found("qk")] == ["qk", "mine:qk"]


def test_the_page_of_the_documentation_is_that_of_the_metadata(plugins: PluginFolder) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="lantern"))
    plugins.add_metadata(
        "mine-1.0", "[reldistill]\nmine = mine_module\n",
        "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\nProject-URL: Source, https://example.org/source\n"
        "Project-URL: Documentation, https://example.org/docs\n",
    )  # fmt: skip
    assert [thing["documentation"] for thing in found("lantern")] == ["https://example.org/docs"]
    assert "https://example.org/docs" in show("lantern").stdout


def test_what_docs_hold_for_a_terminal_to_obey_is_not_printed(plugins: PluginFolder) -> None:
    plugins.add("noisy", NOISY.replace("R = softmax", "\\x1b[31mR = [bold]softmax"))
    outcome = show("loud")
    assert "\x1b" not in outcome.stdout
    assert "[bold]softmax" in outcome.stdout


# ---- what is not there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "near"),
    [("unifrom", "uniform"), ("xlmr-bas", "xlmr-base"), ("mrcp", "mrpc"), ("relation", "relations"), ("loude", "loud")],
)
def test_an_unknown_name_is_refused_with_a_suggestion_of_any_kind(plugins: PluginFolder, name: str, near: str) -> None:
    plugins.add("noisy", NOISY)
    outcome = show(name)
    assert outcome.exit_code == 2
    assert f"nothing is called '{name}'\nDid you mean {near}?" in outcome.stderr
    assert outcome.stdout == ""


def test_an_unknown_name_ends_with_4_where_it_may_be_of_a_plugin_that_does_not_load(plugins: PluginFolder) -> None:
    plugins.add("broken", "raise RuntimeError('no lamp')")
    outcome = show("lantern")
    assert outcome.exit_code == 4
    assert outcome.stderr.count("plugin 'broken' of broken 1.0: RuntimeError: no lamp") == 1


def test_a_plugin_that_does_not_load_is_shown_with_the_reason_and_ends_with_4(plugins: PluginFolder) -> None:
    plugins.add("broken", "raise RuntimeError('no lamp')")
    outcome = show("broken", "--json")
    assert outcome.exit_code == 4
    (plugin,) = json.loads(outcome.stdout)["found"]
    assert plugin["failure"] == "RuntimeError: no lamp"
    assert outcome.stderr == "error: plugin 'broken' of broken 1.0 does not load: RuntimeError: no lamp\n"


def test_a_plugin_that_nobody_asked_about_is_a_warning(plugins: PluginFolder) -> None:
    plugins.add("broken", "raise RuntimeError('no lamp')")
    outcome = show("qk")
    assert outcome.exit_code == 0
    assert outcome.stderr == "warning: plugin 'broken' of broken 1.0 is left out: RuntimeError: no lamp\n"


def test_what_minictl_plugins_leaves_out_is_said(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="lantern"))
    monkeypatch.setenv("MINICTL_PLUGINS", "")
    (plugin,) = found("mine")
    assert plugin["options"] == {"gives": {}, "left_out_by": "MINICTL_PLUGINS"}
    outcome = show("lantern")
    assert outcome.exit_code == 2
    assert "MINICTL_PLUGINS leaves out what mine would give" in outcome.stderr


def test_an_alias_is_found_as_it_is_for_a_teacher() -> None:
    (family,) = found("XLM_R large")
    assert family["use"] == "minictl distill --teacher xlm-r-large"


def test_a_family_of_tasks_is_all_of_them() -> None:
    tasks = {task["name"]: task["use"] for task in found("glue")}
    assert len(tasks) == 9
    assert tasks["cola"] == "minictl eval cola"


def test_a_command_of_a_plugin_is_shown_by_its_metadata(plugins: PluginFolder) -> None:
    metadata = "Metadata-Version: 2.1\nName: kelp\nVersion: 2.0\nSummary: Counts kelp\n"
    plugins.add_metadata("kelp-2.0", "[reldistill.commands]\nkelp = no_such_module\n", metadata)
    (command,) = found("kelp")
    assert (command["kind"], command["distribution"], command["docs"]) == ("command", "kelp", "Counts kelp")
    assert command["use"] == "minictl kelp --help"
