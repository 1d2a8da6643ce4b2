"""The study's text: what is trained on, and what is kept apart to measure on.

    python -m studies.miniature.texts english

Reads ``data/text``, writes below ``texts``, and says as one JSON object what it wrote.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["english"]

HELD_OUT_LINES = 700
"""From the end of each English text that is cut into lines: about 256 sequences of 128 tokens in all."""


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


def written(parts: dict[str, dict[str, list[str]]], target: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Write each text of each part; its lines, bytes and SHA-256."""
    for part, texts in parts.items():
        (target / part).mkdir(parents=True, exist_ok=True)
        for name, lines in texts.items():
            content = ("\n".join(lines) + "\n").encode()
            (target / part / f"{name}.txt").write_bytes(content)
            yield (
                f"{part}/{name}",
                {"lines": len(lines), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
            )


def main() -> None:
    """Write the texts of the language that is named."""
    made = {"english": english}[sys.argv[1]](Path("data/text/en"), Path("texts"))
    print(json.dumps(made))


if __name__ == "__main__":
    main()
