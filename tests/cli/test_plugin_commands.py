"""Commands that other distributions add: seen by their metadata, imported when they are run, blamed for what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill_cli.main import app

FUNCTION = """
import typer
from typing import Annotated

def command(who: Annotated[str, typer.Argument()], loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
    \"\"\"Greet somebody.\"\"\"
    typer.echo(f"ahoy {who}".upper() if loud else f"ahoy {who}")
"""

RAISES = "def command() -> None:\n    {0}\n"


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


def minictl(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def check_refused(outcome: Result, *said: str) -> None:
    """Exit code 4, one message, no traceback."""
    assert outcome.exit_code == 4, outcome.output
    assert isinstance(outcome.exception, SystemExit)
    assert outcome.stderr.count("error: ") == 1
    assert "Traceback" not in outcome.stderr
    for part in said:
        assert part in outcome.stderr


# ---- a sound command ----------------------------------------------------------------------------------------------


def test_a_function_is_a_command_with_arguments_options_and_help(plugins: PluginFolder) -> None:
    plugins.add_command("ahoy", FUNCTION)
    assert minictl("ahoy", "Ann").stdout == "ahoy Ann\n"
    assert minictl("ahoy", "Ann", "--loud").stdout == "AHOY ANN\n"
    shown = minictl("ahoy", "--help")
    assert shown.exit_code == 0
    assert "Greet somebody." in shown.stdout
    assert "--loud" in shown.stdout
    assert "minictl ahoy" in shown.stdout or "root ahoy" in shown.stdout


def test_what_the_user_types_wrongly_is_a_usage_error_as_with_any_command(plugins: PluginFolder) -> None:
    plugins.add_command("ahoy", FUNCTION)
    outcome = minictl("ahoy", "Ann", "--quiet")
    assert outcome.exit_code == 2
    assert "--quiet" in outcome.stderr


def test_a_typer_app_is_a_command_with_commands(plugins: PluginFolder) -> None:
    source = (
        "import typer\ncommand = typer.Typer()\n"
        "@command.command()\ndef one() -> None:\n    print(1)\n"
        "@command.command()\ndef two(times: int = 1) -> None:\n    print(2 * times)\n"
    )
    plugins.add_command("count", source)
    assert minictl("count", "one").stdout == "1\n"
    assert minictl("count", "two", "--times", "3").stdout == "6\n"
    assert minictl("count", "three").exit_code == 2


def test_a_click_command_reads_its_own_arguments(plugins: PluginFolder) -> None:
    source = (
        "import click\n@click.command()\n@click.option('--times', type=int, default=1)\n@click.argument('word')\n"
        "def command(times, word):\n    click.echo(word * times)\n"
    )
    plugins.add_command("say", source)
    assert minictl("say", "ha", "--times", "2").stdout == "haha\n"
    assert minictl("say").exit_code == 2
    assert "--times" in minictl("say", "--help").stdout


def test_its_own_exit_code_is_kept(plugins: PluginFolder) -> None:
    plugins.add_command("seven", "import typer\n" + RAISES.format("raise typer.Exit(7)"))
    assert minictl("seven").exit_code == 7


def test_errors_of_ours_keep_their_exit_code(plugins: PluginFolder) -> None:
    source = "from reldistill import DataError\n" + RAISES.format("raise DataError('no rows', hint='Give some.')")
    plugins.add_command("rows", source)
    outcome = minictl("rows")
    assert outcome.exit_code == 3
    assert outcome.stderr == "error: no rows\nGive some.\n"


# ---- seen without being imported ----------------------------------------------------------------------------------


def test_help_shows_it_in_a_panel_of_its_own_by_its_metadata(plugins: PluginFolder, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    plugins.add_command(
        "ahoy", f"open({str(marker)!r}, 'w')", distribution="sea-words", version="2.1", summary="Greets"
    )
    shown = minictl("--help").stdout
    panel = shown.partition("Commands of plugins")[2]
    assert "ahoy" in panel
    assert "Greets (sea-words 2.1)" in panel
    assert "distill" not in panel
    assert not marker.exists()


def test_without_such_commands_there_is_no_panel() -> None:
    assert "Commands of plugins" not in minictl("--help").stdout


def test_the_list_shows_commands_beside_plugins(plugins: PluginFolder) -> None:
    plugins.add_command("ahoy", "raise RuntimeError", distribution="sea-words", version="2.1", summary="Greets")
    found = json.loads(minictl("plugins", "list", "--json").stdout)
    assert found["commands"] == [
        {
            "name": "ahoy", "distribution": "sea-words", "version": "2.1", "module": "sea_words_ahoy_command",
            "builtin": False, "enabled": True, "summary": "Greets",
        }
    ]  # fmt: skip
    assert "ahoy" not in [row["name"] for row in found["plugins"]]
    assert any(line.startswith("minictl ahoy") for line in minictl("plugins", "list").stdout.splitlines())


@pytest.mark.parametrize("typed", ["ah", "ahoy "])
def test_shell_completion_offers_it_and_imports_nothing(plugins: PluginFolder, tmp_path: Path, typed: str) -> None:
    marker = tmp_path / "imported"
    plugins.add_command("ahoy", f"open({str(marker)!r}, 'w')\n{FUNCTION}")
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(plugins.path), *sys.path]), "_MINICTL_COMPLETE": "complete_bash",
        "COMP_WORDS": f"minictl {typed}", "COMP_CWORD": str(len(typed.split(" "))), "_TYPER_COMPLETE_ARGS": f"minictl {typed}",
    }  # fmt: skip
    child = subprocess.run(
        [sys.executable, "-c", "from reldistill_cli.main import app; app(prog_name='minictl')"],
        env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert child.stderr == ""
    assert child.stdout.split() == (["ahoy"] if typed == "ah" else [])
    assert not marker.exists()


# ---- names --------------------------------------------------------------------------------------------------------


def test_a_built_in_command_cannot_be_shadowed_and_the_list_says_so(plugins: PluginFolder, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    plugins.add_command("doctor", f"open({str(marker)!r}, 'w')\n{FUNCTION}", distribution="quack")
    assert "Show what this machine can do" in minictl("doctor", "--help").stdout
    assert "quack" not in minictl("--help").stdout
    row = json.loads(minictl("plugins", "list", "--json").stdout)["commands"][0]
    assert (row["name"], row["enabled"]) == ("doctor", False)
    assert "no (a command of minictl's own has this name)" in minictl("plugins", "list").stdout
    assert not marker.exists()
    assert minictl("quack:doctor", "Ann").stdout == "ahoy Ann\n"


def test_a_name_of_two_distributions_is_an_error_that_names_both_and_the_way_out(plugins: PluginFolder) -> None:
    for distribution in ("first-words", "second-words"):
        plugins.add_command("ahoy", FUNCTION.replace("ahoy {", f"{distribution} {{"), distribution=distribution)
    check_refused(
        minictl("ahoy", "Ann"),
        "command 'ahoy' of first-words 1.0 and command 'ahoy' of second-words 1.0",
        "Say which: minictl first-words:ahoy or second-words:ahoy.",
    )
    assert minictl("Second_Words:ahoy", "Ann").stdout == "second-words Ann\n"
    shown = minictl("--help").stdout
    assert "first-words:ahoy" in shown
    assert "second-words:ahoy" in shown


def test_an_unknown_command_is_a_usage_error(plugins: PluginFolder) -> None:
    plugins.add_command("ahoy", FUNCTION)
    outcome = minictl("ahoi")
    assert outcome.exit_code == 2
    assert "No such command 'ahoi'" in outcome.stderr


@pytest.mark.parametrize("name", ["two words", "-x", "ä"])
def test_what_is_no_name_of_a_command_is_left_out(plugins: PluginFolder, name: str) -> None:
    plugins.add_command(name, FUNCTION, distribution="odd")
    assert "odd 1.0" not in minictl("--help").stdout
    assert "no (not a name of a command)" in minictl("plugins", "list").stdout


# ---- MINICTL_PLUGINS ----------------------------------------------------------------------------------------------


def test_minictl_plugins_restricts_commands_too(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.add_command("ahoy", FUNCTION)
    plugins.add_command("hello", FUNCTION.replace("ahoy", "hello"))
    monkeypatch.setenv("MINICTL_PLUGINS", "hello")
    check_refused(minictl("ahoy", "Ann"), "command 'ahoy' of ahoy 1.0 is left out by MINICTL_PLUGINS")
    assert minictl("hello", "Ann").stdout == "hello Ann\n"
    shown = minictl("--help").stdout
    assert "hello 1.0" in shown
    assert "ahoy" not in shown
    found = json.loads(minictl("plugins", "list", "--json").stdout)["commands"]
    assert {row["name"]: row["enabled"] for row in found} == {"ahoy": False, "hello": True}


def test_a_restriction_to_a_command_is_none_that_names_nothing(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add_command("ahoy", FUNCTION, distribution="sea-words")
    plugins.add("mine", GOOD_RELATION.format(name="a"))
    for restriction in ("ahoy", "sea-words", "mine", "mine,ahoy"):
        monkeypatch.setenv("MINICTL_PLUGINS", restriction)
        assert minictl("plugins", "list").exit_code == 0


def test_help_is_given_where_the_restriction_names_what_is_not_there(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add_command("ahoy", FUNCTION)
    monkeypatch.setenv("MINICTL_PLUGINS", "other")
    assert minictl("--help").exit_code == 0
    check_refused(minictl("ahoy", "Ann"), "MINICTL_PLUGINS names 'other', which is not installed")


# ---- broken ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('no licence')", "its import failed: RuntimeError: no licence"),
        ("import sys; sys.exit(0)", "its import failed: SystemExit: 0"),
        ("import a_module_that_nobody_has", "ModuleNotFoundError"),
        ("other = 1", "AttributeError"),
        ("command = 7", "is of type int, which is no command"),
        ("class command: ...", "is of type type, which is no command"),
        ("import typer\ncommand = typer.Typer()", "its import failed: RuntimeError"),
        ("def command(x: 'Nowhere'): ...", "NameError"),
    ],
)
def test_a_broken_command_ends_with_4_and_hurts_no_other(plugins: PluginFolder, source: str, said: str) -> None:
    plugins.add_command("broken", source, version="2.3")
    plugins.add_command("ahoy", FUNCTION)
    check_refused(minictl("broken"), "command 'broken' of broken 2.3: ", said)
    check_refused(minictl("broken", "--help"), "command 'broken' of broken 2.3: ", said)
    assert minictl("ahoy", "Ann").exit_code == 0
    assert minictl("--help").exit_code == 0
    assert minictl("plugins", "list").exit_code == 0


@pytest.mark.parametrize("what", ["1 / 0", "open('/nowhere/at/all')", "raise ImportError('reldistill_loader')"])
def test_what_a_command_raises_is_its_plugins_fault(plugins: PluginFolder, what: str) -> None:
    plugins.add_command("broken", RAISES.format(what))
    check_refused(minictl("broken"), "command 'broken' of broken 1.0: it failed: ")


def test_what_it_prints_at_import_stays_out_of_its_output(plugins: PluginFolder) -> None:
    plugins.add_command("ahoy", "print('at import')\n" + FUNCTION)
    outcome = minictl("ahoy", "Ann")
    assert outcome.stdout == "ahoy Ann\n"
    assert outcome.stderr == "at import\n"


def test_debug_shows_the_traceback(plugins: PluginFolder) -> None:
    plugins.add_command("broken", RAISES.format("1 / 0"))
    outcome = minictl("--debug", "broken")
    assert outcome.exit_code == 4
    assert "Traceback" in outcome.stderr
    assert "ZeroDivisionError" in outcome.stderr


def test_ctrl_c_in_a_command_is_the_users(plugins: PluginFolder) -> None:
    plugins.add_command("long", RAISES.format("raise KeyboardInterrupt"))
    outcome = minictl("long")
    assert outcome.exit_code == 130
