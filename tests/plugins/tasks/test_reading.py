"""SQuAD 2.0 and MLQA from files to the official scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from conftest import MakeTeacher
from reldistill import DataError, Registry
from reldistill.config import EvalConfig
from reldistill.evaluation.data import DataSource
from reldistill.evaluation.question_answering.mlqa_score import mlqa_scores
from reldistill.evaluation.question_answering.squad_file import read_questions
from reldistill.evaluation.question_answering.squad_score import squad2_scores
from reldistill.evaluation.run import evaluate
from written_tasks import write_squad


def load(task: str, folder: Path, split: str, language: str = "en") -> Dataset:
    return Registry.installed().tasks.get(task).thing.load(DataSource(folder), split, language)


@pytest.fixture
def squad(here: Path) -> Path:
    write_squad(here / "data/train-v2.0.json", 36)
    write_squad(here / "data/dev-v2.0.json", 12)
    return here / "data"


@pytest.fixture
def mlqa(here: Path) -> Path:
    write_squad(here / "data/train-v1.1.json", 24, some_without=False)
    for split in ("dev", "test"):
        for pair in (("en", "en"), ("es", "es"), ("es", "en")):
            name = f"{split}-context-{pair[0]}-question-{pair[1]}.json"
            write_squad(here / "data/MLQA_V1" / split / name, 6, some_without=False)
    return here / "data"


def config(model: Path, data: Path, **options: Any) -> EvalConfig:
    given: dict[str, Any] = {
        "learning_rates": (3e-3,), "epochs": (4,), "seeds": (1,), "max_length": 36, "batch_size": 8, "precision": "fp32",
        "output": "out",
    }  # fmt: skip
    return EvalConfig(model=str(model), data_dir=str(data), **(given | options))


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-r", "modernbert"])
def test_the_scores_of_squad2_are_the_official_ones_of_the_files_that_are_written(
    family: str, teacher: MakeTeacher, squad: Path
) -> None:
    result = evaluate("squad2", config(teacher(family), squad))
    assert result is not None
    (folder,) = (result.file.parent / "predictions").iterdir()
    files = {
        name: json.loads((folder / f"dev-{name}.json").read_text())
        for name in ("predictions", "spans", "null-odds", "nbest")
    }
    questions = read_questions(squad / "dev-v2.0.json")
    scores = {name: values["median"] for name, values in result.content["scores"]["dev"].items()}
    official = squad2_scores(questions, files["predictions"])
    assert {name: scores[name] for name in ("exact", "f1", "HasAns_f1", "NoAns_f1")} == {
        name: official[name] for name in ("exact", "f1", "HasAns_f1", "NoAns_f1")
    }
    at_best = squad2_scores(questions, files["spans"], files["null-odds"], threshold=0.0)
    assert scores["best_f1"] == at_best["best_f1"] >= scores["f1"]
    assert scores["f1"] == at_best["f1"]
    for question in questions:
        said, odds = files["predictions"][question.id], files["null-odds"][question.id]
        assert said == ("" if odds > 0 else files["spans"][question.id])
        assert all(context_has(question.context, answer) for answer in files["nbest"][question.id])


def context_has(context: str, answer: dict[str, Any]) -> bool:
    return bool(context[answer["start"] : answer["end"]] == answer["text"])


def test_a_model_learns_to_point_at_what_the_files_ask_for(teacher: MakeTeacher, mlqa: Path) -> None:
    found = evaluate("mlqa", config(teacher("bert"), mlqa, languages=("en",), epochs=(25,), max_length=60))
    assert found is not None
    losses = found.content["grid"][0]["losses"]
    assert losses[-1] < losses[0] / 4


def test_mlqa_is_scored_by_the_language_of_the_context_and_chosen_on_english_rows_alone(
    teacher: MakeTeacher, mlqa: Path
) -> None:
    found = evaluate("mlqa", config(teacher("xlm-r"), mlqa, languages=("en", "es", "es-en")))
    assert found is not None
    assert list(found.content["scores"]) == ["en", "es", "es-en", "mean"]
    assert found.content["rows"] == {"dev/en": 6, "test/en": 6, "test/es": 6, "test/es-en": 6, "train/en": 24}
    (folder,) = (found.file.parent / "predictions").iterdir()
    questions = read_questions(mlqa / "MLQA_V1/test/test-context-es-question-en.json")
    official = mlqa_scores(questions, json.loads((folder / "es-en-predictions.json").read_text()), "es")
    assert {n: v["median"] for n, v in found.content["scores"]["es-en"].items()} == {
        n: official[n] for n in ("f1", "exact_match")
    }


def test_saved_data_sets_are_read_as_the_hub_has_them(tmp_path: Path) -> None:
    (tmp_path / "squad2").mkdir()
    rows = Dataset.from_dict({
        "id": ["a", "b"], "question": ["Who?", "Why?"], "context": ["A man.", "No."], "title": ["", ""],
        "answers": [{"text": ["man"], "answer_start": [2]}, {"text": [], "answer_start": []}],
    })  # fmt: skip
    rows.to_parquet(str(tmp_path / "squad2/validation-00000-of-00001.parquet"))
    found = load("squad2", tmp_path, "dev")
    assert found["answers"] == [["man"], []]


@pytest.mark.parametrize(
    ("task", "split", "language", "expected"),
    [
        ("squad2", "dev", "en", "dev-v2.0.json"),
        ("mlqa", "train", "en", "train-v1.1.json"),
        ("mlqa", "test", "vi-de", "test-context-vi-question-de.json"),
    ],
)
def test_what_is_missing_is_said_with_the_file_that_is_expected(
    task: str, split: str, language: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as refused:
        load(task, tmp_path, split, language)
    assert expected in str(refused.value)


def test_the_questions_of_one_squad_are_not_taken_for_those_of_the_other(tmp_path: Path) -> None:
    write_squad(tmp_path / "train.json")
    with pytest.raises(DataError, match=r"these are SQuAD 2.0's"):
        load("mlqa", tmp_path, "train")
    write_squad(tmp_path / "train.json", some_without=False)
    with pytest.raises(DataError, match=r"these are SQuAD 1.1's"):
        load("squad2", tmp_path, "train")


def test_a_saved_answer_that_is_not_where_it_is_said_to_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "squad2").mkdir()
    rows = {"id": ["a"], "question": ["Who?"], "context": ["cc dd"], "answers": [{"text": ["dd"], "answer_start": [0]}]}
    Dataset.from_dict(rows).to_parquet(str(tmp_path / "squad2/validation.parquet"))
    with pytest.raises(DataError, match="not where it is said to be"):
        load("squad2", tmp_path, "dev")
