"""What becomes of a text: from the raw files to a student that transformers loads."""

from __future__ import annotations

from docs.pictures.canvas import Canvas

__all__ = ["data_flow"]

TEACHER, CHOSEN = 12, 10
STUDENT = 6


def data_flow() -> str:
    """The picture of docs/index.md."""
    canvas = Canvas(
        620, 520, "The way of the data",
        "Raw text is tokenised into a corpus of Arrow shards with checksums. Batches of the corpus are packed, without padding. "
        "Each batch goes through the teacher up to the query, key and value projections of one chosen layer, above which nothing "
        "is read from the disk, and through the student up to the projections of its last layer. The relations of both meet in "
        "the loss, whose gradient trains the student. What comes out loads with transformers, and is evaluated and reported.",
    )  # fmt: skip
    canvas.box(20, 24, 160, 62, "raw text", ".txt .jsonl .parquet")
    canvas.box(230, 24, 160, 62, "corpus", "Arrow, checksums")
    canvas.box(440, 24, 160, 62, "packed batch", "no padding")
    canvas.arrow((180, 55), (230, 55))
    canvas.arrow((390, 55), (440, 55))
    canvas.text(205, 106, "tokenise (Rust)", size=13, kind="faint")
    canvas.text(415, 106, "shuffle, pack (Rust)", size=13, kind="faint")
    canvas.arrow((520, 86), (520, 124), (14, 124), (14, 168), (100, 168))
    canvas.arrow((14, 168), (14, 258), (100, 258))

    _layers(canvas, 148, "teacher", TEACHER, CHOSEN, color=0)
    _layers(canvas, 238, "student", STUDENT, STUDENT, color=1)
    canvas.text(542, 166, "never", size=13, anchor="start", kind="faint")
    canvas.text(542, 182, "read", size=13, anchor="start", kind="faint")

    chosen = 114 + 34 * CHOSEN
    last = 114 + 34 * STUDENT
    canvas.arrow((chosen, 190), (chosen, 322))
    canvas.arrow((last, 280), (last, 322))
    canvas.text(chosen + 10, 226, "q, k, v of layer L", size=13, anchor="start", kind="faint")
    canvas.text(last + 10, 304, "q, k, v", size=13, anchor="start", kind="faint")
    canvas.box(230, 322, 300, 62, "relations and their divergence", "compiled on CPU, Triton on CUDA", kind="box")
    canvas.arrow((230, 353), (170, 353), (170, 284))
    canvas.text(162, 357, "gradient", size=13, anchor="end", kind="faint")

    canvas.arrow((60, 282), (60, 428))
    canvas.box(20, 428, 170, 66, "student/", "AutoModel loads it")
    canvas.box(235, 428, 170, 66, "minictl eval", "GLUE, SQuAD, XNLI …")
    canvas.box(450, 428, 150, 66, "minictl report", "the paper's tables")
    canvas.arrow((190, 461), (235, 461))
    canvas.arrow((405, 461), (450, 461))
    return canvas.svg()


def _layers(canvas: Canvas, y: int, name: str, layers: int, chosen: int, *, color: int) -> None:
    """Embeddings and layers of a model side by side; of ``chosen`` the three projections, beyond it outlines."""
    canvas.text(26, y - 4, name, anchor="start", kind="strong")
    canvas.rect(100, y, 26, 40, f"tint f{color}")
    canvas.rect(100, y, 26, 40, f"box s{color}")
    canvas.text(113, y + 25, "E", size=13)
    for layer in range(1, layers + 1):
        x = 100 + 34 * layer
        if layer > chosen:
            canvas.rect(x, y, 28, 40, "gone")
            continue
        canvas.rect(x, y, 28, 40, f"f{color} {'tint' if layer < chosen else 'deep'}")
        canvas.rect(x, y, 28, 40, f"box s{color}")
        canvas.text(x + 14, y + 25, str(layer) if layer < chosen else "qkv", size=13)
