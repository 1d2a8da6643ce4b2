"""Tables as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reldistill.evaluation.tables.table import DASH, Table

__all__ = ["to_latex"]

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", DASH: "--", "…": r"\dots{}", "×": r"$\times$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def to_latex(tables: Iterable[Table]) -> str:
    """``table`` environments with tabulars of booktabs, scaled to the width of the text (graphicx)."""
    needs = "% Needs \\usepackage{booktabs,graphicx} and, before TeX Live 2018, \\usepackage[utf8]{inputenc}.\n"
    return needs + "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    sides = "l" * table.words + "r" * (len(table.columns) - table.words)
    lines = [
        r"\begin{table*}", r"\centering", rf"\caption{{{_escaped(table.title)}}}", r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{sides}}}", r"\toprule", _line(table.columns),
    ]  # fmt: skip
    for heading, rows in table.blocks():
        lines.append(r"\midrule")
        if heading is not None:
            lines.append(rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{_escaped(heading)}}}}} \\")
        lines += [_line([cell.text for cell in row.cells]) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}}", ""]
    lines += [rf"{{\footnotesize {_escaped(note)}\par}}" for note in table.footnotes]
    lines.append(r"\end{table*}")
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    # A bracket behind \\ would be read as its argument, so a row must not begin with a bare one.
    first, *others = map(_escaped, cells)
    return " & ".join([f"{{}}{first}" if first.startswith("[") else first, *others]) + r" \\"


def _escaped(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in " ".join(text.split()))
