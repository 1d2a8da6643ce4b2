"""The study's text: what is trained on, and what is kept apart to measure on.

    python -m studies.miniature.texts english|multilingual|xnli

Reads ``data``, writes below ``texts``, and says as one JSON object what it wrote.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from studies.miniature.languages import HELD_OUT_LINES as PARALLEL_LINES
from studies.miniature.languages import LANGUAGES, PARALLEL

__all__ = ["english", "multilingual", "xnli"]

HELD_OUT_LINES = 700
"""From the end of each English text that is cut into lines: about 300 sequences of 128 tokens in all."""

EACH_FOR_VALIDATION = 20
"""Lines of each language, for the curve of a multilingual student."""

XNLI_TRAIN = 1990
"""Of 2,490 pairs."""


def english(source: Path, target: Path) -> dict[str, dict[str, object]]:
    """Brown, film reviews and novels; the last lines of the first two are held out."""
    parts: dict[str, dict[str, list[str]]] = {"english": {}, "english-held-out": {}}
    for name in ("brown", "movie_reviews"):
        lines = (source / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        parts["english"][name] = lines[:-HELD_OUT_LINES]
        parts["english-held-out"][name] = lines[-HELD_OUT_LINES:]
    with gzip.open(source / "english_novels.txt.gz", "rt", encoding="utf-8") as file:
        parts["english"]["novels"] = file.read().splitlines()
    return dict(written(parts, target))


def multilingual(source: Path, target: Path) -> dict[str, dict[str, object]]:
    """Paragraphs and phrases of Wikipedia in all languages that have some, to train on; news in parallel, to measure on."""
    parts: dict[str, dict[str, list[str]]] = {"multilingual": {}, "multilingual-held-out": {}, "ntrex": {}}
    for folder in sorted(source.iterdir()):
        for file in sorted(folder.glob("*.txt")):
            lines = file.read_text(encoding="utf-8").splitlines()
            if file.name != PARALLEL:
                parts["multilingual"][f"{folder.name}-{file.stem}"] = lines
                continue
            parts["multilingual-held-out"][folder.name] = lines[:EACH_FOR_VALIDATION]
            if folder.name in LANGUAGES:
                parts["ntrex"][folder.name] = lines[:PARALLEL_LINES]
    return dict(written(parts, target))


def xnli(source: Path, target: Path) -> dict[str, dict[str, object]]:
    """The dev set of XNLI, all there is, cut by pair: English to train on, 100 pairs to choose by, the others to report."""
    with (source / "xnli.dev.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    pairs = sorted({int(row["pairID"]) for row in rows})
    columns = ("language", "gold_label", "sentence1", "sentence2", "pairID")
    tables = {
        "XNLI-1.0/xnli.dev.tsv": pairs[XNLI_TRAIN : XNLI_TRAIN + 100],
        "XNLI-1.0/xnli.test.tsv": pairs[XNLI_TRAIN + 100 :],
    }
    train = set(pairs[:XNLI_TRAIN])
    english = [
        f"{row['sentence1']}\t{row['sentence2']}\t{row['gold_label']}"
        for row in rows
        if row["language"] == "en" and int(row["pairID"]) in train
    ]
    lines = {"multinli/multinli.train.en.tsv": ["premise\thypo\tlabel", *english]}
    for name, chosen in tables.items():
        there = set(chosen)
        kept = ["\t".join(row[column] for column in columns) for row in rows if int(row["pairID"]) in there]
        lines[name] = ["\t".join(columns), *kept]
    found = {}
    for name, content in lines.items():
        path = target / "xnli" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        found[f"xnli/{name}"] = write(path, content)
    return found


def written(parts: dict[str, dict[str, list[str]]], target: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Write each text of each part; its lines, bytes and SHA-256."""
    for part, texts in parts.items():
        (target / part).mkdir(parents=True, exist_ok=True)
        for name, lines in texts.items():
            yield f"{part}/{name}", write(target / part / f"{name}.txt", lines)


def write(path: Path, lines: list[str]) -> dict[str, object]:
    """Write the lines; what there are of them."""
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(content)
    return {"lines": len(lines), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def main() -> None:
    """Write the texts that are named."""
    make, source = {
        "english": (english, "data/text/en"),
        "multilingual": (multilingual, "data/text/multilingual"),
        "xnli": (xnli, "data/xnli"),
    }[sys.argv[1]]
    print(json.dumps(make(Path(source), Path("texts"))))


if __name__ == "__main__":
    main()
