from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from reldistill import DataError, Registry
from reldistill.evaluation.data import DataSource
from written_tasks import write_xnli


def load(folder: Path, split: str, language: str) -> Dataset:
    return Registry.installed().tasks.get("xnli").thing.load(DataSource(folder), split, language)


def test_the_rows_of_a_language_are_taken_out_of_the_one_file_in_its_order(tmp_path: Path) -> None:
    write_xnli(tmp_path)
    english, german = load(tmp_path, "dev", "en"), load(tmp_path, "dev", "de")
    assert english["index"] == german["index"] == [str(n) for n in range(9)]
    assert english["label"][:3] == ["entailment", "neutral", "contradiction"]


def test_training_rows_are_translated_ones_with_their_spelling_of_the_labels(tmp_path: Path) -> None:
    write_xnli(tmp_path)
    assert load(tmp_path, "train", "es")["text_pair"][0].endswith(" es")
    assert set(load(tmp_path, "train", "en")["label"]) == {"entailment", "neutral", "contradiction"}


def test_english_is_trained_on_what_people_wrote_where_it_is_there(tmp_path: Path) -> None:
    write_xnli(tmp_path)
    lines = "gold_label\tsentence1_parse\tsentence1\tsentence2\tpairID\n-\t\ta\tb\t1\nneutral\t\twritten\tby hand\t2\n"
    (tmp_path / "multinli_1.0_train.txt").write_text(lines)
    assert load(tmp_path, "train", "en")["text"] == ["written"]


def test_numbers_are_taken_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "xnli/fr").mkdir(parents=True)
    features = Features(
        premise=Value("string"), hypothesis=Value("string"), label=ClassLabel(names=["contradiction", "entailment", "neutral"])
    )  # fmt: skip
    rows = Dataset.from_dict({"premise": ["a"], "hypothesis": ["b"], "label": [0]}, features=features)
    rows.to_parquet(str(tmp_path / "xnli/fr/validation-00000-of-00001.parquet"))
    assert load(tmp_path, "dev", "fr")["label"] == ["contradiction"]
    rows.cast_column("label", Value("int64")).to_parquet(str(tmp_path / "xnli/fr/test.parquet"))
    with pytest.raises(DataError, match="numbers without names"):
        load(tmp_path, "test", "fr")


@pytest.mark.parametrize(("split", "language"), [("dev", "en"), ("train", "en"), ("train", "sw")])
def test_what_is_missing_is_said_with_the_layouts_that_are_expected(tmp_path: Path, split: str, language: str) -> None:
    with pytest.raises(DataError) as refused:
        load(tmp_path, split, language)
    assert f"rows of XNLI in {language}" in str(refused.value) or f"rows for XNLI in {language}" in str(refused.value)
    assert "Expected one of these layouts" in str(refused.value)


def test_a_language_that_the_file_does_not_have_is_said(tmp_path: Path) -> None:
    write_xnli(tmp_path)
    with pytest.raises(DataError, match="has no rows in 'ur'"):
        load(tmp_path, "dev", "ur")
