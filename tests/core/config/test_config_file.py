"""A file of options: strict in keys, types and syntax, with all problems at once and where they are."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from option_values import each_option, four_values
from reldistill import DistillConfig, UsageError
from reldistill.config import (
    DISTILL,
    EVAL,
    ConfigKind,
    EvalConfig,
    config_file_problems,
    config_toml,
    read_config_file,
    resolve_config,
)

FILE = "options.toml"


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(content: str | bytes, kind: ConfigKind[Any] = DISTILL) -> str:
    Path(FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_config_file(FILE, kind)
    assert caught.value.exit_code == 2
    assert config_file_problems(FILE, kind)
    return str(caught.value)


@each_option
def test_what_is_written_of_a_configuration_gives_it_again(kind: ConfigKind[Any], name: str) -> None:
    for value in four_values(kind, name):
        options: dict[str, Any] = {**kind.least, name: value}
        config = kind.config_type(**options)
        Path(FILE).write_text(config_toml(config), encoding="utf-8")
        again = resolve_config({"config": FILE}, {}, kind=kind).config
        for field in fields(config):
            kept = not field.metadata["this_time"]
            assert getattr(again, field.name) == (getattr(config, field.name) if kept else field.default)


def test_an_order_for_one_call_is_not_written() -> None:
    assert "overwrite" not in config_toml(DistillConfig(teacher="any", overwrite=True))


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    Path(FILE).write_bytes(b"\xef\xbb\xbfsteps = 7\r\n")
    assert read_config_file(FILE)["steps"].value == 7


def test_an_empty_file_says_nothing() -> None:
    Path(FILE).touch()
    assert read_config_file(FILE) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stepz = 3", "options.toml: unknown key 'stepz'\nDid you mean steps? `minictl config schema` lists all keys."),
        ("learning-rate = 1", "options.toml: unknown key 'learning-rate'\nDid you mean learning_rate?"),
        ("zzz = 1", "options.toml: unknown key 'zzz'\n`minictl config schema` lists all keys."),
        ("config = 'other.toml'", "options.toml: unknown key 'config'"),
        ("[training]\nsteps = 3", "options.toml: unknown key 'training'\nOptions stand at the top level, without tables."),
        ("[steps]\nmost = 3", "options.toml: [steps]: must be an integer, not a table"),
        ('steps = "7"', 'options.toml: steps = "7": must be an integer, not a text'),
        ("steps = 2e4", "options.toml: steps = 20000.0: must be an integer, not a fraction"),
        ("steps = true", "options.toml: steps = true: must be an integer, not a truth value"),
        ("steps = 1979-05-27", "options.toml: steps = 1979-05-27: must be an integer, not a date"),
        ('learning_rate = "6e-4"', 'options.toml: learning_rate = "6e-4": must be a number, not a text'),
        ("compile = 1", "options.toml: compile = 1: must be true or false, not an integer"),
        ("student = 6", "options.toml: student = 6: must be a text, not an integer"),
        ('data = "a.txt"', 'options.toml: data = "a.txt": must be a list of texts, not a text\nPut it into brackets: ["…"].'),
        ("data = [1, 2]", "options.toml: data = [ 1, 2, ]: must be a list of texts, not a list of other things"),
        ('precision = "fp8"', 'options.toml: precision = "fp8": not a choice\nAllowed: auto, fp32, bf16.'),
        ('relation_heads = "all"', 'options.toml: relation_heads = "all": must be an integer or attention, not a text'),
        ("batch_size = 0", "options.toml: --batch-size 0: must be at least 1"),
        ("learning_rate = nan", "options.toml: --learning-rate nan: must be a positive number"),
        ('mixing = "half"', "options.toml: --mixing half: neither an exponent nor weights"),
        ('teacher = ""', "options.toml: no teacher given"),
        ('output = ""', "options.toml: --output is empty"),
        ('preset = "minilm"', "options.toml: unknown preset 'minilm'\nDid you mean minilm-v1?"),
        ("preset = 1", "options.toml: preset = 1: must be a text, not an integer"),
    ],
)  # fmt: skip
def test_a_key_or_value_that_cannot_be_is_refused_by_file_and_key(content: str, said: str) -> None:
    assert refusal(content).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("learning_rate = 1", "options.toml: unknown key 'learning_rate'\nDid you mean learning_rates? "
         "It is an option of `minictl distill`. "
         "`minictl config schema --command eval` lists all keys."),
        ("sead = 1", "options.toml: unknown key 'sead'\nDid you mean seeds? `minictl config schema --command eval` lists all keys."),
        ("preset = 'minilm-v1'", "options.toml: unknown key 'preset'\nIt is an option of `minictl distill`."),
        ('learning_rates = "2e-5"', 'options.toml: learning_rates = "2e-5": must be a list of numbers, not a text\n'
         "Put it into brackets: [2e-5, 5e-5]."),
        ("seeds = 1", "options.toml: seeds = 1: must be a list of whole numbers, not an integer\nPut it into brackets: [1, 2]."),
        ("seeds = [1.5]", "options.toml: seeds = [ 1.5, ]: must be a list of whole numbers, not a list of other things"),
        ("seeds = []", "options.toml: --seeds is empty"),
        ("epochs = [3, 3]", "options.toml: --epochs 3,3: one twice"),
        ("learning_rates = [1]", "options.toml: --learning-rates 1.0: each must be above 0 and below 1"),
        ('languages = "en"', 'options.toml: languages = "en": must be a list of texts, not a text\nPut it into brackets: ["…"].'),
        ('languages = ["all", "en"]', "options.toml: --languages all,en: all stands alone"),
        ('score_on = "train"', 'options.toml: score_on = "train": not a choice\nAllowed: test, dev.'),
        ("quick = 1", "options.toml: quick = 1: must be true or false, not an integer"),
        ('model = ""', "options.toml: --model is empty"),
    ],
)  # fmt: skip
def test_a_file_of_an_evaluation_is_held_to_its_own_keys_and_types(content: str, said: str) -> None:
    assert refusal(content, EVAL).startswith(said)


def test_the_lists_of_an_evaluation_stand_as_toml_has_them() -> None:
    Path(FILE).write_text(
        "learning_rates = [2e-5, 5e-5]\nepochs = [3, 5]\nseeds = [1]\n"
        'languages = ["en", "fr"]\ntrain_languages = ["all"]\nquick = true\n'
    )
    assert resolve_config({"config": FILE}, {}, kind=EVAL).config == EvalConfig(
        learning_rates=(2e-5, 5e-5), epochs=(3, 5), seeds=(1,), languages=("en", "fr"), train_languages=("all",), quick=True
    )  # fmt: skip


def test_a_file_of_the_other_command_is_one_problem_that_names_the_command() -> None:
    distil = config_toml(DistillConfig(teacher="any"))
    assert refusal(distil, EVAL).startswith("options.toml: unknown keys 'teacher', 'student', 'student_heads' and ")
    assert refusal(distil, EVAL).count("They are options of `minictl distill`.") == 1
    assert len(config_file_problems(FILE, EVAL)) == 1
    assert refusal("seeds = [1]\nepochs = [2]\n") == (
        "options.toml: unknown keys 'seeds', 'epochs'\n"
        "Did you mean seed? They are options of `minictl eval`. `minictl config schema` lists all keys."
    )


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("steps = 3\nstudent = 6x384\n", "options.toml, line 2: not TOML: "),
        ("steps = 3\nsteps = 4\n", "options.toml, line 2: not TOML: "),
        ('\n\nstudent = "6x384', "options.toml, line 3: not TOML: "),
        ("steps = 3\ndata = [", "options.toml, line 2: not TOML: "),
        (b"steps = 3\n# caf\xe9\n", "options.toml, line 2: not UTF-8, and so no TOML"),
        ("steps = " + "9" * 5000, "options.toml: not TOML: "),
    ],
)
def test_what_is_no_toml_is_refused_by_file_and_line(content: str | bytes, place: str) -> None:
    assert refusal(content).startswith(place)


def test_a_long_value_is_not_shown_whole() -> None:
    assert len(refusal(f"student = {list(range(1000))}")) < 160


def test_all_problems_of_a_file_are_listed_at_once() -> None:
    said = refusal('steps = "7"\nstepz = 3\nbatch_size = 0\nseed = 1\n')
    assert said.startswith("3 problems:\n- options.toml: steps")
    assert [problem.message for problem in config_file_problems(FILE)] == [
        'options.toml: steps = "7": must be an integer, not a text',
        "options.toml: unknown key 'stepz'",
        "options.toml: --batch-size 0: must be at least 1",
    ]


def test_a_file_that_is_not_there_is_named() -> None:
    assert str(config_file_problems("nowhere.toml")[0]).startswith("nowhere.toml: there is no such file")


def test_of_a_run_folder_the_file_inside_is_suggested() -> None:
    Path("run").mkdir()
    assert str(config_file_problems("run")[0]) == "run is a folder, not a TOML file"
    Path("run/config.toml").touch()
    assert str(config_file_problems("run")[0]) == "run is a folder, not a TOML file\nDid you mean run/config.toml?"


def test_the_home_folder_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path(FILE).write_text("seed = 3")
    assert read_config_file(f"~/{FILE}")["seed"].value == 3
