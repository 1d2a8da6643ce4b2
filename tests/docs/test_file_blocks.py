"""Files shown on the pages can be read as what they are called."""

from __future__ import annotations

import json
import tomllib

import pytest

from pages_of_docs import PAGES, Block, blocks

FILES = [block for page in PAGES for block in blocks(page, "toml", "json", "jsonl")]


@pytest.mark.parametrize("block", FILES, ids=str)
def test_the_file_can_be_read(block: Block) -> None:
    if block.language == "toml":
        assert tomllib.loads(block.text)
    for text in {"json": [block.text], "jsonl": block.text.splitlines()}.get(block.language, []):
        json.loads(text)
