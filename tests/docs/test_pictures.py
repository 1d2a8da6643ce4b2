"""The committed pictures are what the scripts draw, and can be read in light, in dark and aloud."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reldistill.config import DistillConfig

ROOT = Path(__file__).parents[2]
PICTURES = [*sorted((ROOT / "docs/pictures").glob("*.svg")), *sorted(ROOT.glob("studies/*/figures/*.svg"))]
DRAWN = [path for path in PICTURES if path.name != "terminal.svg"]
"""A terminal is dark in any case."""

SVG = "{http://www.w3.org/2000/svg}"


def test_the_committed_pictures_are_what_the_scripts_draw() -> None:
    command = [sys.executable, "-m", "docs.pictures", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_says_in_words_what_it_shows(picture: Path) -> None:
    root = ElementTree.parse(picture).getroot()
    title, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert words is not None
    assert len(words.text or "") > 80
    assert root.get("aria-labelledby") == f"{title.get('id')} {words.get('id')}"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_asks_for_nothing_and_runs_nothing(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\((?!#)|@import|@font-face|<script|<image|href", text)


@pytest.mark.parametrize("picture", DRAWN, ids=lambda path: path.stem)
def test_a_picture_has_colours_for_light_and_for_dark(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme: dark)" in text
    drawn = text.partition("</style>")[2]
    assert not re.search(r'(fill|stroke)="#', drawn), "a colour that does not follow the scheme"


def test_each_picture_stands_on_a_page_with_words_for_those_who_do_not_see_it() -> None:
    places = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("studies/*/README.md")]
    pages = {path: path.read_text(encoding="utf-8") for path in places}
    for picture in PICTURES:
        shown = [
            words for text in pages.values() for words in re.findall(rf"!\[([^\]]*)\]\([^)]*{picture.name}\)", text)
        ]
        assert shown, picture.name
        assert all(len(words) > 20 for words in shown), picture.name


def test_a_screen_is_what_stands_there_when_all_was_written() -> None:
    output = "one\ntwo \x1b[32m10%\x1b[0m\r\x1b[2Kthree\n\x1b[?25lwait\r\x1b[1A\x1b[2Kfour\n\x1b[2Kfive\x1b[?25h"
    script = f"from docs.pictures.record_terminal import last_screen; print(last_screen({output!r}))"
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(["one", "four", "five"])


def test_the_picture_of_the_terminal_shows_a_command_that_there_is() -> None:
    title = ElementTree.parse(ROOT / "docs/pictures/terminal.svg").getroot().findtext(f"{SVG}title") or ""
    options = {name.removeprefix("--").replace("-", "_") for name in re.findall(r"--[\w-]+", title)}
    assert "minictl distill" in title
    assert options <= {field.name for field in fields(DistillConfig)}
