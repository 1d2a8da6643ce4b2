"""Plugins that load and then break their contract: the run ends with 4 and one message, and nothing is half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import ElectraConfig, ElectraModel
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from hostile_plugins import PluginFolder
from hostile_things import RELATION, adapter, strategy, task
from reldistill_cli.main import app
from tiny_models import make_tokenizer


@pytest.fixture
def plugins(here: Path) -> Iterator[PluginFolder]:
    with PluginFolder(here / "plugins") as folder:
        yield folder


def distil(teacher: Path, text: Path, *more: str) -> Result:
    arguments = ["distill", "--teacher", str(teacher), "--student", "2x12", "--student-heads", "2", "--data", str(text),
                 "--relation-heads", "4", "--max-length", "24", "--batch-size", "4", "--steps", "6", "--device", "cpu",
                 "--precision", "fp32", "--output", "run", *more]  # fmt: skip
    return CliRunner().invoke(app, arguments)


def check_blamed(outcome: Result, *said: str) -> None:
    """Exit code 4, one message that names the plugin, no traceback, nothing on stdout."""
    assert outcome.exit_code == 4, outcome.output
    assert isinstance(outcome.exception, SystemExit)
    assert outcome.stdout == ""
    assert outcome.stderr.count("error: ") == 1
    assert "Traceback" not in outcome.stderr
    message = outcome.stderr.partition("error: ")[2]
    for part in ("plugin 'bad' of bad 1.0", *said):
        assert part in message, message


def body(*lines: str) -> str:
    return RELATION.format(body="\n".join(" " * 8 + line for line in lines))


# ---- relations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["raise RuntimeError('no licence')"], ["relation 'bad' failed: RuntimeError: no licence"]),
        (["open('/nowhere/at/all')"], ["relation 'bad' failed: FileNotFoundError"]),
        (["sys.exit(0)"], ["relation 'bad' failed: SystemExit: 0"]),
        (["return Breaks.apply(good)"], ["relation 'bad' failed: RuntimeError: no way back"]),
        (["return None"], ["gave logits of type NoneType", "needs [heads, "]),
        (["return good[0]"], ["gave logits of shape ["]),
        (["return good[:, :-1]"], ["gave logits of shape [1, "]),
        (["return good[:0]"], ["gave logits of no head"]),
        (["return good[:, :1, :1].expand(1, 7, 7)"], ["gave logits of shape [1, 7, 7]"]),
        (["return (good > 0).long()"], ["gave logits of dtype torch.int64"]),
        (["return good.to(torch.complex64)"], ["gave logits of dtype torch.complex64"]),
        (["return good.to('meta')"], ["gave logits on meta, its states are on cpu"]),
        (["return good.detach()"], ["gave logits that no gradient flows through"]),
        (["return (good > 0).float()"], ["gave logits that no gradient flows through"]),
        (["return torch.from_numpy(good.detach().numpy())"], ["gave logits that no gradient flows through"]),
        (["hidden.mul_(2)"], ["changed the states that it was given"]),
        (["with torch.no_grad(): hidden.mul_(2)"], ["changed the states that it was given", ".clone()"]),
        (["states.require('value')"], ["failed: ValueError: the state 'value' was not captured; captured: hidden"]),
        (["return good.expand(1 if hidden.shape[1] == 24 else 2, -1, -1)"], ["gave 1 heads for the teacher and 2"]),
        (["return good * float('nan')"], ["relation 'bad'", "made numbers that are not finite of states that are"]),
        (["return good / 0"], ["made numbers that are not finite of states that are", "4 times in a row"]),
        (
            ["return good.masked_fill(good < good.mean(), float('-inf'))"],
            ["made numbers", "-inf as a mask (take -1e4)"],
        ),
        # The value is finite, only its gradient is not: the root of a nought.
        (["return (hidden[:, None] - hidden[None]).norm(dim=-1)[None].square().sqrt()"], ["made numbers"]),
    ],
)
def test_a_relation_that_breaks_its_contract_is_named_with_its_plugin(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path, lines: list[str], said: list[str]
) -> None:
    plugins.add("bad", body(*lines))
    check_blamed(distil(teacher("bert"), text, "--relations", "qq,bad=0.5,vv"), *said)
    assert not Path("run/student").exists()
    assert not Path("run/checkpoints").exists() or not any(Path("run/checkpoints").iterdir())


def test_a_dry_run_finds_numbers_that_are_not_finite(plugins: PluginFolder, teacher: MakeTeacher, text: Path) -> None:
    plugins.add("bad", body("return good * float('nan')"))
    outcome = distil(teacher("bert"), text, "--relations", "qq,bad", "--dry-run")
    check_blamed(outcome, "made numbers that are not finite of states that are, at step 1;")
    assert not Path("run").exists()


def test_a_few_batches_that_a_relation_spoils_are_left_out_and_it_is_named(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", "calls = []\n" + body("calls.append(1)", "if len(calls) == 2: return good * float('nan')"))
    outcome = distil(teacher("bert"), text, "--relations", "qq,bad")
    assert outcome.exit_code == 0, outcome.output
    assert (
        "step 1: loss or gradient are not finite, by relation 'bad' (plugin 'bad' of bad 1.0); the update is left out"
        in " ".join(outcome.stderr.split())
    )
    assert Path("run/student/model.safetensors").is_file()


def test_training_that_diverged_is_not_taken_for_a_fault_of_the_relation(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", body())
    outcome = distil(
        teacher("bert"), text, "--relations", "qq,bad", "--learning-rate", "1e30", "--warmup", "0", "--clip", "0",
        "--steps", "60",
    )  # fmt: skip
    assert outcome.exit_code == 1, outcome.output
    assert "loss or gradient are not finite" in outcome.stderr
    assert "plugin" not in outcome.stderr
    assert "--learning-rate" in outcome.stderr


def test_what_a_relation_prints_while_it_is_used_stays_out_of_json(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", body("print('I am used')"))
    outcome = distil(teacher("bert"), text, "--relations", "bad", "--json")
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout)["plan"]["relations"] == {"bad": 1.0}
    assert "I am used" in outcome.stderr


def test_a_relation_sees_only_what_it_needs_whatever_others_do(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", body("assert [name for name, _ in states.present()] == ['hidden']"))
    assert distil(teacher("bert"), text, "--relations", "qq,kk,bad").exit_code == 0


def test_once_the_plugin_is_mended_the_same_command_makes_the_student(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", "calls = []\n" + body("calls.append(1)", "if len(calls) > 30: raise RuntimeError"))
    check_blamed(distil(teacher("bert"), text, "--relations", "bad"), "relation 'bad' failed")
    assert {path.name for path in Path("run").iterdir()} <= {
        "config.toml",
        "metrics.jsonl",
        "checkpoints",
        "report.html",
    }
    with PluginFolder(plugins.path.with_name("mended")) as mended:
        mended.add("bad", body(), entry_point="mended_module")
        (mended.path / "mended_module.py").write_text(body())
        outcome = distil(teacher("bert"), text, "--relations", "bad")
    assert outcome.exit_code == 0, outcome.output
    assert Path("run/student/model.safetensors").is_file()


# ---- strategies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise RuntimeError('no licence')", "the layer strategy 'bad' (pairs) failed: RuntimeError: no licence"),
        ("open('/nowhere')", "the layer strategy 'bad' (pairs) failed: FileNotFoundError"),
        ("sys.exit(0)", "failed: SystemExit: 0"),
        ("return None", "failed: TypeError"),
        ("return 7", "failed: TypeError"),
        ("return []", "gave no pair of layers"),
        ("return [(3, 2)]", "gave (3, 2), which is no LayerPair"),
        ("return [LayerPair('3', 2)]", "a layer is an int from 1"),
        ("return [LayerPair(3, 2, '1')]", "a weight is a number"),
        ("return [LayerPair(0, 2)]", "the teacher has no layer 0"),
        ("return [LayerPair(3, 9)]", "the student has no layer 9"),
        ("return [LayerPair(3, 1)]", "nothing would train the student's layers above 1"),
        ("return [LayerPair(3, 2, float('nan'))]", "the weight nan"),
        ("return [LayerPair(random.randint(1, 3), 2, random.random())]", "chose other pairs when it was asked again"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named_with_its_plugin(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path, line: str, said: str
) -> None:
    plugins.add("bad", strategy(line))
    check_blamed(distil(teacher("bert"), text, "--layers", "bad"), said)
    assert not Path("run").exists()


def test_what_a_strategy_refuses_in_words_of_its_own_is_a_usage_error(
    plugins: PluginFolder, teacher: MakeTeacher, text: Path
) -> None:
    plugins.add("bad", strategy("raise UsageError('only for deep teachers')"))
    outcome = distil(teacher("bert"), text, "--layers", "bad")
    assert outcome.exit_code == 2
    assert "error: only for deep teachers" in outcome.stderr


# ---- adapters -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def electra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    tokenizer = make_tokenizer("bert")
    config = ElectraConfig(
        vocab_size=len(tokenizer), embedding_size=24, hidden_size=24, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("electra")
    ElectraModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


LAYER = "a = model.encoder.layer[layer - 1].attention; "


@pytest.mark.parametrize("error", ["raise ValueError('no licence')", "open('/nowhere')", "sys.exit(0)"])
@pytest.mark.parametrize(
    "method",
    ["student_config(self, config, shape)", "position_offset(self, config)", "cut(self, model, layers)",
     "projections(self, model, layer)"],
)  # fmt: skip
def test_an_adapter_that_raises_is_named_with_its_plugin(
    plugins: PluginFolder, electra: Path, text: Path, method: str, error: str
) -> None:
    plugins.add("bad", adapter(method, error))
    name = method.partition("(")[0]
    check_blamed(distil(electra, text), f"the adapter 'bad' ({name}) failed: ")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("method", "line", "said"),
    [
        ("student_config(self, config, shape)", "return {}", "(student_config) gave {}, which is no PretrainedConfig"),
        ("student_config(self, config, shape)", "return None", "gave None, which is no PretrainedConfig"),
        ("position_offset(self, config)", "return '0'", "gave '0', which is no number of positions"),
        ("position_offset(self, config)", "return -1", "gave -1, which is no number of positions"),
        ("projections(self, model, layer)", "return None", "(projections) gave None, which is no Projections"),
        (
            "projections(self, model, layer)",
            LAYER + "return Projections(7, a.self.key, a.self.value, a)",
            "gave 7, which is no module as query",
        ),
        (
            "projections(self, model, layer)",
            f"{LAYER}return Projections(model.encoder.layer[0].intermediate.dense, a.self.key, a.self.value, a)",
            "gave projections of different widths for layer 3: query 40, key 24, value 24",
        ),
        (
            "projections(self, model, layer)",
            f"{LAYER}return Projections(nn.Linear(24, 24), a.self.key, a.self.value, a)",
            "gave no query of layer 3",
        ),
        ("cut(self, model, layers)", "del model.encoder.layer[max(layers) - 1:]", "the adapter 'bad'"),
        ("cut(self, model, layers)", "del model.encoder", "the adapter 'bad'"),
        (
            "cut(self, model, layers)",
            "model.encoder.layer[0].attention.self.query = nn.Linear(24, 48)",
            "behind cut() the parameter encoder.layer.0.attention.self.query",
        ),
    ],
)
def test_an_adapter_that_returns_what_it_must_not_is_named_with_its_plugin(
    plugins: PluginFolder, electra: Path, text: Path, method: str, line: str, said: str
) -> None:
    plugins.add("bad", adapter(method, line))
    outcome = distil(electra, text)
    check_blamed(outcome, said)
    assert not Path("run").exists()


# ---- tasks --------------------------------------------------------------------------------------------------------


def evaluate(teacher: Path, *more: str) -> Result:
    arguments = ["eval", "bad", "--model", str(teacher), "--quick", "--max-length", "16", "--precision", "fp32",
                 "--data-dir", ".", "--output", "out", *more]  # fmt: skip
    return CliRunner().invoke(app, arguments)


METHODS = {
    "selection": "selection(self, languages)",
    "evaluations": "evaluations(self, languages)",
    "load": "load(self, source, split, language)",
    "model": "model(self, checkpoint, *, fine_tuned)",
    "encode": "encode(self, rows, tokenizer, max_length)",
    "score": "score(self, outputs, rows, encoded, language)",
    "predictions": "predictions(self, outputs, rows, encoded, evaluation)",
}


@pytest.mark.parametrize("error", ["raise ValueError('no licence')", "open('/nowhere')", "sys.exit(0)"])
@pytest.mark.parametrize("method", METHODS)
def test_a_task_that_raises_is_named_with_its_plugin(
    plugins: PluginFolder, teacher: MakeTeacher, method: str, error: str
) -> None:
    plugins.add("bad", task(METHODS[method], error))
    check_blamed(evaluate(teacher("bert")), f"the task 'bad' ({method}) failed: ")
    check_nothing_counts_as_finished()


def check_nothing_counts_as_finished() -> None:
    """No result, and no cell that a later call would take for done."""
    assert not list(Path("out").rglob("result.json"))
    assert not list(Path("out").rglob("cells/*"))


@pytest.mark.parametrize(
    ("method", "line", "said"),
    [
        ("selection", "return []", "(selection) gave none"),
        ("evaluations", "return ['dev']", "(evaluations) gave ['dev'], which is no sequence of Evaluation"),
        ("load", "return [{'text': 'a'}]", "(load) gave [{'text': 'a'}], which is no datasets.Dataset"),
        ("model", "return None", "(model) gave None, which is no torch.nn.Module"),
        ("encode", "return [[1, 2]]", "(encode) gave [[1, 2]], which is no Encoded"),
        ("score", "return 0.5", "(score) gave 0.5, which is no mapping of metrics to numbers"),
        ("score", "return {}", "its main_metric 'accuracy' is not among them"),
        ("score", "return {'f1': 1.0}", "gave the metrics f1, and its main_metric 'accuracy' is not among them"),
        ("score", "return {'accuracy': float('nan')}", "accuracy = nan; a metric that is not defined is None"),
        ("score", "return {'accuracy': '90'}", "accuracy = '90', which is neither a float nor None"),
        ("score", "return {'accuracy': True}", "accuracy = True, which is neither a float nor None"),
        ("score", "return {'accuracy': 1.0, 7: 1.0}", "gave 7, which is no name of a metric"),
        ("predictions", "return ['a']", "(predictions) gave ['a'], which is no mapping of file names to texts"),
        ("predictions", "return {'../../out.tsv': ''}", "gave '../../out.tsv', which is no name of a file"),
        ("predictions", "return {'a.tsv': b''}", "which is no text for a.tsv"),
    ],
)
def test_a_task_that_returns_what_it_must_not_is_named_with_its_plugin(
    plugins: PluginFolder, teacher: MakeTeacher, method: str, line: str, said: str
) -> None:
    plugins.add("bad", task(METHODS[method], line))
    check_blamed(evaluate(teacher("bert")), said)
    check_nothing_counts_as_finished()
    assert not list(Path().glob("out.tsv"))


def test_what_a_task_prints_stays_out_of_json(plugins: PluginFolder, teacher: MakeTeacher) -> None:
    plugins.add("bad", task(METHODS["predictions"], "print('I am used'); return {}"))
    outcome = evaluate(teacher("bert"), "--json")
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout)["results"][0]["task"] == "bad"
    assert "I am used" in outcome.stderr


def test_what_an_older_version_of_a_task_scored_is_not_taken_for_its_own(
    plugins: PluginFolder, teacher: MakeTeacher
) -> None:
    """Neither its cells nor its encoded rows: they say what code of another day did."""
    plugins.add("bad", task(METHODS["score"], "return {'accuracy': 1.0}"))
    first = json.loads(evaluate(teacher("bert"), "--json").stdout)["results"][0]
    assert json.loads(evaluate(teacher("bert"), "--json").stdout)["results"][0]["already_there"]
    with PluginFolder(plugins.path.with_name("newer")) as newer:
        newer.add("bad", task(METHODS["score"], "return {'accuracy': 2.0}"), version="2.0", entry_point="newer_module")
        (newer.path / "newer_module.py").write_text(task(METHODS["score"], "return {'accuracy': 2.0}"))
        second = json.loads(evaluate(teacher("bert"), "--json").stdout)["results"][0]
    assert not second["already_there"]
    assert [found["scores"]["dev"]["accuracy"]["median"] for found in (first, second)] == [1.0, 2.0]
