"""The files of XNLI-1.0, MultiNLI and XNLI-MT-1.0, saved data sets, and the Hub's Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.errors import DataError
from reldistill.evaluation.data import label_names, read_tsv
from reldistill_plugins.tasks.glue_layout import HUB as GLUE_HUB

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.evaluation.data import DataSource

__all__ = ["read_labelled", "read_training"]

HUB = "facebook/xnli"
PLACES = ("", "XNLI-1.0", "xnli", "XNLI")
SAVED = {"dev": ("validation", "dev"), "test": ("test",), "train": ("train",)}

SPELLINGS = {"contradictory": "contradiction"}
"""Of the translated training files."""

PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("premise", "hypo"))
LABELS = ("gold_label", "label")

LABELLED_TREE = """XNLI-1.0/xnli.{split}.tsv
xnli/{language}/{saved}*.parquet
xnli/{language}/{saved}/state.json   (save_to_disk)"""

TRAINING_TREE = """multinli_1.0/multinli_1.0_train.txt
MNLI/train.tsv   (GLUE)
XNLI-MT-1.0/multinli/multinli.train.en.tsv
mnli/train*.parquet"""

TRANSLATED_TREE = """XNLI-MT-1.0/multinli/multinli.train.{language}.tsv
xnli/{language}/train*.parquet"""


def read_labelled(source: DataSource, labels: Sequence[str], split: str, language: str) -> Dataset:
    """The rows of a language, in the order of the file, which is the same in all languages.

    Raises :class:`DataError` for what is missing or broken.
    """
    names = SAVED[split]
    if source.folder is None:
        return _from_saved(source.hub(HUB, language, names[0]), labels, f"{HUB}:{language}")
    file = source.find([f"xnli.{split}.tsv"], PLACES)
    if file is not None:
        rows = source.once(file, _by_language).get(language)
        if not rows:
            raise DataError(f"{file} has no rows in {language!r}", hint="Choose from its languages with --languages.")
        return _dataset(rows, labels, str(file))
    saved = source.saved(names, [f"{place}/{language}".lstrip("/") for place in PLACES])
    if saved is not None:
        return _from_saved(saved, labels, f"{source.folder} ({language})")
    tree = LABELLED_TREE.format(split=split, language=language, saved=names[0])
    raise source.missing(f"{split} rows of XNLI in {language}", tree)


def read_training(source: DataSource, labels: Sequence[str], language: str) -> Dataset:
    """MNLI's training rows, as people wrote them; in another language as XNLI-MT translated them.

    Raises :class:`DataError` for what is missing or broken.
    """
    english = language == "en"
    if source.folder is None:
        if english:  # XNLI's own English training rows are cut into tokens by a machine
            return _from_saved(source.hub(GLUE_HUB, "mnli", "train"), labels, f"{GLUE_HUB}:mnli")
        return _from_saved(source.hub(HUB, language, "train"), labels, f"{HUB}:{language}")
    file = None
    if english:
        written = [
            "multinli_1.0_train.txt",
            "multinli_1.0/multinli_1.0_train.txt",
            "MNLI/train.tsv",
            "glue/MNLI/train.tsv",
        ]
        file = source.find([*written, "glue_data/MNLI/train.tsv"])
    translated = f"multinli.train.{language}.tsv"
    file = file or source.find([translated], ["", "multinli", "XNLI-MT-1.0/multinli", "XNLI-MT-1.0"])
    if file is not None:
        return _dataset(read_tsv(source.note(file)), labels, str(file))
    saved = source.saved(["train"], ["mnli", "glue/mnli"] if english else [f"xnli/{language}", language])
    if saved is not None:
        return _from_saved(saved, labels, str(source.folder))
    tree = TRAINING_TREE if english else TRANSLATED_TREE.format(language=language)
    raise source.missing(f"training rows for XNLI in {language}", tree)


def _dataset(rows: Iterable[Mapping[str, Any]], labels: Sequence[str], place: str) -> Dataset:
    from datasets import Dataset

    columns: dict[str, list[str]] = {"index": [], "text": [], "text_pair": [], "label": []}
    pair: tuple[str, str] | None = None
    name = ""
    for number, row in enumerate(rows):
        if pair is None:
            pair = next((names for names in PAIRS if set(names) <= row.keys()), None)
            name = next((known for known in LABELS if known in row), "")
            if pair is None or not name:
                raise DataError(
                    f"{place} has the columns {', '.join(row)}",
                    hint="Two sentences and a label are expected: sentence1, sentence2 and gold_label, or premise, hypothesis and label.",
                )
        label = SPELLINGS.get(row[name], row[name])
        if label == "-":  # annotators did not agree
            continue
        if label not in labels:
            raise DataError(
                f"{place}, row {number + 1}: {label!r} is no label", hint=f"Labels are {', '.join(labels)}."
            )
        columns["index"].append(str(row.get("pairID", number)))
        columns["text"].append(row[pair[0]])
        columns["text_pair"].append(row[pair[1]])
        columns["label"].append(label)
    if not columns["text"]:
        raise DataError(f"{place} has no rows", hint="Download it again.")
    return Dataset.from_dict(columns)


def _by_language(file: Path) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in read_tsv(file):
        found.setdefault(row.get("language", ""), []).append(row)
    return found


def _from_saved(rows: Dataset, labels: Sequence[str], place: str) -> Dataset:
    names = label_names(rows, "label", labels, place)
    said = [{**row, "label": name} for row, name in zip(rows, names, strict=True)]
    return _dataset(said, labels, place)
