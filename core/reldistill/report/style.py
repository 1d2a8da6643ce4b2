"""The look of a report, in the reader's own fonts and in light or dark as the reader's system is."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT", "STYLE"]

LIGHT = ("#0b62ad", "#b8430a", "#0a7550", "#96388c", "#806000", "#4a55c8", "#a32638", "#505a62")
DARK = ("#62b4ff", "#ff9a5c", "#45d3a4", "#e592dc", "#e6c84f", "#a3abff", "#ff8590", "#b4bec6")
"""The colours of lines, in each mode at 3:1 or more against the page."""

_LAYOUT = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c2227; --faint: #59646c; --rule: #d9dfe3; }
@media (prefers-color-scheme: dark) {
  :root { --page: #13171a; --ink: #e4e9ed; --faint: #9aa7b0; --rule: #343c42; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
progress { width: 100%; height: .6rem; accent-color: var(--c0); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td { min-width: 6rem; }
.wide { overflow-x: auto; }
.charts { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; }
figure text { fill: var(--faint); font-size: 13px; }
figure ul { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .25rem 0 0; padding: 0; list-style: none; font-size: .875rem; }
figure .key { display: inline-block; width: 28px; height: 8px; margin-right: .4rem; vertical-align: middle; }
.grid { stroke: var(--rule); }
.axis { stroke: var(--faint); }
.line { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.broken { stroke-dasharray: 5 4; }
.again { stroke-dasharray: 12 4 2 4; }
.dot { stroke-dasharray: none; }
.band { stroke: none; fill-opacity: .2; }
@media (max-width: 30rem) { figure text { font-size: 17px; } }
"""


def _variables(colors: tuple[str, ...]) -> str:
    return " ".join(f"--c{number}: {color};" for number, color in enumerate(colors))


_COLORS = "\n".join(
    [
        f":root {{ {_variables(LIGHT)} }}",
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}",
        *(
            f".line.c{n} {{ stroke: var(--c{n}); }}\n.dot.c{n}, .band.c{n} {{ fill: var(--c{n}); }}"
            for n in range(len(LIGHT))
        ),
    ]
)

STYLE = _LAYOUT + _COLORS
