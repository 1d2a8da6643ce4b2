"""Tables as Markdown, LaTeX and CSV: a name may hold any sign."""

from __future__ import annotations

import csv
import re
from io import StringIO

from reldistill.evaluation.tables.render_csv import to_csv
from reldistill.evaluation.tables.render_latex import to_latex
from reldistill.evaluation.tables.render_markdown import to_markdown
from reldistill.evaluation.tables.table import Cell, Row, Table

NAME = 'a|b_c & 50% #1 "x", $y$ {z} \\w ~ ^'
TABLE = Table(
    "Title #1",
    ("Model", "Teacher", "#Param", "Avg"),
    (
        Row((Cell(NAME, NAME), Cell.missing(), Cell("22.7M", 22_713_216), Cell("77.0", {"value": 77.0}))),
        Row((Cell("BERT", "BERT"), Cell.missing(), Cell("109M", "109M"), Cell("81.5", 81.5)), paper=1),
    ),
    ("50% of #Param",),
)


def test_markdown_keeps_its_columns_and_marks_nothing_up() -> None:
    lines = to_markdown([TABLE]).splitlines()
    assert lines[0] == r"### Title \#1"
    assert lines[3] == "| --- | --- | ---: | ---: |"
    rows = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert rows[2].startswith(r"| a\|b\_c \& 50% \#1 ")
    assert rows[3] == "| *Paper, Table 1* |  |  |  |"
    assert lines[-1] == r"- 50% of \#Param"


def test_latex_escapes_every_special_sign_and_is_a_whole_environment() -> None:
    latex = to_latex([TABLE])
    assert (
        r"a\textbar{}b\_c \& 50\% \#1 "
        + r'"x", \$y\$ \{z\} \textbackslash{}w \textasciitilde{} \textasciicircum{} & -- & 22.7M & 77.0 \\'
    ) in latex
    assert r"\begin{tabular}{llrr}" in latex
    assert r"Model & Teacher & \#Param & Avg \\" in latex
    assert r"\multicolumn{4}{l}{\emph{Paper, Table 1}} \\" in latex
    for environment in ("table*", "tabular"):
        assert latex.count(rf"\begin{{{environment}}}") == latex.count(rf"\end{{{environment}}}") == 1
    assert [latex.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == sorted(
        latex.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")
    )
    without_escapes = re.sub(r"\\[{}]", "", latex)
    assert without_escapes.count("{") == without_escapes.count("}")


def test_csv_is_read_back_as_it_was_and_blocks_are_divided_by_an_empty_line() -> None:
    text = to_csv([TABLE, TABLE])
    blocks = text.split("\n\n")
    assert len(blocks) == 2
    rows = list(csv.reader(StringIO(blocks[0])))
    assert rows == [
        ["Source", "Model", "Teacher", "#Param", "Avg"],
        ["measured", NAME, "", "22.7M", "77.0"],
        ["Paper, Table 1", "BERT", "", "109M", "81.5"],
    ]
    assert "\r" not in text


def test_json_holds_values_that_are_not_rounded() -> None:
    described = TABLE.describe()
    assert described["rows"][0]["cells"] == {
        "Model": NAME, "Teacher": None, "#Param": 22_713_216, "Avg": {"value": 77.0},
    }  # fmt: skip
    assert [row["paper_table"] for row in described["rows"]] == [None, 1]
