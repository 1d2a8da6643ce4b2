"""The built site in a real browser: nothing is missing, nothing is asked of others, it fits a phone, and search finds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

import reldistill_loader
from headless_browser import Browser, find_browser
from pages_of_docs import DOCS, ROOT

BUILDER = shutil.which("zensical", path=str(Path(sys.executable).parent)) or shutil.which("zensical")
BROWSER = find_browser()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BUILDER is None, reason="zensical is not installed: pip install -e '.[docs]'"),
]


def address(page: Path) -> str:
    """Of a page, below the site's."""
    below = page.relative_to(DOCS).with_suffix("")
    folder = below.parent if below.name == "index" else below
    return "" if folder == Path() else f"{folder.as_posix()}/"


PAGES = [address(page) for page in sorted(DOCS.rglob("*.md"))]

PHONE = 375
"""Width in CSS pixels."""

TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""CSS pixels that one would have to scroll sideways for."""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built strictly of a copy, so that nothing is written into the repository."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    for part in ("docs", "core", "rust_loader/python"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    assert BUILDER
    built = subprocess.run([BUILDER, "build", "--clean", "--strict"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder / "site")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if BROWSER is None:
        pytest.skip("no Chromium found, so no page was opened: apt install chromium")
    with Browser(BROWSER, tmp_path / "profile") as browser:
        yield browser


def test_the_site_builds_without_a_warning_and_describes_what_is_public(site: str) -> None:
    with urlopen(f"{site}reference/python/") as page:
        described = set(re.findall(r'<h3 id="([\w.]+)"', page.read().decode()))
    assert {f"reldistill_loader.{name}" for name in reldistill_loader.__all__} <= described
    assert {"reldistill.distill", "reldistill.AttentionStates", "reldistill.TeacherAdapter"} <= described


def test_each_page_is_whole_fits_a_phone_and_asks_nothing_of_others(site: str, browser: Browser) -> None:
    for page in PAGES:
        browser.open(site + page, width=PHONE)
        wide = browser.evaluate(TOO_WIDE)
        assert wide == 0, f"{page} is {wide} pixels wider than a phone"
        assert browser.evaluate("document.querySelectorAll('article h1').length") == 1, f"{page} has no title"
        pictures = (
            "[...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
        )
        browser.evaluate(
            "Promise.all([...document.images].map(image => (image.loading = 'eager', image.decode().catch(() => 0))))"
        )
        assert browser.evaluate(pictures) == []
        assert browser.faults == [], page
    assert [url for url in browser.requests if not url.startswith((site, "data:", "blob:"))] == []
    assert len({url for url in browser.requests if url.startswith(site)}) > len(PAGES)


def test_a_page_that_lacks_something_would_be_noticed(site: str, browser: Browser) -> None:
    browser.open(site)
    browser.evaluate("fetch('missing.css').then(() => fetch('https://example.com/font.woff2')).catch(() => 0)")
    assert any("404" in fault for fault in browser.faults)
    assert any(not url.startswith(site) for url in browser.requests if not url.startswith("data:"))
    browser.evaluate("document.querySelector('article').style.width = '2000px'")
    assert browser.evaluate(TOO_WIDE) > 0


def test_search_opens_by_keyboard_and_finds_the_option(site: str, browser: Browser) -> None:
    browser.open(site)
    browser.tell("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
    browser.tell("Input.dispatchKeyEvent", type="keyUp", key="/")
    # The dialog lives in a shadow tree.
    inside = (
        "[...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('{}')] : [])"
    )
    browser.until(f"{inside.format('dialog[open]')}.length > 0")
    browser.until(f"{inside.format('input')}.some(e => e === e.getRootNode().activeElement)")
    browser.tell("Input.insertText", text="relation heads")
    found = browser.until(f"(links => links.length && links.map(a => a.href))({inside.format('a[href]')})")
    assert all(link.startswith(site) for link in found)
    assert browser.faults == []


def test_dark_mode_is_a_click_away_and_code_can_be_copied(site: str, browser: Browser) -> None:
    browser.open(site)
    scheme = "document.body.dataset.mdColorScheme"
    before = browser.until(scheme)
    browser.evaluate("document.querySelector('form[data-md-component=palette] label:not([hidden])').click()")
    browser.until(f"{scheme} !== '{before}'")
    assert browser.until("document.querySelectorAll('.md-code__button').length") > 0
