"""A picture of the terminal: commands are run for real, and their last screen is drawn.

cd FOLDER && python -m docs.pictures.record_terminal terminal.svg 'minictl …' ['minictl …']

The root of the repository has to be on PYTHONPATH. Takes as long as the commands do.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from html import escape
from pathlib import Path

from rich.console import Console
from rich.text import Text

__all__ = ["last_screen", "record"]

COLUMNS = 96
CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")

FORMAT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title description">
<title id="title">TITLE</title>
<desc id="description">DESCRIPTION</desc>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own, but for the fonts, which that fetches, and the words for those who do not see the picture."""


def last_screen(output: str) -> list[str]:
    """The lines that stand on a terminal, however tall, when all of ``output`` was written; colours are kept.

    Understood is what rich writes: line feeds, carriage returns, upward moves and erased lines.
    """
    lines, row = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[[?\d;]*[A-Za-z])", output):
        found = CONTROL.fullmatch(part)
        if part == "\n":
            row += 1
        elif part == "\r" or (found and found[2] == "K"):
            lines[row] = lines[row] if part == "\r" else ""
            continue
        elif found and found[2] == "A":
            row = max(0, row - int(found[1] or 1))
        elif found is None or found[2] == "m":
            lines[row] += part
        if row == len(lines):
            lines.append("")
    return lines


def record(commands: list[str]) -> str:
    """The SVG of what the commands show, one after the other."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=False)
        for line in last_screen(_run(command)):
            console.print(Text.from_ansi(line), soft_wrap=True)
    words = console.export_text(clear=False)
    svg = console.export_svg(title=" ", code_format=FORMAT, unique_id="terminal")
    return svg.replace("TITLE", escape(f"A terminal that ran {'; '.join(commands)}")).replace(
        "DESCRIPTION", escape(re.sub(r"\s+", " ", words).strip())
    )


def _run(command: str) -> str:
    """All that a command writes to a terminal of this width."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(command, shell=True, stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    chunks = []
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(parent)
    if code := process.wait():
        sys.exit(f"{command}: exit code {code}\n{b''.join(chunks).decode()}")
    return b"".join(chunks).decode().replace("\r\n", "\n").rstrip("\n")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(record(sys.argv[2:]), encoding="utf-8")
