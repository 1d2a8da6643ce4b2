"""An SVG that is put together of boxes, lines and words, readable in light and dark without a script or a font of its own."""

from __future__ import annotations

from html import escape

from reldistill.report.style import DARK, LIGHT

__all__ = ["Canvas"]


def _colors(colors: tuple[str, ...], ink: str, faint: str, page: str, rule: str) -> str:
    numbered = " ".join(f"--c{number}: {color};" for number, color in enumerate(colors))
    return f"svg {{ --ink: {ink}; --faint: {faint}; --page: {page}; --rule: {rule}; {numbered} }}"


# A browser draws an image by the colour scheme of the page around it, or of the system. Where the two disagree and it takes
# the wrong one, the picture still lies on a page of its own.
STYLE = "\n".join(
    [
        _colors(LIGHT, "#1c2227", "#59646c", "#ffffff", "#d9dfe3"),
        f"@media (prefers-color-scheme: dark) {{ {_colors(DARK, '#e4e9ed', '#9aa7b0', '#13171a', '#343c42')} }}",
        "text { fill: var(--ink); font-family: system-ui, sans-serif; }",
        ".faint { fill: var(--faint); }",
        ".strong { font-weight: 600; }",
        ".code { font-family: ui-monospace, monospace; }",
        ".page { fill: var(--page); }",
        ".box { fill: none; stroke: var(--faint); stroke-width: 1.2; }",
        ".gone { fill: none; stroke: var(--faint); stroke-dasharray: 3 3; }",
        ".line { fill: none; stroke: var(--faint); stroke-width: 1.4; }",
        ".grid { stroke: var(--rule); }",
        ".head { fill: var(--faint); }",
        *(f".s{n} {{ stroke: var(--c{n}); }}" for n in range(len(LIGHT))),
        *(f".f{n} {{ fill: var(--c{n}); }}" for n in range(len(LIGHT))),
        ".tint { fill-opacity: .18; }",
        ".deep { fill-opacity: .45; }",
        ".curve { fill: none; stroke-width: 2; stroke-linejoin: round; }",
        ".dashed { stroke-dasharray: 7 4; }",
    ]
)


class Canvas:
    """A picture of ``width`` × ``height`` units with a ``title`` and, for those who do not see it, a ``description``."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self.width, self.height, self.title, self.description = width, height, title, description
        self.parts: list[str] = []

    def text(self, x: float, y: float, words: str, *, size: int = 15, anchor: str = "middle", kind: str = "") -> None:
        """One line of words on the baseline ``y``."""
        named = f' class="{kind}"' if kind else ""
        self.parts.append(
            f'<text{named} x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def rect(self, x: float, y: float, width: float, height: float, kind: str = "box", *, round: float = 0) -> None:
        """A rectangle from its upper left corner."""
        corner = f' rx="{round:g}"' if round else ""
        self.parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{corner}/>')

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "box") -> None:
        """A rounded box; its first line is strong, the others small."""
        self.rect(x, y, width, height, kind, round=6)
        first = y + height / 2 + 5 - 9.5 * (len(lines) - 1)
        for number, line in enumerate(lines):
            self.text(
                x + width / 2, first + 19 * number, line, size=13 if number else 15, kind="" if number else "strong"
            )

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line through the points with a head at the last one; its last stretch is level or upright."""
        (x0, y0), (x1, y1) = points[-2:]
        dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        stops = [*points[:-1], (x1 - 6 * dx, y1 - 6 * dy)]
        self.parts.append(f'<polyline class="line" points="{" ".join(f"{x:g},{y:g}" for x, y in stops)}"/>')
        left, right = (x1 - 8 * dx - 4 * dy, y1 - 8 * dy - 4 * dx), (x1 - 8 * dx + 4 * dy, y1 - 8 * dy + 4 * dx)
        corners = " ".join(f"{x:g},{y:g}" for x, y in ((x1, y1), left, right))
        self.parts.append(f'<polygon class="head" points="{corners}"/>')

    def line(self, x0: float, y0: float, x1: float, y1: float, kind: str = "line") -> None:
        """A straight line."""
        self.parts.append(f'<line class="{kind}" x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}"/>')

    def curve(self, points: list[tuple[float, float]], color: int, *, dashed: bool = False) -> None:
        """A line through the points, in a colour of the palette."""
        kind = f"curve s{color}{' dashed' if dashed else ''}"
        self.parts.append(f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')

    def dot(self, x: float, y: float, color: int) -> None:
        """A filled circle, in a colour of the palette."""
        self.parts.append(f'<circle class="f{color}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')

    def svg(self) -> str:
        """The whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" aria-labelledby="title description">\n'
            f'<title id="title">{escape(self.title)}</title>\n<desc id="description">{escape(self.description)}</desc>\n'
            f'<style>\n{STYLE}\n</style>\n<rect class="page" width="{self.width}" height="{self.height}" rx="8"/>\n'
        )
        return head + "\n".join(self.parts) + "\n</svg>\n"
