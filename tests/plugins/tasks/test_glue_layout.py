"""The files of GLUE as they are found in the world."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from reldistill import DataError, Registry
from reldistill.evaluation.data import DataSource

ROWS = {
    "cola": "gj04\t1\t\tThe sailors rode the breeze.\nks08\t0\t*\tBreeze the rode sailors.\n",
    "sst2": "sentence\tlabel\na fine film \t1\na dull one \t0\n",
    "mrpc": '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t12\t34\tHe said "no.\tHe denied it.\r\n0\t5\t6\tA b\tC d\r\n',
    "stsb": "index\tgenre\tsentence1\tsentence2\tscore\n0\tmsr\tA man\tA boy\t4.750\n1\tmsr\tA cat\tA car\t0.0\n",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhy?\tHow come?\t1\n2\t4\t5\tWho?\tWhen?\t0\n",
    "mnli": "index\tsentence1\tsentence2\tlabel1\tgold_label\n0\ta\tb\tneutral\tneutral\n1\ta\tc\t-\t-\n2\td\te\tx\tcontradiction\n",
    "qnli": "index\tquestion\tsentence\tlabel\n0\tWho?\tHim.\tentailment\n1\tWhy?\tNo.\tnot_entailment\n",
    "rte": "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n1\tC.\tD.\tentailment\n",
    "wnli": "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\t1\n1\tC.\tD.\t0\n",
}
FOLDERS = {"cola": "CoLA", "sst2": "SST-2", "stsb": "STS-B"}
LABELS = {
    "cola": ["acceptable", "unacceptable"], "sst2": ["positive", "negative"], "mrpc": ["equivalent", "not_equivalent"],
    "stsb": [4.75, 0.0], "qqp": ["duplicate", "not_duplicate"], "mnli": ["neutral", "contradiction"],
    "qnli": ["entailment", "not_entailment"], "rte": ["not_entailment", "entailment"], "wnli": ["entailment", "not_entailment"],
}  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.installed()


def load(registry: Registry, task: str, folder: Path, split: str = "train") -> Dataset:
    return registry.tasks.get(task).thing.load(DataSource(folder), split, "en")


@pytest.mark.parametrize("below", ["", "glue_data"])
@pytest.mark.parametrize("task", list(ROWS))
def test_a_tsv_of_the_zip_is_read_by_the_names_of_its_columns_and_its_labels_get_names(
    registry: Registry, task: str, below: str, tmp_path: Path
) -> None:
    folder = tmp_path / below / FOLDERS.get(task, task.upper())
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_bytes(ROWS[task].encode())
    rows = load(registry, task, tmp_path)
    assert rows["label"] == LABELS[task]
    assert load(registry, task, folder)["text"] == rows["text"]


def test_quotation_marks_are_text_and_a_byte_order_mark_is_none(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes(ROWS["mrpc"].encode())
    rows = load(registry, "mrpc", tmp_path)
    assert rows["text"][0] == 'He said "no.'
    assert rows["text_pair"][0] == "He denied it."


@pytest.mark.parametrize("with_ids", [True, False])
def test_mrpc_is_read_from_microsofts_files_with_and_without_the_list_of_dev_rows(
    registry: Registry, with_ids: bool, tmp_path: Path
) -> None:
    for name in ("train", "test"):
        (tmp_path / f"msr_paraphrase_{name}.txt").write_bytes(ROWS["mrpc"].replace("A b", name).encode())
    if with_ids:
        (tmp_path / "dev_ids.tsv").write_text("5\t6\n")
    train, dev = (load(registry, "mrpc", tmp_path, split)["text"] for split in ("train", "dev"))
    assert (train, dev) == (
        (['He said "no.'], ["train"]) if with_ids else (['He said "no.', "train"], ['He said "no.', "test"])
    )


def test_mnli_has_two_development_sets(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "MNLI").mkdir()
    for which in ("matched", "mismatched"):
        (tmp_path / f"MNLI/dev_{which}.tsv").write_text(ROWS["mnli"].replace("\td\t", f"\t{which}\t"))
    task = registry.tasks.get("mnli").thing
    found = {e.name: load(registry, "mnli", tmp_path, e.split)["text"][-1] for e in task.evaluations(["en"])}
    assert found == {"matched": "matched", "mismatched": "mismatched"}
    assert [e.name for e in task.selection(["en"])] == ["matched"]


def test_test_rows_have_no_label_even_where_the_file_has_a_column_for_it(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\t\n")
    assert load(registry, "rte", tmp_path, "test").column_names == ["index", "text", "text_pair"]


def names_first() -> Dataset:
    """As the Hub has RTE: labels are numbers, and their names come in another order than the task's."""
    features = Features(
        sentence1=Value("string"), sentence2=Value("string"), label=ClassLabel(names=["entailment", "not_entailment"]),
        idx=Value("int32"),
    )  # fmt: skip
    table = {"sentence1": ["A.", "C."], "sentence2": ["B.", "D."], "label": [1, 0], "idx": [0, 1]}
    return Dataset.from_dict(table, features=features)


def test_labels_of_parquet_and_of_saved_data_sets_are_taken_by_name_never_by_number(
    registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "a/rte").mkdir(parents=True)
    names_first().to_parquet(str(tmp_path / "a/rte/train-00000-of-00001.parquet"))
    DatasetDict(train=names_first()).save_to_disk(str(tmp_path / "b/rte"))
    for place in ("a", "b"):
        assert load(registry, "rte", tmp_path / place)["label"] == ["not_entailment", "entailment"]


def test_numbers_without_names_are_refused(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rte").mkdir()
    plain = Dataset.from_dict({"sentence1": ["A."], "sentence2": ["B."], "label": [0]})
    plain.to_parquet(str(tmp_path / "rte/train.parquet"))
    with pytest.raises(DataError, match="would be a guess"):
        load(registry, "rte", tmp_path)


def test_what_was_read_is_noted_with_its_sha256(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(ROWS["rte"])
    source = DataSource(tmp_path)
    registry.tasks.get("rte").thing.load(source, "train", "en")
    assert source.used == {"train.tsv": hashlib.sha256(ROWS["rte"].encode()).hexdigest()}


@pytest.mark.parametrize(
    ("task", "file", "text", "message"),
    [
        ("rte", "other.tsv", "", "no train rows of rte"),
        ("rte", "train.tsv", ROWS["qqp"], "Is it another task's file"),
        ("rte", "train.tsv", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tmaybe\n", "row 1: 'maybe' is no label"),
        ("rte", "train.tsv", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\n", "line 2: 3 columns, 4 are expected"),
        ("rte", "train.tsv", "index\tsentence1\tsentence2\tlabel\n", "has no rows"),
        ("rte", "train.tsv", "", "is empty"),
        ("stsb", "train.tsv", "sentence1\tsentence2\tscore\nA\tB\thigh\n", "'high' is no score"),
    ],
)
def test_what_is_missing_or_broken_is_said_with_its_place(
    registry: Registry, task: str, file: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError) as refused:
        load(registry, task, tmp_path)
    assert message in str(refused.value)
    assert refused.value.hint


def test_bytes_that_are_no_utf_8_are_said_with_their_place(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes(b"index\tsentence1\xff\n")
    with pytest.raises(DataError, match="not UTF-8: byte 15"):
        load(registry, "rte", tmp_path)


def test_what_separates_lines_elsewhere_is_text_within_a_sentence(registry: Registry, tmp_path: Path) -> None:
    text = ROWS["rte"].replace("A.", "A\rb\u2028c\x85d.")
    (tmp_path / "train.tsv").write_bytes(text.encode())
    assert load(registry, "rte", tmp_path)["text"] == ["A\rb\u2028c\x85d.", "C."]


def test_the_lines_that_are_cut_in_qqps_own_files_are_left_out(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(ROWS["qqp"] + "3\t5\t6\tWhat\n4\t7\t8\tOh?\tNo?\t0\n")
    assert load(registry, "qqp", tmp_path)["text"] == ["Why?", "Who?", "Oh?"]


def test_the_folder_of_another_task_is_not_taken_for_this_one(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "WNLI").mkdir()
    (tmp_path / "WNLI/train.tsv").write_text(ROWS["rte"])
    with pytest.raises(DataError, match="no train rows of rte"):
        load(registry, "rte", tmp_path / "WNLI")


@pytest.mark.parametrize("names", ["sentence\tlabel", "index\tsentence\tlabel\tsource"])
def test_cola_with_a_line_of_names_is_read_by_them(registry: Registry, names: str, tmp_path: Path) -> None:
    row = {"sentence": "He goes.", "label": "1", "index": "0", "source": "x"}
    (tmp_path / "train.tsv").write_text(f"{names}\n" + "\t".join(row[n] for n in names.split("\t")) + "\n")
    rows = load(registry, "cola", tmp_path)
    assert (rows["text"], rows["label"]) == (["He goes."], ["acceptable"])


def test_numbers_are_no_labels_of_a_task_whose_files_have_names(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\t0\n")
    with pytest.raises(DataError, match="'0' is no label"):
        load(registry, "rte", tmp_path)


def test_training_rows_that_hold_glues_dev_rows_are_not_taken(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "msr_paraphrase_train.txt").write_bytes(ROWS["mrpc"].encode())
    (tmp_path / "dev.tsv").write_bytes(ROWS["mrpc"].encode())
    with pytest.raises(DataError, match="no train rows of mrpc"):
        load(registry, "mrpc", tmp_path)


def test_a_test_row_that_is_cut_is_an_error_since_the_server_counts_them(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("id\tquestion1\tquestion2\n0\tWhy?\tHow?\n1\tWhat\n")
    with pytest.raises(DataError, match="line 3"):
        load(registry, "qqp", tmp_path, "test")


def test_rows_whose_saved_label_is_below_zero_have_none(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rte").mkdir()
    features = Features(
        sentence1=Value("string"), sentence2=Value("string"), label=ClassLabel(names=["entailment", "not_entailment"])
    )  # fmt: skip
    rows = Dataset.from_dict(
        {"sentence1": ["A.", "C."], "sentence2": ["B.", "D."], "label": [-1, 0]}, features=features
    )
    rows.to_parquet(str(tmp_path / "rte/train.parquet"))
    assert load(registry, "rte", tmp_path)["label"] == ["entailment"]
