"""The pages of the site and README.md, taken apart by a Markdown parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["DOCS", "PAGES", "ROOT", "Block", "blocks", "inline", "name"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the page's line that it begins at, from 1."""

    page: Path
    language: str
    text: str
    line: int
    not_run: str | None
    """The reason that stands above it as ``<!-- not run: REASON -->``."""

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """Below the repository's folder."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of these languages, in their order."""
    found: list[Block] = []
    reason = None
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        language = token.info.split(" ")[0]
        if token.type == "fence" and token.map and language in languages:
            found.append(Block(page, language, token.content, token.map[0] + 1, reason and reason[1]))
        reason = re.match(r"<!-- not run: (.+) -->", token.content) if token.type == "html_block" else None
    return found


def inline(page: Path) -> Iterator[Token]:
    """What stands in paragraphs, headings and cells: text, code, links."""
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        yield from token.children or ()
