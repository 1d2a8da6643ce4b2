"""Each check of a task is seen to fail, on rows in files, and to say what to change."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from kit_outcomes import advice, outcomes
from reldistill import Encoded, Evaluation, Registry, UsageError
from reldistill.evaluation.data import DataSource, read_tsv
from reldistill.testing import task_checks
from reldistill_plugins.tasks.sentences import SentenceTask
from written_tasks import write_rte, write_squad, write_xnli

GRID: dict[str, Any] = {"epochs": (3,), "learning_rates": (2e-5,), "family": "tone"}


@dataclass(frozen=True)
class Tone(SentenceTask):
    """Right: the base of those that are wrong."""

    name: str = "tone"
    labels: tuple[str, ...] = ("calm", "angry")
    metrics: tuple[str, ...] = ("accuracy", "f1")
    main_metric: str = "accuracy"
    epochs: tuple[int, ...] = (3,)
    learning_rates: tuple[float, ...] = (2e-5,)
    family: str = "tone"

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("dev", "dev")]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("dev", "dev"), Evaluation("test", "test")]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        file = source.find([f"{split}.tsv"])
        if file is None:
            raise source.missing(f"{split} rows", "train.tsv\ndev.tsv   (columns text and label)")
        rows = read_tsv(source.note(file))
        return self.table(rows)

    def table(self, rows: Any) -> Dataset:
        columns = {name: [row[name] for row in rows] for name in ("text", "label")}
        return Dataset.from_dict({"index": [str(number) for number in range(len(rows))], **columns})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tone")
    for split, count in (("train", 16), ("dev", 6), ("test", 6)):
        lines = [f"the gull is {('at rest', 'furious')[n % 2]}\t{('calm', 'angry')[n % 2]}" for n in range(count)]
        (folder / f"{split}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of three are right; of two that are angry one is found and none is taken for it."""
    entry = {
        "rows": {"index": ["0", "1", "2"], "text": ["Hm.", "No!", "Out!"], "label": ["calm", "angry", "angry"]},
        "outputs": [[1, 0], [0, 1], [1, 0]],
        "scores": {"accuracy": 66.66667, "f1": 66.66667},
    }
    return write_golden(tmp_path_factory.mktemp("golden") / "tone.json", [entry])


def write_golden(file: Path, content: Any) -> Path:
    file.write_text(json.dumps(content))
    return file


def test_a_sound_task_passes(folder: Path, golden: Path) -> None:
    assert set(outcomes(task_checks(Tone(), folder, golden)).values()) == {""}


def test_without_rows_and_scores_what_needs_them_is_skipped() -> None:
    found = outcomes(task_checks(Tone()))
    assert {name for name, said in found.items() if not said} == {"contract", "defaults", "evaluations", "missing rows"}
    assert {said for said in found.values() if said} == {"skipped"}


def test_a_golden_file_alone_is_enough_for_all_but_reading_and_training(golden: Path) -> None:
    found = outcomes(task_checks(Tone(), golden=golden))
    assert {name for name, said in found.items() if said} == {"rows", "end to end"}


def test_rows_of_several_languages_and_answers_in_contexts_pass(tmp_path: Path) -> None:
    tasks = Registry.installed().tasks
    write_squad(tmp_path / "squad2/train-v2.0.json", 18)
    write_squad(tmp_path / "squad2/dev-v2.0.json", 9)
    write_rte(tmp_path / "rte")
    write_xnli(tmp_path / "xnli")
    write_squad(tmp_path / "mlqa/train-v1.1.json", 12, some_without=False)
    for split, language in itertools.product(("dev", "test"), ("en", "es")):
        name = f"{split}-context-{language}-question-{language}.json"
        write_squad(tmp_path / "mlqa/MLQA_V1" / split / name, 6, some_without=False)
    for name in ("rte", "xnli", "squad2", "mlqa"):
        found = outcomes(task_checks(tasks.get(name).thing, tmp_path / name))
        assert {check: said for check, said in found.items() if said} == {"golden scores": "skipped"}, name


@pytest.mark.parametrize(("argument", "what"), [("data_dir", "folder"), ("golden", "file")])
def test_a_folder_or_file_that_is_not_there_is_a_mistake_of_the_caller(argument: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"{argument} nowhere: no such {what}"):
        task_checks(Tone(), **{argument: "nowhere"})


class NoMethods:
    name = "t"


class TwoOfOneName(Tone):
    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("dev", "dev"), Evaluation("dev", "test")]


class ChosenByNothing(Tone):
    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return []


class InAnotherLanguage(Tone):
    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        return [Evaluation("test", "test", "fr")]


class NamesOfSplits(Tone):
    def predicted(self) -> Any:
        return ["test"]


class NothingMissing(Tone):
    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        assert source.folder is not None
        return self.table(read_tsv(source.note(source.folder / f"{split}.tsv")))


class Shuffled(Tone):
    draw = itertools.count()

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        return super().load(source, split, language).shuffle(seed=next(self.draw))


class NotesTheTime(Tone):
    clock = itertools.count()

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        source.used["read at"] = str(next(self.clock))
        return super().load(source, split, language)


class Unnoted(Tone):
    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        file = source.find([f"{split}.tsv"])
        if file is None:
            raise source.missing("rows", "train.tsv")
        return self.table(read_tsv(file))


class Empty(Tone):
    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        return super().load(source, split, language).select([])


class TooLong(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        return super().encode(rows, tokenizer, 1000)


class OneTargetTooFew(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, targets={"labels": encoded.targets["labels"][1:]})


class WordsForIds(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, input_ids=[ids + 10_000 for ids in encoded.input_ids])


class AboutRows(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, about={"text": [np.zeros(1)]})


class AboutNumbers(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, about={"text": [np.zeros((), np.int64) for _ in encoded.input_ids]})


class Drawn(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, about={"noise": [np.random.rand(2) for _ in encoded.input_ids]})


class OfOne(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return {"accuracy": np.float32(50)}


class NotANumber(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return {"accuracy": float("nan")}


class ByAnotherName(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return {"acc": super().score(outputs, rows, encoded, language)["accuracy"]}


class LabelsTurned(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return super().score([output[::-1] for output in outputs], rows, encoded, language)


class GoldAgainstItself(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return {"accuracy": 100.0}


class LabelsFromOne(Tone):
    def encode(self, rows: Dataset, tokenizer: Any, max_length: int) -> Encoded:
        encoded = super().encode(rows, tokenizer, max_length)
        return replace(encoded, targets={"labels": encoded.targets["labels"] + 1})


class InFractions(Tone):
    def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
        return {name: value / 100 for name, value in super().score(outputs, rows, encoded, language).items() if value}


class OneFileForAll(Tone):
    def predictions(self, outputs: Any, rows: Dataset, encoded: Encoded, evaluation: Evaluation) -> Mapping[str, str]:
        return {"predictions.tsv": "1\n"}


class IntoFolders(Tone):
    def predictions(self, outputs: Any, rows: Dataset, encoded: Encoded, evaluation: Evaluation) -> Mapping[str, str]:
        return {f"{evaluation.name}/all.tsv": "1\n"}


class Bytes(Tone):
    def predictions(self, outputs: Any, rows: Dataset, encoded: Encoded, evaluation: Evaluation) -> Any:
        return {"dev.tsv": b"1\n"}


class HeadOfAnotherTask(Tone):
    def model(self, checkpoint: Path, *, fine_tuned: bool) -> Any:
        return super().model(checkpoint, fine_tuned=fine_tuned).base_model


WRONG: list[tuple[str, Any, str, str]] = [
    ("contract", NoMethods(), "languages must be a non-empty tuple of str", "reldistill_tasks) has a complete example"),
    ("defaults", Tone(learning_rates=(2.0,)), "learning_rates (2.0,)", "for example learning_rates=(2e-5, 5e-5)"),
    ("defaults", Tone(epochs=(3, 3)), "epochs (3, 3) (each once)", "Give a grid that can be run"),
    ("evaluations", TwoOfOneName(), "two rows of one name: dev, dev", "Name each after its language or split"),
    ("evaluations", ChosenByNothing(), "selection(['en']) is empty", 'Return [Evaluation("dev", "dev")]'),
    ("evaluations", InAnotherLanguage(), "gives rows in 'fr'", "Make them from the languages"),
    ("evaluations", NamesOfSplits(), "predicted() gave ['test']", "Return a list of Evaluation"),
    ("missing rows", NothingMissing(), "from an empty folder raised FileNotFoundError", "raise source.missing("),
    ("rows", Shuffled(), "read twice, gave different rows", "draw nothing at random"),
    ("rows", Unnoted(), "source.used is empty", "Open each file as source.note(file)"),
    ("rows", Empty(), "load of 'train' in 'en' gave no rows", "raise source.missing(...)"),
    ("encoding", TooLong(), "with max_length 12, feature 0 has", "Pass truncation=True and max_length"),
    ("encoding", OneTargetTooFew(), "are 5 of int64 for 6 features", "Give each feature a target"),
    ("encoding", WordsForIds(), "feature 0 has ids of int32 from 100", "Take the ids that this tokenizer gives"),
    ("encoding", AboutRows(), "about['text'] has 1 entries for 6 features", "repeated for each of its features"),
    ("encoding", AboutNumbers(), "keeping the features on the disk raised ValueError", "with a dimension"),
    (
        "encoding",
        Drawn(),
        "features that are made again, or were kept on the disk, are others",
        "Draw nothing at random",
    ),
    ("scores", OfOne(), "score gave {'accuracy': np.float32(50.0)}", "Convert by float(value)"),
    ("scores", NotANumber(), "score gave {'accuracy': nan}", "NaN, of 0/0, is None or 0.0"),
    (
        "scores",
        ByAnotherName(),
        "score gave acc, the main metric 'accuracy' is not among it",
        "Let main_metric be a key",
    ),
    ("scores", HeadOfAnotherTask(), "the model of model(), asked for outputs, raised", "Use model_with_head"),
    (
        "order",
        LabelsTurned(),
        "accuracy is 0 for right outputs and 100 for wrong ones",
        "number the labels as encode()",
    ),
    (
        "order",
        GoldAgainstItself(),
        "accuracy is 100 for right outputs and 100 for wrong",
        "compare outputs with the gold",
    ),
    ("order", LabelsFromOne(), "labels from 1 to 2 for a head with 2 outputs", "as many outputs as there are labels"),
    ("golden scores", InFractions(), "the golden file says 66.66667", "Correct score(), or the file"),
    (
        "predictions",
        OneFileForAll(),
        "'dev' and 'test' both write predictions.tsv",
        "Put evaluation.name into the name",
    ),
    ("predictions", IntoFolders(), "a file 'dev/all.tsv'", "Give a plain file name"),
    (
        "predictions",
        Bytes(),
        "predictions for 'dev' are {'dev.tsv': b'1\\n'}",
        'Return {f"{evaluation.name}.tsv": text}',
    ),
    ("end to end", LabelsFromOne(), "an evaluation of one epoch raised", "the other checks look at each method"),
    ("end to end", NotesTheTime(), "asked for again, was done again", "nothing that is another in each run"),
]


@pytest.mark.parametrize(("name", "task", "found", "change"), WRONG, ids=lambda value: type(value).__name__)
def test_what_is_wrong_is_found_and_the_cure_is_named(
    name: str, task: Any, found: str, change: str, folder: Path, golden: Path
) -> None:
    error = advice(task_checks(task, folder, golden), name)
    assert found in error.found
    assert change in error.change


def test_every_check_has_been_seen_to_fail() -> None:
    assert {check.name for check in task_checks(Tone())} == {name for name, *_ in WRONG}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"rows": {}}, "raised TypeError"),
        ([], "holds no rows or no scores"),
        ([{"rows": {"text": ["a"]}, "outputs": [[0, 1]]}], "raised KeyError: 'scores'"),
        (
            [{"rows": {"text": ["a"], "label": ["calm"]}, "outputs": [], "scores": {"accuracy": 0}}],
            "has 0 outputs; its 1 rows give 1 features",
        ),
    ],
)
def test_a_golden_file_that_is_none_is_answered_with_the_format(content: Any, found: str, tmp_path: Path) -> None:
    file = write_golden(tmp_path / "golden.json", content)
    error = advice(task_checks(Tone(), golden=file), "golden scores")
    assert found in error.found


def test_a_score_that_is_not_defined_is_null_in_the_golden_file(tmp_path: Path) -> None:
    class Undefined(Tone):
        def score(self, outputs: Any, rows: Dataset, encoded: Encoded, language: str) -> Any:
            return {"accuracy": None}

    rows = {"text": ["a"], "label": ["calm"], "index": ["0"]}
    file = write_golden(tmp_path / "g.json", [{"rows": rows, "outputs": [[0, 1]], "scores": {"accuracy": None}}])
    assert outcomes(task_checks(Undefined(), golden=file))["golden scores"] == ""
    assert outcomes(task_checks(Tone(), golden=file))["golden scores"] != ""


def test_a_large_folder_is_not_trained_on(folder: Path, tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / f"{split}.tsv").write_bytes((folder / f"{split}.tsv").read_bytes())
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "a\tcalm\n" * 2_001)
    assert outcomes(task_checks(Tone(), tmp_path))["end to end"] == "skipped"


def test_the_users_own_cache_is_left_alone(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELDISTILL_CACHE", str(tmp_path / "cache"))
    outcomes(task_checks(Tone(), folder))
    assert not (tmp_path / "cache").exists()
