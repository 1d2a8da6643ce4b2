"""Flag over environment over file over preset over default, for every option there is."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
import tomli_w

from option_values import NAMES, as_text, each_option, four_values
from reldistill import DistillConfig, UsageError
from reldistill.config import DISTILL, EVAL, PRESETS, ConfigKind, EvalConfig, Preset, PresetValue, resolve_config

SOURCES = ("preset", "file", "environment", "flag")


@each_option
def test_the_nearest_source_that_says_something_wins_and_is_named(
    kind: ConfigKind[Any], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = dict(zip(SOURCES, four_values(kind, name), strict=True))
    file = str(tmp_path / "options.toml")
    variable = {"distill": "MINICTL_", "eval": "MINICTL_EVAL_"}[kind.command] + name.upper()
    monkeypatch.setitem(
        cast("dict[str, Preset]", PRESETS), "probe", Preset("probe", "", {name: PresetValue(values["preset"], "")})
    )
    origins = {
        "flag": f"flag --{name.replace('_', '-')}", "environment": f"environment {variable}", "file": file, "preset": "preset probe",
    }  # fmt: skip
    for said in product((False, True) if kind.presets else (False,), *[(False, True)] * 3):
        speaking = [source for source, speaks in zip(SOURCES, said, strict=True) if speaks]
        flags: dict[str, Any] = {name: values["flag"]} if "flag" in speaking else {}
        if "preset" in speaking:
            flags["preset"] = "probe"
        if "file" in speaking:
            Path(file).write_text(tomli_w.dumps({name: values["file"]}))
            flags["config"] = file
        environment = {variable: as_text(kind, name, values["environment"])} if "environment" in speaking else {}
        setting = resolve_config(flags, environment, kind=kind).settings[name]
        if speaking:
            assert (setting.value, setting.origin) == (values[speaking[-1]], origins[speaking[-1]])
        else:
            default = kind.config_type.__dataclass_fields__[name].default
            assert (setting.value, setting.origin) == (default, "default")


def test_the_configuration_holds_what_the_sources_said(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('teacher = "./bert"\nsteps = 7\nseed = 3\nlearning_rate = 1\ndata = ["a", "b"]\n')
    resolved = resolve_config({"config": str(file), "seed": 5}, {"MINICTL_CLIP": "2", "MINICTL_DATA": "c"})
    assert resolved.config == DistillConfig(teacher="./bert", steps=7, seed=5, learning_rate=1.0, clip=2.0, data=("c",))
    assert resolved.preset is None


def test_the_configuration_of_an_evaluation_holds_what_its_sources_said() -> None:
    environment = {"MINICTL_EVAL_LEARNING_RATES": "2e-5, 5e-5", "MINICTL_EVAL_LANGUAGES": '["en", "fr"]'}
    resolved = resolve_config({"seeds": [1, 2], "quick": True}, environment, kind=EVAL)
    assert resolved.config == EvalConfig(learning_rates=(2e-5, 5e-5), languages=("en", "fr"), seeds=(1, 2), quick=True)
    assert tuple(resolved.settings) == tuple(EVAL.types)


def test_the_two_commands_are_told_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "eval.toml").write_text("seeds = [7]\n")
    environment = {
        "MINICTL_BATCH_SIZE": "512", "MINICTL_EVAL_BATCH_SIZE": "8", "MINICTL_PRECISION": "bf16", "MINICTL_STEPS": "7",
        "MINICTL_PRESET": "minilm-v1", "MINICTL_EVAL_EPOCHS": "3", "MINICTL_EVAL_CONFIG": str(tmp_path / "eval.toml"),
        "MINICTL_PLUGINS": "",
    }  # fmt: skip
    distil, evaluation = resolve_config({"teacher": "any"}, environment), resolve_config({}, environment, kind=EVAL)
    assert evaluation.config == EvalConfig(batch_size=8, epochs=(3,), seeds=(7,))
    assert (distil.config.batch_size, distil.config.precision, distil.config.steps) == (512, "bf16", 7)
    assert distil.config_file is None
    assert distil.preset is not None


def test_a_command_does_not_look_into_what_is_for_the_other() -> None:
    assert resolve_config({}, {"MINICTL_BATCH_SIZE": "many"}, kind=EVAL).config == EvalConfig()
    assert resolve_config({}, {"MINICTL_EVAL_SEEDS": "many"}).settings["seed"].origin == "default"


def test_no_variable_belongs_to_two_commands() -> None:
    assert not DISTILL.variables.keys() & EVAL.variables.keys()


def test_settings_come_in_the_order_of_the_fields() -> None:
    assert tuple(resolve_config({"seed": 1, "teacher": "any"}, {"MINICTL_STEPS": "2"}).settings) == NAMES


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICTL_SEED", "11")
    assert resolve_config({}).settings["seed"].value == 11


@pytest.mark.parametrize(
    ("flags", "environment", "chosen", "origin"),
    [
        ({"preset": "minilmv2-base"}, {"MINICTL_PRESET": "minilm-v1"}, "minilmv2-base", "flag --preset"),
        ({}, {"MINICTL_PRESET": "minilm-v1"}, "minilm-v1", "environment MINICTL_PRESET"),
        ({}, {}, "minilmv2-large", "options.toml"),
    ],
)
def test_a_preset_can_be_named_by_flag_environment_and_file(
    flags: dict[str, str], environment: dict[str, str], chosen: str, origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("options.toml").write_text('preset = "minilmv2-large"\n')
    resolved = resolve_config({"config": "options.toml", **flags}, environment)
    assert resolved.preset is not None
    assert (resolved.preset.value, resolved.preset.origin) == (chosen, origin)
    assert resolved.settings["relations"].origin == f"preset {chosen}"


def test_a_file_can_be_named_by_the_environment_and_a_flag_goes_before_it(tmp_path: Path) -> None:
    for seed, name in enumerate(("one.toml", "two.toml"), 1):
        (tmp_path / name).write_text(f"seed = {seed}\n")
    environment = {"MINICTL_CONFIG": str(tmp_path / "one.toml")}
    assert resolve_config({}, environment).settings["seed"].value == 1
    assert resolve_config({"config": str(tmp_path / "two.toml")}, environment).settings["seed"].value == 2


def test_a_list_of_a_nearer_source_replaces_the_other_and_is_not_added_to_it(tmp_path: Path) -> None:
    (tmp_path / "options.toml").write_text('data = ["a", "b"]\n')
    resolved = resolve_config({"config": str(tmp_path / "options.toml"), "data": ("c",)}, {})
    assert resolved.settings["data"].value == ("c",)


def test_without_a_teacher_there_are_settings_but_no_configuration() -> None:
    resolved = resolve_config({}, {})
    with pytest.raises(UsageError, match="no teacher given"):
        _ = resolved.config


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"preset": "minilm-v1"}, "--preset is no option"),
        ({"seedz": (1,)}, "--seedz is no option\nDid you mean seeds?"),
        ({"seeds": "1,2"}, "--seeds 1,2: must be a list of whole numbers, not a text"),
        ({"seeds": (1, "2")}, "--seeds 1,2: must be a list of whole numbers, not a list of other things"),
        ({"learning_rates": (0.5, 30)}, "--learning-rates 0.5,30.0: each must be above 0 and below 1"),
        ({"config": "nowhere.toml"}, "nowhere.toml: there is no such file"),
    ],
)
def test_what_an_evaluation_cannot_be_told_is_refused(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_config(flags, {}, kind=EVAL)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"preset": "minilmv2-bas"}, "unknown preset 'minilmv2-bas'\nDid you mean minilmv2-base? Allowed: minilmv2-base, "),
        ({"preset": "zzz"}, "unknown preset 'zzz'\nAllowed: minilmv2-base, minilmv2-large, minilmv2-xlmr, minilm-v1."),
        ({"stepps": 3}, "--stepps is no option\nDid you mean steps?"),
        ({"steps": "3"}, "--steps 3: must be an integer, not a text"),
        ({"batch_size": 0}, "--batch-size 0: must be at least 1"),
        ({"config": "nowhere.toml"}, "nowhere.toml: there is no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_config(flags, {})
    assert str(caught.value).startswith(said)
