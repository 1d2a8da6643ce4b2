"""``minictl config``, and ``--config`` and ``--preset`` of the commands that distil and plan."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from transformers import BertConfig
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from option_values import NAMES, as_arguments, as_text, each_option, four_values
from reldistill.config import EVAL, PRESETS, ConfigKind, config_schema
from reldistill_cli.main import app

OK, USAGE = 0, 2
SHOW = {"distill": "show", "eval": "show-eval"}


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def minictl(*arguments: object, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment).invoke(app, [str(word) for word in arguments])


def shown(*arguments: object, environment: dict[str, str] | None = None, command: str = "distill") -> dict[str, Any]:
    outcome = minictl("config", SHOW[command], *arguments, "--json", environment=environment)
    assert outcome.exit_code == OK, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def check_refused(outcome: Result, *said: str) -> None:
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "")
    for part in said:
        assert part in outcome.stderr


# ---- show ----------------------------------------------------------------------------------------------------------


@each_option
def test_of_every_option_the_flag_goes_before_the_environment_and_that_before_the_file(
    kind: ConfigKind[Any], name: str
) -> None:
    _, in_file, in_environment, on_line = four_values(kind, name)
    Path("options.toml").write_text(tomli_w.dumps({name: in_file}))
    variable = {"distill": "MINICTL_", "eval": "MINICTL_EVAL_"}[kind.command] + name.upper()
    environment = {variable: as_text(kind, name, in_environment)}
    flag = as_arguments(kind, name, on_line)
    command = kind.command
    found = [
        shown("--config", "options.toml", command=command)["options"][name],
        shown("--config", "options.toml", environment=environment, command=command)["options"][name],
        shown("--config", "options.toml", *flag, environment=environment, command=command)["options"][name],
    ]
    expected = [
        {"value": in_file, "origin": "options.toml"},
        {"value": in_environment, "origin": f"environment {variable}"},
        {"value": on_line, "origin": f"flag --{name.replace('_', '-')}"},
    ]
    assert found == json.loads(json.dumps(expected))


def test_a_flag_with_the_value_of_the_default_goes_before_the_file_too() -> None:
    Path("options.toml").write_text("batch_size = 7\ncompile = true\n")
    options = shown("--config", "options.toml", "--batch-size", 256, "--no-compile")["options"]
    assert options["batch_size"] == {"value": 256, "origin": "flag --batch-size"}
    assert options["compile"] == {"value": False, "origin": "flag --compile"}


def test_origins_stand_beside_the_values() -> None:
    Path("options.toml").write_text('preset = "minilm-v1"\nseed = 3\n')
    outcome = minictl(
        "config", "show", "--config", "options.toml", "--steps", 7, "--origin", environment={"MINICTL_CLIP": "2"}
    )
    assert outcome.exit_code == OK
    lines = [" ".join(line.split()) for line in outcome.stdout.splitlines()]
    for line in (
        "steps = 7 # flag --steps",
        "clip = 2.0 # environment MINICTL_CLIP",
        "seed = 3 # options.toml",
        'relation_heads = "attention" # preset minilm-v1',
        "batch_size = 256 # default",
        "# warmup: 4,000, at most a tenth of the steps # default",
        "# teacher: not set # default",
    ):
        assert line in lines


def test_what_is_shown_is_a_file_that_says_the_same() -> None:
    options = (
        "--preset",
        "minilmv2-large",
        "--teacher",
        "bert-large",
        "--data",
        'a "b".txt',
        "--data",
        "c",
        "--compile",
    )
    Path("shown.toml").write_text(minictl("config", "show", *options, "--origin").stdout)
    assert minictl("config", "validate", "shown.toml").exit_code == OK
    first, again = shown(*options)["options"], shown("--config", "shown.toml")["options"]
    assert {name: each["value"] for name, each in again.items()} == {
        name: each["value"] for name, each in first.items()
    }


def test_of_an_evaluation_origins_stand_beside_the_values_and_what_is_shown_is_a_file() -> None:
    Path("options.toml").write_text("seeds = [3]\n")
    options = ("--config", "options.toml", "--learning-rates", "2e-5,5e-5", "--languages", "all", "--quick")
    outcome = minictl("config", "show-eval", *options, "--origin", environment={"MINICTL_EVAL_EPOCHS": "3,5"})
    assert outcome.exit_code == OK
    lines = [" ".join(line.split()) for line in outcome.stdout.splitlines()]
    for line in (
        "# Search",
        "learning_rates = [2e-05, 5e-05] # flag --learning-rates",
        "epochs = [3, 5] # environment MINICTL_EVAL_EPOCHS",
        "seeds = [3] # options.toml",
        'languages = ["all"] # flag --languages',
        "quick = true # flag --quick",
        "# model: the student of the last distillation # default",
    ):
        assert line in lines
    Path("shown.toml").write_text(outcome.stdout)
    assert minictl("config", "validate", "shown.toml", "--command", "eval").exit_code == OK
    again = shown("--config", "shown.toml", command="eval")
    assert again["options"]["learning_rates"] == {"value": [2e-5, 5e-5], "origin": "shown.toml"}
    assert set(again) == {"config", "options"}


def test_json_says_which_file_and_which_preset() -> None:
    Path("options.toml").write_text('preset = "minilm-v1"\n')
    found = shown("--config", "options.toml")
    assert found["config"] == {"value": "options.toml", "origin": "flag --config"}
    assert found["preset"] == {"value": "minilm-v1", "origin": "options.toml"}
    assert tuple(found["options"]) == NAMES


# ---- validate, schema, presets ---------------------------------------------------------------------------------------


def test_a_file_that_is_right_is_said_to_be_valid() -> None:
    Path("one.toml").write_text("steps = 7\n")
    Path("two.toml").write_text('preset = "minilm-v1"\n')
    outcome = minictl("config", "validate", "one.toml", "two.toml")
    assert (outcome.exit_code, outcome.stdout) == (OK, "one.toml: valid\ntwo.toml: valid\n")


def test_all_problems_of_all_files_are_listed() -> None:
    Path("one.toml").write_text('steps = "7"\nstepz = 3\n')
    Path("two.toml").write_text("steps = 7\n")
    Path("three.toml").write_text("= 7\n")
    files = ("one.toml", "two.toml", "three.toml", "four.toml")
    outcome = minictl("config", "validate", *files)
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "two.toml: valid\n")
    assert outcome.stderr.startswith("error: 4 problems:\n")
    for part in (
        'one.toml: steps = "7"',
        "unknown key 'stepz'",
        "three.toml, line 1: not TOML",
        "four.toml: there is no such",
    ):
        assert part in outcome.stderr
    as_json = minictl("config", "validate", *files, "--json")
    assert as_json.exit_code == USAGE
    assert {file: len(said) for file, said in json.loads(as_json.stdout)["files"].items()} == dict(
        zip(files, (2, 0, 1, 1), strict=True)
    )


def test_a_file_is_valid_for_one_command() -> None:
    Path("eval.toml").write_text('seeds = [1, 2]\nlanguages = ["all"]\n')
    outcome = minictl("config", "validate", "eval.toml", "--command", "eval")
    assert (outcome.exit_code, outcome.stdout) == (OK, "eval.toml: valid\n")
    check_refused(
        minictl("config", "validate", "eval.toml"), "unknown keys 'seeds', 'languages'", "options of `minictl eval`"
    )
    Path("distill.toml").write_text("steps = 7\n")
    check_refused(
        minictl("config", "validate", "distill.toml", "--command", "eval"), "'steps'", "an option of `minictl distill`"
    )


def test_the_schema_is_printed() -> None:
    assert json.loads(minictl("config", "schema").stdout) == config_schema()
    assert json.loads(minictl("config", "schema", "--command", "eval").stdout) == config_schema(EVAL)


def test_the_presets_are_listed_with_what_they_set_and_its_source() -> None:
    outcome = minictl("config", "presets")
    assert outcome.exit_code == OK
    for name in PRESETS:
        assert f"{name}: " in outcome.stdout
    assert "--relation-heads 48 section 4.1" in " ".join(outcome.stdout.split())
    found = json.loads(minictl("config", "presets", "--json").stdout)
    assert found["minilm-v1"]["values"]["relations"] == {"value": "qk,vv", "source": "MiniLM"}


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("distill",), ("plan",), ("config", "show")])
def test_sources_that_cannot_be_are_refused_by_every_command(command: tuple[str, ...]) -> None:
    Path("options.toml").write_text("stepz = 3\n")
    check_refused(
        minictl(*command, "--preset", "minilmv2-bas"), "unknown preset 'minilmv2-bas'", "Did you mean minilmv2-base?"
    )
    check_refused(
        minictl(*command, "--config", "options.toml"), "options.toml: unknown key 'stepz'", "Did you mean steps?"
    )
    check_refused(minictl(*command, "--config", "none.toml"), "none.toml: there is no such file")
    check_refused(minictl(*command, environment={"MINICTL_STEP": "3"}), "MINICTL_STEP, which is no option")
    check_refused(
        minictl(*command, "--relation-heads", "many"), "--relation-heads many: must be an integer or attention"
    )


@pytest.mark.parametrize("command", [("eval", "rte"), ("config", "show-eval")])
def test_sources_that_cannot_be_are_refused_by_what_evaluates(command: tuple[str, ...]) -> None:
    Path("options.toml").write_text("teacher = 'bert-base'\n")
    check_refused(
        minictl(*command, "--config", "options.toml"), "unknown key 'teacher'", "an option of `minictl distill`"
    )
    check_refused(minictl(*command, "--config", "none.toml"), "none.toml: there is no such file")
    check_refused(minictl(*command, environment={"MINICTL_EVAL_CONFIG": "none.toml"}), "none.toml: there is no such")
    check_refused(minictl(*command, environment={"MINICTL_EVAL_SEED": "3"}), "MINICTL_EVAL_SEED, which is no option")
    check_refused(minictl(*command, environment={"MINICTL_STEPZ": "3"}), "MINICTL_STEPZ, which is no option")
    check_refused(minictl(*command, environment={"MINICTL_EVAL_SEEDS": "a"}), "MINICTL_EVAL_SEEDS=a: must be whole")
    check_refused(minictl(*command, "--seeds", "one"), "--seeds one: must be whole numbers, with commas")
    check_refused(minictl(*command, "--languages", "all,en"), "--languages all,en: all stands alone")
    assert "No such option: --preset" in minictl(*command, "--preset", "minilm-v1").output


def test_no_torch_is_imported() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from reldistill_cli.main import app\n"
        "from reldistill.config import resolve_config\n"
        "open('options.toml', 'w').write('steps = 7')\n"
        "for words in ('show --preset minilmv2-base --origin', 'show-eval --quick', 'validate options.toml', 'schema', 'presets'):\n"
        "    assert CliRunner().invoke(app, ['config', *words.split()]).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['distill', '--help']).exit_code == 0\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("False", OK), done.stderr


# ---- plan and distill ------------------------------------------------------------------------------------------------


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """BERT-base as a folder that holds its config.json and nothing else."""
    BertConfig().save_pretrained(tmp_path / "bert-base-here")
    return tmp_path / "bert-base-here"


def test_a_plan_is_told_by_file_preset_and_environment(bert: Path) -> None:
    Path("options.toml").write_text(
        tomli_w.dumps({"teacher": str(bert), "preset": "minilm-v1", "clip": 2, "data": ["a.txt"]})
    )
    outcome = minictl(
        "plan", "--config", "options.toml", "--device", "cpu", "--json", environment={"MINICTL_STEPS": "7"}
    )
    assert outcome.exit_code == OK, outcome.output
    found = json.loads(outcome.stdout)
    assert (found["relations"], found["relation_heads"], found["steps"]) == ({"qk": 1.0, "vv": 1.0}, 12, 7)


def test_a_plan_lists_unequal_attention_heads_among_its_problems(bert: Path) -> None:
    outcome = minictl("plan", "--teacher", bert, "--preset", "minilm-v1", "--student-heads", 6, "--device", "cpu")
    assert outcome.exit_code == USAGE
    assert "bert-base-here has 12 attention heads, the student 6" in outcome.stderr
    assert "pass --student-heads 12" in outcome.stderr
    assert "attention heads of the two differ" in " ".join(outcome.stdout.split())


def small_run(teacher: Path, text: Path) -> dict[str, Any]:
    return {
        "teacher": str(teacher), "data": [str(text)], "student": "2x12", "student_heads": 2, "max_length": 32, "batch_size": 4,
        "steps": 2, "device": "cpu",
    }  # fmt: skip


@pytest.mark.parametrize("more", [{}, {"output": "elsewhere"}, {"preset": "minilm-v1", "student_heads": 4}])
def test_the_file_in_a_run_folder_finds_the_run_that_wrote_it(
    teacher: MakeTeacher, text: Path, more: dict[str, Any]
) -> None:
    Path("options.toml").write_text(tomli_w.dumps(small_run(teacher("bert", layers=3, hidden_size=24), text) | more))
    first = minictl("distill", "--config", "options.toml", "--json")
    assert first.exit_code == OK, first.output
    run = Path(json.loads(first.stdout)["run"])
    again = minictl("distill", "--config", run / "config.toml")
    assert (again.exit_code, again.stdout) == (
        OK,
        f"this run is finished: {run / 'student'}\n--overwrite starts it again.\n",
    )
    assert minictl("config", "validate", run / "config.toml").exit_code == OK
    options = shown("--config", run / "config.toml")["options"]
    assert {name for name, each in options.items() if each["value"] is None} <= {
        "output",
        "validate_every",
        "checkpoint_every",
        "probe_steps",
    }
    assert "auto" not in (options["precision"]["value"], options["attention"]["value"], options["device"]["value"])
    other = minictl("distill", "--config", run / "config.toml", "--seed", 1, "--output", "other", "--json")
    assert json.loads(other.stdout)["already_there"] is False


def test_a_run_started_anew_leaves_no_order_to_start_anew(teacher: MakeTeacher, text: Path) -> None:
    Path("options.toml").write_text(tomli_w.dumps(small_run(teacher("bert", layers=3, hidden_size=24), text)))
    run = Path(json.loads(minictl("distill", "--config", "options.toml", "--overwrite", "--json").stdout)["run"])
    assert "overwrite" not in tomllib.loads((run / "config.toml").read_text())
    assert minictl("distill", "--config", run / "config.toml").stdout.startswith("this run is finished")


def test_unequal_attention_heads_are_refused_where_attention_is_compared(teacher: MakeTeacher, text: Path) -> None:
    Path("options.toml").write_text(tomli_w.dumps(small_run(teacher("bert", layers=3, hidden_size=24), text)))
    check_refused(
        minictl("distill", "--config", "options.toml", "--preset", "minilm-v1"),
        "--relation-heads attention: ", "has 4 attention heads, the student 2", "pass --student-heads 4",
    )  # fmt: skip
    assert not Path("runs").exists()


def test_the_help_of_an_evaluation_is_in_groups() -> None:
    lines = " ".join(minictl("eval", "--help").stdout.replace("│", " ").split())
    for group in ("Model and data", "Search", "Training", "Machine", "Output", "Configuration"):
        assert f"─ {group} ─" in lines
    assert "--quick --no-quick" in lines
    assert "--preset" not in lines


def test_help_names_file_and_preset() -> None:
    lines = " ".join(minictl("distill", "--help").stdout.replace("│", " ").split())
    assert "─ Configuration ─" in lines
    assert "--config FILE" in lines
    assert "--preset NAME" in lines
