"""Relation heads that cut across attention heads: 64 of them over XLM-R-large and a 6x384 student, a quarter of each drawn."""

from __future__ import annotations

from docs.pictures.canvas import Canvas

__all__ = ["relation_heads"]

RELATION_HEADS = 64
DRAWN = 16
LEFT, WIDTH = 20, 580
CROSSING = (5, 10)
"""The student's relation heads 6 and 11 hold parts of two attention heads."""


def relation_heads() -> str:
    """The picture of docs/paper-to-code.md."""
    canvas = Canvas(
        620, 470, "Relation heads cut across attention heads",
        "The concatenated queries of a token, 1,024 numbers of a large teacher with 16 attention heads and 384 of a student with "
        "12, are both cut anew into 64 relation heads; the first 16 are drawn. A relation head of the teacher is 16 numbers, a "
        "quarter of an attention head. One of the student is 6 numbers, and the sixth and the eleventh lie across the border of two "
        "attention heads. The relation of each head is a map of tokens times tokens, of the same size for both "
        "models, and the two maps are compared.",
    )  # fmt: skip
    _model(canvas, 30, "teacher: 1,024 numbers a token, 16 attention heads of 64", 1024, 16, color=0)
    _model(canvas, 172, "student: 384 numbers a token, 12 attention heads of 32", 384, 12, color=1)

    step = WIDTH / DRAWN
    middle = LEFT + step * (CROSSING[0] + 0.5)
    canvas.text(310, 316, "relation head 6 of each: softmax(q·qᵀ / √width), n tokens × n tokens", size=14)
    _map(canvas, 150, 336, color=0, shift=0)
    _map(canvas, 374, 336, color=1, shift=1)
    canvas.text(310, 392, "KL", size=18, kind="strong")
    canvas.text(310, 412, "row by row", size=13, kind="faint")
    canvas.arrow((middle, 264), (middle, 298))
    canvas.text(310, 458, "wherever the widths differ, the maps do not", size=13, kind="faint")
    return canvas.svg()


def _model(canvas: Canvas, y: int, caption: str, width: int, attention_heads: int, *, color: int) -> None:
    """A quarter of a model's width: attention heads above, relation heads below, each drawn to scale."""
    canvas.text(LEFT, y, caption, anchor="start", size=14, kind="strong")
    quarter = width * DRAWN // RELATION_HEADS
    unit = WIDTH / quarter
    attention, relation = width // attention_heads, width // RELATION_HEADS
    for head in range(quarter // attention):
        x = LEFT + head * attention * unit
        canvas.rect(x, y + 12, attention * unit, 34, f"f{color} tint")
        canvas.rect(x, y + 12, attention * unit, 34, f"box s{color}")
        canvas.text(x + attention * unit / 2, y + 34, f"attention head {head + 1}", size=13)
    for head in range(DRAWN):
        x = LEFT + head * relation * unit
        first, last = head * relation, head * relation + relation - 1
        across = first // attention != last // attention
        canvas.rect(x, y + 56, relation * unit, 34, f"f{color} tint" if across else "box")
        canvas.rect(x, y + 56, relation * unit, 34, f"box s{color}" if across else "box")
        canvas.text(x + relation * unit / 2, y + 78, str(head + 1), size=13, kind="strong" if across else "")
    for border in range(1, quarter // attention):
        x = LEFT + border * attention * unit
        canvas.line(x, y + 46, x, y + 94, f"line s{color}")


def _map(canvas: Canvas, x: int, y: int, *, color: int, shift: int) -> None:
    """Some map of tokens times tokens; darker cells stand for larger shares of a row."""
    side, cells = 17, 6
    for row in range(cells):
        for column in range(cells):
            share = max(0.08, 1 - 0.28 * abs(row - column) - 0.12 * ((row * 3 + column * 5 + shift) % 4))
            canvas.parts.append(
                f'<rect class="f{color}" x="{x + side * column}" y="{y + side * row}" width="{side - 1}" height="{side - 1}" '
                f'fill-opacity="{share:.2f}"/>'
            )
