"""Finding translations: for each line of news in one language the nearest one among the same lines in English, and back.

    python -m studies.miniature.retrieval --max-length 128 MODEL…

A line is the mean over its tokens of what enters the encoder's last layer: of a student that was not fine-tuned, what lies behind
that is as it was initialised. Nearness is the cosine. Chance is one in ``LINES``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from studies.miniature.languages import HELD_OUT_LINES, LANGUAGES, PARALLEL
from transformers import AutoModel, AutoTokenizer

__all__ = ["accuracy", "embed"]

LINES = 500
BATCH = 32


def embed(model: Any, tokenizer: Any, lines: list[str], max_length: int) -> torch.Tensor:
    """``[lines, width]``, of length 1."""
    order = sorted(range(len(lines)), key=lambda number: len(lines[number]))
    found: list[torch.Tensor] = [torch.empty(0)] * len(lines)
    for start in range(0, len(lines), BATCH):
        chosen = order[start : start + BATCH]
        batch = tokenizer(
            [lines[number] for number in chosen],
            padding=True,
            truncation=True,
            max_length=max_length,
            return_tensors="pt",
        )
        with torch.no_grad():
            states = model(**batch, output_hidden_states=True).hidden_states[-2]
        mask = batch["attention_mask"][..., None]
        means = (states * mask).sum(1) / mask.sum(1)
        for number, mean in zip(chosen, torch.nn.functional.normalize(means, dim=-1), strict=True):
            found[number] = mean
    return torch.stack(found)


def accuracy(these: torch.Tensor, those: torch.Tensor) -> float:
    """Share, in percent, of lines of one language whose nearest one of the other is the same line; mean of both ways."""
    nearness = these @ those.T
    right = torch.arange(len(nearness))
    ways = [(nearness.argmax(axis) == right).double().mean() for axis in (0, 1)]
    return 100 * float(sum(ways)) / 2


def main() -> None:
    """Of each model, each language."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--max-length", type=int, required=True)
    arguments = parser.parse_args()
    texts = {}
    for language in LANGUAGES:
        lines = Path(f"data/text/multilingual/{language}/{PARALLEL}").read_text(encoding="utf-8").splitlines()
        texts[language] = lines[HELD_OUT_LINES : HELD_OUT_LINES + LINES]
    found: dict[str, dict[str, float]] = {}
    for name in arguments.models:
        model, tokenizer = AutoModel.from_pretrained(name), AutoTokenizer.from_pretrained(name)
        model.eval()
        english = embed(model, tokenizer, texts["en"], arguments.max_length)
        found[name] = {
            language: accuracy(english, embed(model, tokenizer, texts[language], arguments.max_length))
            for language in LANGUAGES
            if language != "en"
        }
    print(json.dumps({"lines": LINES, "accuracy": found}))


if __name__ == "__main__":
    main()
