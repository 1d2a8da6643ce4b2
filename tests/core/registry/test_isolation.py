"""A broken plugin hurts nobody but those who ask for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import MakeTeacher
from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill import PLUGIN_API, PluginError, Registry, UsageError
from reldistill_cli.main import app

BUILT_IN = ["qq", "kk", "vv", "qk", "kq", "qv", "vq", "kv", "vk"]

MISSPELT = """
from reldistill import hookimpl

@hookimpl
def reldistill_relation():
    return []
"""

WITH_ARGUMENT = """
from reldistill import hookimpl

@hookimpl
def reldistill_relations(config):
    return []
"""

RETURNS = """
from dataclasses import dataclass, field
from reldistill import PairRelation, hookimpl

class Relation:
    def __init__(self, name="r", needs=frozenset({{"query"}})):
        self.name, self.needs = name, needs

    def logits(self, states, relation_heads): ...

@dataclass
class Unhashable(Relation):
    name: str = "r"
    needs: frozenset[str] = frozenset({{"query"}})

class Pair(PairRelation):
    def logits(self, states, relation_heads): ...

class Strategy:
    name = "s"

class Adapter:
    name, model_types, aliases = "a", frozenset({{"a"}}), {{}}

    def nothing(self, *arguments): ...

    student_config = position_offset = cut = projections = nothing

    def __init__(self, **fields):
        self.__dict__.update(fields)

@hookimpl
def reldistill_{hook}():
    return {value}
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


def load() -> tuple[Registry, list[str]]:
    warnings: list[str] = []
    return Registry.installed(warn=warnings.append), warnings


def reason(folder: PluginFolder, source: str) -> str:
    """Install a plugin that breaks, and a sound one; what is said of the broken one."""
    folder.add("broken", source, version="2.3")
    folder.add("sound", GOOD_RELATION.format(name="fine"))
    registry, warnings = load()
    assert registry.relations.names() == [*BUILT_IN, "fine"]
    assert len(warnings) == len(registry.failures) == 1
    start = "plugin 'broken' of broken 2.3 is left out: "
    assert warnings[0].startswith(start)
    assert "\n" not in warnings[0]
    return warnings[0].removeprefix(start)


# ---- a plugin that fails is one warning that names it; the others work --------------------------------------------


def test_a_plugin_that_raises_on_import_is_left_out(plugins: PluginFolder) -> None:
    assert reason(plugins, "raise RuntimeError('no licence\\nsecond line')") == "RuntimeError: no licence"


def test_a_plugin_that_lacks_a_module_is_left_out(plugins: PluginFolder) -> None:
    said = reason(plugins, "import a_module_that_nobody_has")
    assert said == "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"


def test_a_plugin_that_is_no_python_is_left_out(plugins: PluginFolder) -> None:
    assert reason(plugins, "def (").startswith("SyntaxError: ")


def test_a_plugin_whose_hook_raises_is_left_out(plugins: PluginFolder) -> None:
    source = "from reldistill import hookimpl\n@hookimpl\ndef reldistill_relations():\n    return 1 / 0\n"
    assert reason(plugins, source) == "ZeroDivisionError: division by zero"


def test_a_plugin_that_exits_does_not_end_the_program(plugins: PluginFolder) -> None:
    assert reason(plugins, "import sys; sys.exit('bye')") == "SystemExit: bye"


def test_an_error_without_words_is_still_named(plugins: PluginFolder) -> None:
    assert reason(plugins, "raise KeyError()") == "KeyError: no message"


def test_what_a_failing_plugin_gave_before_it_failed_is_left_out_too(plugins: PluginFolder) -> None:
    source = RETURNS.format(hook="relations", value="[PairRelation('half', 'query', 'key'), None]")
    reason(plugins, source)
    with pytest.raises(PluginError, match="unknown relation 'half'"):
        load()[0].relations.get("half")


def test_the_users_interrupt_is_not_taken_for_a_fault_of_the_plugin(plugins: PluginFolder) -> None:
    plugins.add("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


# ---- hooks --------------------------------------------------------------------------------------------------------


def test_a_misspelt_hook_is_named(plugins: PluginFolder) -> None:
    assert "unknown hook 'reldistill_relation'" in reason(plugins, MISSPELT)


def test_a_hook_with_arguments_is_told_so(plugins: PluginFolder) -> None:
    assert "{'config'} are declared in the hookimpl but can not be found" in reason(plugins, WITH_ARGUMENT)


@pytest.mark.parametrize(
    ("hook", "value", "said"),
    [
        ("relations", "None", "TypeError: reldistill_relations must return an iterable, got None"),
        ("relations", "'qq'", "TypeError: reldistill_relations must return an iterable, got 'qq'"),
        ("relations", "[7]", "a relation needs a name of letters, digits, '_', '-' and '.', got None"),
        ("relations", "[Relation('two words')]", "got 'two words'"),
        ("relations", "[Relation('a:b')]", "got 'a:b'"),
        ("relations", "[Relation('a=b')]", "got 'a=b'"),
        ("relations", "[Relation('')]", "got ''"),
        ("relations", "[Unhashable()]", "relation 'r' is not hashable; make it a frozen dataclass"),
        (
            "relations",
            "[Relation(needs={'query'})]",
            "needs must be a non-empty frozenset of query, key, value, hidden",
        ),
        ("relations", "[Relation(needs=frozenset())]", "needs must be a non-empty frozenset"),
        ("relations", "[Relation(needs=frozenset({'attention'}))]", "got frozenset({'attention'})"),
        ("relations", "[PairRelation('r', 'query', 'hidden')]", "'hidden' is not a projection"),
        ("relations", "[Strategy()]", "relation 's': needs must be"),
        ("relations", "[Pair('r', 'query', 'key')]", "is a PairRelation with logits of its own"),
        ("relations", "[Relation(), Relation()]", "broken provides two of the relation 'r'"),
        ("layer_strategies", "[Strategy()]", "layer strategy 's' has no pairs(context)"),
        ("teachers", "[Strategy()]", "teacher adapter 's': model_types must be a non-empty frozenset of str, got None"),
        ("teachers", "[Adapter(model_types='bert')]", "must be a non-empty frozenset of str, got 'bert'"),
        ("teachers", "[Adapter(aliases=['a'])]", "aliases must be a mapping of str to str, got ['a']"),
        ("teachers", "[Adapter(cut=None)]", "teacher adapter 'a' lacks cut"),
    ],
)
def test_what_breaks_the_contract_is_left_out_and_the_contract_said(
    plugins: PluginFolder, hook: str, value: str, said: str
) -> None:
    assert said in reason(plugins, RETURNS.format(hook=hook, value=value))


def test_a_hook_may_be_a_generator(plugins: PluginFolder) -> None:
    plugins.add("lazy", GOOD_RELATION.format(name="lazy").replace("return [", "yield from ["))
    registry, warnings = load()
    assert "lazy" in registry.relations.names()
    assert warnings == []


# ---- metadata that a distribution should not have -----------------------------------------------------------------


def test_a_distribution_without_metadata_does_no_harm(plugins: PluginFolder) -> None:
    plugins.add_metadata("nameless-1.0", "[reldistill]\nlost = lost_module\n", None)
    registry, warnings = load()
    assert registry.relations.names() == BUILT_IN
    assert warnings == ["plugin 'lost' of unknown ? is left out: ModuleNotFoundError: No module named 'lost_module'"]


@pytest.mark.parametrize("entry_points", ["[reldistill]\nno equals sign\n", "[reldistill]\nodd = not a module!\n"])
def test_damaged_entry_points_do_no_harm(plugins: PluginFolder, entry_points: str) -> None:
    plugins.add_metadata("odd-1.0", entry_points, "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    assert load()[0].relations.names() == BUILT_IN
    assert CliRunner().invoke(app, ["plugins", "list"]).exit_code == 0


# ---- names --------------------------------------------------------------------------------------------------------


def test_a_name_of_two_plugins_is_an_error_that_names_both_and_the_way_out(plugins: PluginFolder) -> None:
    plugins.add("one", GOOD_RELATION.format(name="shared"), distribution="first-plugins", version="1.1")
    plugins.add("two", GOOD_RELATION.format(name="shared"), distribution="second-plugins", version="2.2")
    registry, warnings = load()
    assert warnings == []
    with pytest.raises(PluginError) as caught:
        registry.relations.get("shared")
    assert "plugin 'one' of first-plugins 1.1 and plugin 'two' of second-plugins 2.2" in caught.value.message
    assert caught.value.hint == "Say which: first-plugins:shared or second-plugins:shared."


@pytest.mark.parametrize("written", ["second-plugins:shared", "Second_Plugins:shared"])
def test_the_distribution_chooses_among_plugins_of_one_name(plugins: PluginFolder, written: str) -> None:
    plugins.add("one", GOOD_RELATION.format(name="shared"), distribution="first-plugins")
    plugins.add("two", GOOD_RELATION.format(name="shared"), distribution="second-plugins")
    assert load()[0].relations.get(written).source.distribution == "second-plugins"


def test_a_built_in_cannot_be_shadowed(plugins: PluginFolder) -> None:
    plugins.add("shadow", GOOD_RELATION.format(name="qq"))
    registry, _ = load()
    assert registry.relations.get("qq").source.builtin
    assert registry.relations.get("shadow:qq").source.distribution == "shadow"
    assert registry.relations.get("reldistill:qq").source.builtin


def test_an_unknown_name_is_a_usage_error_with_a_suggestion_where_all_plugins_loaded(plugins: PluginFolder) -> None:
    plugins.add("sound", GOOD_RELATION.format(name="token-pairs"))
    with pytest.raises(UsageError, match=r"unknown relation 'token-pears'\nDid you mean token-pairs\?") as caught:
        load()[0].relations.get("token-pears")
    assert caught.value.exit_code == 2


def test_an_unknown_name_is_a_plugin_error_with_the_reason_where_some_plugin_failed(plugins: PluginFolder) -> None:
    plugins.add("broken", "raise RuntimeError('no licence')")
    with pytest.raises(PluginError, match=r"plugin 'broken' of broken 1\.0: RuntimeError: no licence") as caught:
        load()[0].relations.get("licensed")
    assert caught.value.exit_code == 4


# ---- MINICTL_PLUGINS ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restriction", "found"),
    [("", []), ("one", ["a"]), ("first-plugins", ["a"]), ("First_Plugins , two", ["a", "b"])],
)
def test_minictl_plugins_restricts_what_is_loaded_beside_the_built_in(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch, restriction: str, found: list[str]
) -> None:
    plugins.add("one", GOOD_RELATION.format(name="a"), distribution="first-plugins")
    plugins.add("two", GOOD_RELATION.format(name="b"))
    plugins.add("broken", "raise RuntimeError")
    monkeypatch.setenv("MINICTL_PLUGINS", restriction)
    registry, warnings = load()
    assert registry.relations.names() == [*BUILT_IN, *found]
    assert warnings == []


def test_minictl_plugins_with_a_plugin_that_is_not_there_is_an_error(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add("one", GOOD_RELATION.format(name="a"))
    monkeypatch.setenv("MINICTL_PLUGINS", "other")
    with pytest.raises(PluginError, match="MINICTL_PLUGINS names 'other', which is not installed") as caught:
        load()
    assert caught.value.hint == "Installed beside the built-in ones: one."


# ---- the command --------------------------------------------------------------------------------------------------


def distil(teacher: Path, text: Path, *more: str) -> list[str]:
    return ["distill", "--teacher", str(teacher), "--student", "1x12", "--student-heads", "2", "--data", str(text),
            "--max-length", "16", "--batch-size", "2", "--dry-run", *more]  # fmt: skip


def test_what_a_plugin_prints_stays_out_of_json(plugins: PluginFolder, teacher: MakeTeacher, text: Path) -> None:
    chatty = GOOD_RELATION.format(name="chatty").replace("    return", "    print('in the hook')\n    return")
    plugins.add("chatty", "print('at import')\n" + chatty)
    outcome = CliRunner().invoke(app, distil(teacher("bert"), text, "--json"))
    assert json.loads(outcome.stdout)["dry_run"] is True
    assert "at import" in outcome.stderr
    assert "in the hook" in outcome.stderr


def test_a_run_that_does_not_need_the_broken_plugin_works_and_says_so_once(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("broken", "raise RuntimeError('no licence')")
    outcome = CliRunner().invoke(app, distil(teacher("bert"), text))
    assert outcome.exit_code == 0
    assert outcome.stderr.count("warning: ") == 1
    assert "warning: plugin 'broken' of broken 1.0 is left out: RuntimeError: no licence\n" in outcome.stderr


@pytest.mark.parametrize(("source", "code"), [(GOOD_RELATION.format(name="sound"), 2), ("raise RuntimeError", 4)])
def test_an_unknown_relation_ends_with_4_only_where_a_plugin_failed(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path, source: str, code: int
) -> None:
    plugins.add("other", source)
    outcome = CliRunner().invoke(app, distil(teacher("bert"), text, "--relations", "unheard-of"))
    assert outcome.exit_code == code
    assert "unknown relation 'unheard-of'" in outcome.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["distill", "--help"], ["plugins", "list", "--json"]])
def test_help_and_the_list_of_plugins_import_no_plugin_and_no_torch(
    plugins: PluginFolder, tmp_path: Path, arguments: list[str]
) -> None:
    marker = tmp_path / "imported"
    plugins.add("marked", f"open({str(marker)!r}, 'w').close()")
    script = (
        "import sys\nfrom reldistill_cli.main import app\n"
        f"try:\n    app({arguments!r})\n"
        "finally:\n    print(*sorted({'torch', 'transformers', 'reldistill_plugins'} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(plugins.path)}
    child = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    assert child.stderr.strip() == ""
    assert not marker.exists()
    assert arguments[0] != "plugins" or "marked" in child.stdout


# ---- the plugin API -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", ["", f"reldistill_api = {PLUGIN_API}\n", "reldistill_api = None\n"])
def test_a_plugin_of_this_api_or_one_that_states_none_is_loaded(plugins: PluginFolder, stated: str) -> None:
    plugins.add("sound", stated + GOOD_RELATION.format(name="fine"))
    registry, warnings = load()
    assert "fine" in registry.relations.names()
    assert warnings == []


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (
            str(PLUGIN_API + 1),
            f"it was written for plugin API {PLUGIN_API + 1}, reldistill {version('reldistill')} has {PLUGIN_API}: install a "
            "newer reldistill, or an older broken",
        ),
        (
            "0",
            f"it was written for plugin API 0, reldistill {version('reldistill')} supports 1 to {PLUGIN_API}: install a newer "
            "broken, or an older reldistill",
        ),
        (
            "'1'",
            "TypeError: reldistill_api must be the number of the plugin API that it was written for, for example 1, got '1'",
        ),
        ("1.0", "got 1.0"),
        ("True", "got True"),
    ],
)
def test_a_plugin_of_another_api_is_left_out_with_advice(plugins: PluginFolder, stated: str, said: str) -> None:
    # Nothing else of it is looked at: of another API, a hook may be unknown here.
    assert said in reason(plugins, f"reldistill_api = {stated}\n{MISSPELT}")


def test_a_plugin_of_another_api_ends_a_run_that_asks_for_it(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("newer", f"reldistill_api = {PLUGIN_API + 1}\n" + GOOD_RELATION.format(name="wanted"))
    outcome = CliRunner().invoke(app, distil(teacher("bert"), text, "--relations", "wanted"))
    assert outcome.exit_code == 4
    assert outcome.stderr.count("error: ") == 1
    assert "install a newer reldistill" in outcome.stderr.partition("error: ")[2]
