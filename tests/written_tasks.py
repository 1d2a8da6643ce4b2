"""Small files of tasks in the official layouts."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tiny_models import SENTENCES

__all__ = ["write_rte", "write_squad", "write_xnli"]


def write_rte(folder: Path, *, train: int = 24, dev: int = 12) -> Path:
    """RTE as in GLUE's zip: what the second sentence says tells the label, so that it can be learned."""
    (folder / "RTE").mkdir(parents=True)
    draw = random.Random(3)
    for split, count in (("train", train), ("dev", dev), ("test", dev)):
        lines = ["index\tsentence1\tsentence2" + ("" if split == "test" else "\tlabel")]
        for number in range(count):
            label = number % 2
            words = f'{draw.choice(SENTENCES)}\t{"Nets dry" if label else "Gulls argued"} "quoted {number}'
            lines.append(
                f"{number}\t{words}" + ("" if split == "test" else f"\t{('not_entailment', 'entailment')[label]}")
            )
        (folder / "RTE" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_xnli(folder: Path, languages: tuple[str, ...] = ("en", "es", "de"), *, rows: int = 9) -> Path:
    """XNLI-1.0 and a training file as XNLI-MT-1.0 has it."""
    labels = ("entailment", "neutral", "contradiction")
    (folder / "XNLI-1.0").mkdir(parents=True)
    for split in ("dev", "test"):
        lines = ["language\tgold_label\tsentence1_binary_parse\tsentence1\tsentence2\tpairID"]
        lines += [
            f"{language}\t{labels[n % 3]}\t\t{SENTENCES[n % 10]}\t{SENTENCES[(n * 3) % 10]} ({split})\t{n}"
            for language in languages
            for n in range(rows)
        ]
        (folder / "XNLI-1.0" / f"xnli.{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "multinli").mkdir()
    for language in languages:
        lines = ["premise\thypo\tlabel"]
        lines += [
            f"{SENTENCES[n % 10]}\t{SENTENCES[(n * 7) % 10]} {language}\t{(*labels[:2], 'contradictory')[n % 3]}"
            for n in range(12)
        ]
        (folder / "multinli" / f"multinli.train.{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_squad(file: Path, questions: int = 24, *, some_without: bool = True) -> Path:
    """Questions in SQuAD's layout: the answer is always the name in brackets, and a third may have none."""
    paragraphs = []
    for n in range(questions):
        name, without = f"lamp {n}", some_without and n % 3 == 2
        context = f"{SENTENCES[n % 10]} " + ("" if without else f"It is ({name}). ") + SENTENCES[(n + 3) % 10]
        answers = [] if without else [{"text": name, "answer_start": context.index(name)}]
        entry = {"id": f"q{n}", "question": "What is it?", "answers": answers, "is_impossible": without}
        paragraphs.append({"context": context, "qas": [entry]})
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": "v2.0", "data": [{"title": "Quay", "paragraphs": paragraphs}]}
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return file
