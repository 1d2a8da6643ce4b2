"""The numbers that the MiniLMv2 paper reports (Wang et al. 2021, Tables 1, 2, 3, 5 and 6).

A model's or teacher's size is named where the table's other columns or the order of the rows, base size before large,
settle it; else the name stands as in the text. MiniLMv2 is the authors' own model.
"""

from __future__ import annotations

from dataclasses import dataclass

from reldistill.evaluation.tables.table import Cell, Row

__all__ = ["BASE_SIZE", "GLUE_TEST", "MLQA", "SMALL_STUDENTS", "XNLI", "PaperRows"]


@dataclass(frozen=True)
class PaperRows:
    """Lines of a table of the paper as text, cells between strokes; ``-`` is none."""

    table: int
    lines: str

    def rows(self) -> list[Row]:
        """As rows of a table."""
        return [Row(tuple(map(_cell, line.split("|"))), self.table) for line in self.lines.strip().splitlines()]


def _cell(text: str) -> Cell:
    text = text.strip()
    return Cell.missing() if text == "-" else Cell(text, _value(text))


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


SMALL_STUDENTS = PaperRows(
    1,
    """
BERT-base         | -             | 109M | 1.0 | 76.8 | 84.5 | 91.7 | 91.3 | 68.6 | 93.2 | 87.3 | 58.9 | 81.5
RoBERTa-base      | -             | 125M | 1.0 | 83.7 | 87.6 | 92.8 | 91.9 | 78.7 | 94.8 | 90.2 | 63.6 | 85.4
BERT              | -             | 66M  | 2.0 | 73.2 | 81.8 | 89.8 | 90.6 | 67.9 | 91.2 | 84.9 | 53.5 | 79.1
Truncated BERT    | -             | 66M  | 2.0 | 69.9 | 81.2 | 87.9 | 90.4 | 65.5 | 90.8 | 82.7 | 41.4 | 76.2
Truncated RoBERTa | -             | 81M  | 2.0 | 77.9 | 84.9 | 91.1 | 91.3 | 67.9 | 92.9 | 87.5 | 55.2 | 81.1
DistilBERT        | BERT-base     | 66M  | 2.0 | 70.7 | 82.2 | 89.2 | 88.5 | 59.9 | 91.3 | 87.5 | 51.3 | 77.6
TinyBERT          | BERT-base     | 66M  | 2.0 | 73.1 | 83.5 | 90.5 | 90.6 | 72.2 | 91.6 | 88.4 | 42.8 | 79.1
MiniLM            | BERT-base     | 66M  | 2.0 | 76.4 | 84.0 | 91.0 | 91.0 | 71.5 | 92.0 | 88.4 | 49.2 | 80.4
MiniLMv2          | BERT-base     | 22M  | 5.3 | 72.9 | 82.8 | 90.3 | 90.6 | 68.9 | 91.3 | 86.6 | 41.8 | 78.2
MiniLMv2          | BERT-large    | 22M  | 5.3 | 74.3 | 83.0 | 90.4 | 90.7 | 68.5 | 91.1 | 87.8 | 41.6 | 78.4
MiniLMv2          | RoBERTa-large | 30M  | 5.3 | 76.4 | 84.4 | 90.9 | 90.8 | 69.9 | 92.0 | 88.7 | 42.6 | 79.5
MiniLMv2          | BERT-base     | 66M  | 2.0 | 76.3 | 84.2 | 90.8 | 91.1 | 72.1 | 92.4 | 88.9 | 52.5 | 81.0
MiniLMv2          | BERT-large    | 66M  | 2.0 | 77.7 | 85.0 | 91.4 | 91.1 | 73.0 | 92.5 | 88.9 | 53.9 | 81.7
MiniLMv2          | RoBERTa-large | 81M  | 2.0 | 81.6 | 87.0 | 92.7 | 91.4 | 78.7 | 94.5 | 90.4 | 54.0 | 83.8
""",
)
"""Model, teacher, #Param, speedup, SQuAD2, MNLI-m, QNLI, QQP, RTE, SST, MRPC, CoLA, average; dev sets."""

GLUE_TEST = PaperRows(
    2,
    """
BERT-base  | -          | 109M | 1.0 | 76.8 | 84.6/83.4 | 90.5 | 71.2 | 66.4 | 93.5 | 88.9 | 52.1 | 85.8 | 79.3
BERT-large | -          | 340M | 0.3 | 81.9 | 86.7/85.9 | 92.7 | 72.1 | 70.1 | 94.9 | 89.3 | 60.5 | 86.5 | 82.1
MiniLMv2   | BERT-base  | 66M  | 2.0 | 76.3 | 83.8/83.3 | 90.2 | 70.9 | 69.2 | 92.9 | 89.1 | 46.6 | 84.3 | 78.7
MiniLMv2   | BERT-large | 66M  | 2.0 | 77.7 | 84.5/84.0 | 91.5 | 71.3 | 69.2 | 93.0 | 89.1 | 48.6 | 85.1 | 79.4
""",
)
"""Model, teacher, #Param, speedup, SQuAD2 (dev), MNLI-m/mm, QNLI, QQP, RTE, SST, MRPC, CoLA, STS, average; test sets."""

BASE_SIZE = PaperRows(
    3,
    """
BERT-base    | -             | 109M | 76.8 | 84.5 | 91.7 | 91.3 | 68.6 | 93.2 | 87.3 | 58.9 | 89.5 | 82.4
RoBERTa-base | -             | 125M | 83.7 | 87.6 | 92.8 | 91.9 | 78.7 | 94.8 | 90.2 | 63.6 | 91.2 | 86.1
MiniLMv2     | BERT-large    | 109M | 81.8 | 86.5 | 92.6 | 91.6 | 76.4 | 93.3 | 89.2 | 62.3 | 90.5 | 84.9
MiniLMv2     | RoBERTa-large | 125M | 86.6 | 89.4 | 94.0 | 91.8 | 83.1 | 95.9 | 91.2 | 65.0 | 91.3 | 87.6
""",
)
"""Model, teacher, #Param, SQuAD2, MNLI-m, QNLI, QQP, RTE, SST, MRPC, CoLA, STS, average; dev sets."""

XNLI = PaperRows(
    5,
    """
mBERT      | -           | 12|768 |170M| 82.1|73.8|74.3|71.1|66.4|68.9|69.0|61.6|64.9|69.5|55.8|69.3|60.0|50.4|58.0|66.3
XLM        | -           | 16|1280|570M| 83.2|76.7|77.7|74.0|72.7|74.1|72.7|68.7|68.6|72.9|68.9|72.5|65.6|58.2|62.4|70.7
XLM-R-base | -           | 12|768 |277M| 85.8|79.7|80.7|78.7|77.5|79.6|78.1|74.2|73.8|76.5|74.6|76.7|72.4|66.5|68.3|76.2
MiniLM     | XLM-R-base  | 6 |384 |107M| 79.2|72.3|73.1|70.3|69.1|72.0|69.1|64.5|64.9|69.0|66.0|67.8|62.9|59.0|60.6|68.0
MiniLMv2   | XLM-R-base  | 6 |384 |107M| 78.8|72.1|73.4|69.4|70.7|72.2|69.9|66.7|66.7|69.5|67.4|68.6|65.3|61.2|61.9|68.9
MiniLMv2   | XLM-R-large | 6 |384 |107M| 78.9|72.5|73.5|69.8|70.9|72.3|69.7|67.5|67.1|70.2|67.4|69.1|65.4|62.3|63.4|69.3
MiniLM     | XLM-R-base  | 12|384 |117M| 81.5|74.8|75.7|72.9|73.0|74.5|71.3|69.7|68.8|72.1|67.8|70.0|66.2|63.3|64.2|71.1
MiniLMv2   | XLM-R-base  | 12|384 |117M| 82.2|75.3|76.5|73.3|73.8|75.1|73.1|70.7|69.5|72.8|69.4|71.5|68.6|65.6|65.5|72.2
MiniLMv2   | XLM-R-large | 12|384 |117M| 82.4|76.2|76.8|73.9|74.6|75.5|73.7|70.8|70.5|73.4|71.1|72.5|68.8|66.8|67.0|72.9
""",
)
"""Model, teacher, layers, width, #Param, accuracy in 15 languages, average: that of XLM is not the mean of its row (71.3)."""

MLQA = PaperRows(
    6,
    """
mBERT      | -           | 12|768 |170M| 77.7 / 65.2|64.3 / 46.6|57.9 / 44.3|45.7 / 29.8|43.8 / 29.7|57.1 / 38.6|57.5 / 37.3|57.7 / 41.6
XLM        | -           | 12|1024|248M| 74.9 / 62.4|68.0 / 49.8|62.2 / 47.6|54.8 / 36.3|48.8 / 27.3|61.4 / 41.8|61.1 / 39.6|61.6 / 43.5
XLM-R-base | -           | 12|768 |277M| 77.1 / 64.6|67.4 / 49.6|60.9 / 46.7|54.9 / 36.6|59.4 / 42.9|64.5 / 44.7|61.8 / 39.3|63.7 / 46.3
XLM-R-base | -           | 12|768 |277M| 80.3 / 67.4|67.0 / 49.2|62.7 / 48.3|55.0 / 35.6|60.4 / 43.7|66.5 / 45.9|62.3 / 38.3|64.9 / 46.9
MiniLM     | XLM-R-base  | 6 |384 |107M| 75.5 / 61.9|55.6 / 38.2|53.3 / 37.7|43.5 / 26.2|46.9 / 31.5|52.0 / 33.1|48.8 / 27.3|53.7 / 36.6
MiniLMv2   | XLM-R-base  | 6 |384 |107M| 75.6 / 61.9|60.4 / 42.6|57.5 / 42.4|49.9 / 31.1|53.4 / 36.3|57.2 / 36.7|54.4 / 32.4|58.3 / 40.5
MiniLMv2   | XLM-R-large | 6 |384 |107M| 75.8 / 62.4|60.5 / 43.4|56.7 / 41.6|49.3 / 30.9|55.1 / 38.1|58.6 / 38.5|56.9 / 34.3|59.0 / 41.3
MiniLM     | XLM-R-base  | 12|384 |117M| 79.4 / 66.5|66.1 / 47.5|61.2 / 46.5|54.9 / 34.9|58.5 / 41.3|63.1 / 42.1|59.0 / 33.8|63.2 / 44.7
MiniLMv2   | XLM-R-base  | 12|384 |117M| 79.0 / 65.8|66.6 / 48.9|62.1 / 47.4|54.4 / 35.5|60.6 / 43.6|64.7 / 44.1|59.4 / 36.5|63.8 / 46.0
MiniLMv2   | XLM-R-large | 12|384 |117M| 78.9 / 65.9|67.3 / 49.4|61.9 / 47.0|56.0 / 36.5|63.0 / 45.9|65.1 / 44.4|61.9 / 39.2|64.9 / 46.9
""",
)
"""Model, teacher, layers, width, #Param, F1 / exact match in 7 languages, average."""
