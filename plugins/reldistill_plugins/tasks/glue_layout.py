"""The files of GLUE: the zips' TSVs, Microsoft's own files of MRPC, saved data sets, and the Hub's Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.errors import DataError
from reldistill.evaluation.data import label_names, read_tsv

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.evaluation.data import DataSource

__all__ = ["HUB", "LAYOUTS", "Layout", "read_split"]

HUB = "nyu-mll/glue"


@dataclass(frozen=True)
class Layout:
    """How the files of one task look. ``folder``: its name in the zip. ``texts``: one of these sets of columns has the text."""

    task: str
    folder: str
    texts: tuple[tuple[str, ...], ...]
    label: tuple[str, ...] = ("label",)
    numbered: bool = True
    """Whether its official files have 0 and 1 for the two labels."""
    headless: tuple[str, ...] | None = None
    """Columns of a file without a line of names, as CoLA's labelled ones are."""


SENTENCE, PAIR = ("sentence",), ("sentence1", "sentence2")

LAYOUTS: Mapping[str, Layout] = {
    layout.task: layout
    for layout in (
        Layout("cola", "CoLA", (SENTENCE,), headless=("source", "label", "author", "sentence")),
        Layout("sst2", "SST-2", (SENTENCE,)),
        Layout("mrpc", "MRPC", (("#1 String", "#2 String"), PAIR), ("Quality", "label")),
        Layout("stsb", "STS-B", (PAIR,), ("score", "label")),
        Layout("qqp", "QQP", (("question1", "question2"),), ("is_duplicate", "label")),
        Layout("mnli", "MNLI", (PAIR, ("premise", "hypothesis")), ("gold_label", "label"), numbered=False),
        Layout("qnli", "QNLI", (("question", "sentence"),), numbered=False),
        Layout("rte", "RTE", (PAIR,), numbered=False),
        Layout("wnli", "WNLI", (PAIR,)),
    )
}

DIAGNOSTIC = "test_ax"
"""The diagnostic rows, which have MNLI's labels."""

SAVED = {
    "dev": ("validation", "dev"),
    "dev_matched": ("validation_matched",),
    "dev_mismatched": ("validation_mismatched",),
}


def read_split(layout: Layout, labels: Sequence[str], source: DataSource, split: str) -> Dataset:
    """Rows with ``index``, ``text``, perhaps ``text_pair``, and where they have one ``label``: a name, or a number.

    Raises :class:`DataError` for what is missing or broken.
    """
    from datasets import Dataset

    names = SAVED.get(split, (split,))
    if split == DIAGNOSTIC:
        return _diagnostic(layout, labels, source)
    if source.folder is None:
        return _from_saved(layout, labels, source.hub(HUB, layout.task, names[0]), f"{HUB}:{layout.task}", split)
    places = _places(layout, source.folder)
    if (file := source.find([f"{split}.tsv"], places)) is not None:
        return Dataset.from_dict(_columns(layout, labels, _tsv(layout, source.note(file), split), file, split))
    if layout.task == "mrpc" and (raw := _microsoft(source, places, split)) is not None:
        rows, file = raw
        return Dataset.from_dict(_columns(layout, labels, rows, file, split))
    saved = source.saved(names, (*places, layout.task))
    if saved is not None:
        return _from_saved(layout, labels, saved, str(source.folder), split)
    raise source.missing(f"{split} rows of {layout.task}", _tree(layout, split))


def _diagnostic(layout: Layout, labels: Sequence[str], source: DataSource) -> Dataset:
    from datasets import Dataset

    if source.folder is None:
        return _from_saved(layout, labels, source.hub(HUB, "ax", "test"), f"{HUB}:ax", DIAGNOSTIC)
    file = source.find(
        ["diagnostic.tsv", "AX.tsv"], ["", "diagnostic", "AX", "MNLI", "glue_data/diagnostic", "glue/diagnostic"]
    )
    if file is not None:
        return Dataset.from_dict(_columns(layout, labels, read_tsv(source.note(file)), file, DIAGNOSTIC))
    saved = source.saved(["test"], ["ax", "glue/ax"])
    if saved is not None:
        return _from_saved(layout, labels, saved, str(source.folder), DIAGNOSTIC)
    raise source.missing("diagnostic rows of GLUE", "diagnostic/diagnostic.tsv\nax/test*.parquet")


def _places(layout: Layout, root: Path) -> list[str]:
    """Folders below the source's in which the task may lie; that itself last, unless it is named like the task."""
    below = [
        layout.folder,
        *(f"{name}/{layout.folder}" for name in ("glue", "glue_data", "GLUE")),
        f"glue/{layout.task}",
    ]
    others = {other.folder.lower() for other in LAYOUTS.values()} - {layout.folder.lower()}
    return [*below, layout.task] if root.name.lower() in others else [*below, layout.task, ""]


def _tree(layout: Layout, split: str) -> str:
    lines = [f"{layout.folder}/{split}.tsv", f"{layout.task}/{SAVED.get(split, (split,))[0]}*.parquet"]
    if layout.task == "mrpc":
        lines.append(f"{layout.folder}/msr_paraphrase_train.txt, msr_paraphrase_test.txt and dev_ids.tsv")
    lines.append(f"{layout.task}/{SAVED.get(split, (split,))[0]}/state.json   (save_to_disk)")
    return "\n".join(lines)


def _tsv(layout: Layout, file: Path, split: str) -> list[dict[str, str]]:
    headless = layout.headless if not split.startswith("test") else None
    if headless is None:
        # A few lines of QQP's own files are cut; GLUE's baselines leave them out too.
        rows: list[dict[str, str]] = read_tsv(
            file, leave_out_short=layout.task == "qqp" and not split.startswith("test")
        )
        return rows
    with file.open(encoding="utf-8-sig", errors="replace") as opened:
        named = {"sentence", "label"} <= set(opened.readline().rstrip("\r\n").split("\t"))
    return read_tsv(file) if named else read_tsv(file, headless)  # some copies have names after all


def _microsoft(source: DataSource, places: Sequence[str], split: str) -> tuple[list[dict[str, str]], Path] | None:
    """MRPC from Microsoft's files: GLUE's dev rows are those whose ids stand in dev_ids.tsv.

    Where that list is missing, train is the whole of their training file and dev their test file.
    """
    name = "msr_paraphrase_test.txt" if split == "test" else "msr_paraphrase_train.txt"
    listed = source.find(["dev_ids.tsv"], places)
    if split == "train" and listed is None and source.find(["dev.tsv"], places) is not None:
        return None  # GLUE's dev rows are among these, and nobody says which
    if split == "dev" and listed is None:
        name = "msr_paraphrase_test.txt"
    file = source.find([name], places)
    if file is None:
        return None
    rows = read_tsv(source.note(file))
    if listed is not None and split != "test":
        ids = {tuple(line.split()) for line in source.note(listed).read_text(encoding="utf-8").splitlines()}
        rows = [row for row in rows if ((row["#1 ID"], row["#2 ID"]) in ids) == (split == "dev")]
    return rows, file


def _columns(
    layout: Layout,
    labels: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    file: Path,
    split: str,
    *,
    saved: bool = False,
) -> dict[str, list[Any]]:
    numbered = layout.numbered and not saved
    if not rows:
        raise DataError(f"{file} has no rows", hint="Download it again.")
    there = rows[0].keys()
    texts = next((names for names in layout.texts if set(names) <= set(there)), None)
    if texts is None:
        wanted = " or ".join(", ".join(names) for names in layout.texts)
        raise DataError(
            f"{file} has the columns {', '.join(there)}",
            hint=f"{layout.folder} has {wanted}. Is it another task's file?",
        )
    label = next((name for name in layout.label if name in there), None)
    if split.startswith("test"):
        label = None  # what stands there is no label, or not for us
    elif label is None:
        raise DataError(f"{file} has no column {' or '.join(layout.label)}", hint=f"It has {', '.join(there)}.")
    kept = [row for row in rows if label is None or row[label] != "-"]  # MNLI: annotators did not agree
    columns: dict[str, list[Any]] = {
        "index": [row.get("index", str(number)) for number, row in enumerate(kept)],
        "text": [row[texts[0]] for row in kept],
    }
    if len(texts) == 2:
        columns["text_pair"] = [row[texts[1]] for row in kept]
    if label is not None:
        columns["label"] = [
            _label(row[label], labels, f"{file}, row {n}", numbered) for n, row in enumerate(kept, start=1)
        ]
    return columns


def _label(word: str, labels: Sequence[str], place: str, numbered: bool) -> str | float:
    """A label by its name, or by its number where GLUE's files have numbers; a score as a number."""
    if not labels:
        try:
            return float(word)
        except ValueError:
            raise DataError(f"{place}: {word!r} is no score", hint="Download the file again.") from None
    if word in labels:
        return word
    if numbered and word in ("0", "1") and len(labels) == 2:
        return labels[int(word)]
    raise DataError(f"{place}: {word!r} is no label", hint=f"Labels are {', '.join(labels)}.")


def _from_saved(layout: Layout, labels: Sequence[str], rows: Dataset, place: str, split: str) -> Dataset:
    """A saved or fetched data set, whose labels are names or numbers with names."""
    from datasets import Dataset

    label = next((name for name in layout.label if name in rows.column_names), None)
    table: list[dict[str, str]] = []
    values: list[Any] = []
    if label and not split.startswith("test"):
        values = label_names(rows, label, labels, place) if labels else list(rows[label])
    names = [name for name in rows.column_names if name != label]
    for row in rows.select_columns(names):
        table.append({name: str(value) for name, value in row.items()})
    for row, value in zip(table, values, strict=bool(values)):
        row["label"] = str(value).lower() if labels else str(value)
    renamed = [{("index" if name == "idx" else name): value for name, value in row.items()} for row in table]
    return Dataset.from_dict(_columns(layout, labels, renamed, Path(place), split, saved=True))
