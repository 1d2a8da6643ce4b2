"""Links between pages lead somewhere: the file is there, and so is the heading."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from pages_of_docs import DOCS, PAGES, ROOT, inline, name

STUDIES = sorted(ROOT.glob("studies/*/README.md"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """What a link may name behind ``#``: headings as the site's generator and GitHub call them."""
    tokens = MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", title) for title in titles]
    return frozenset(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in plain)


@pytest.mark.parametrize("page", [*PAGES, *STUDIES], ids=name)
def test_each_link_leads_somewhere(page: Path) -> None:
    links = [str(token.attrs.get("href") or token.attrs.get("src")) for token in inline(page) if token.attrs]
    for link in links:
        if re.match(r"[a-z]+:", link):
            assert link.startswith(("https://", "mailto:")), f"{name(page)} links to {link}"
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}, which is not there"
        if DOCS in page.parents:
            assert DOCS in target.parents, f"{name(page)} links to {link}, which is not part of the site"
        assert not anchor or anchor in anchors(target), f"{name(page)} links to {link}: no heading is called so"


def test_each_page_of_the_site_stands_in_its_navigation() -> None:
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert f'"{page.relative_to(DOCS).as_posix()}"' in navigation
