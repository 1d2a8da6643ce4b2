"""The languages that the multilingual question is asked of."""

from __future__ import annotations

__all__ = ["HELD_OUT_LINES", "LANGUAGES", "PARALLEL", "UNSEEN"]

LANGUAGES = ("en", "de", "es", "ru", "ar", "hi", "fi", "tr", "ko", "sw", "te", "zh", "th")

UNSEEN = ("zh", "th")
"""Languages without a line among the texts that the students are trained on; the teacher knows them."""

PARALLEL = "ntrex.txt"
"""News in all languages, line by line the same. Nothing of it is trained on."""

HELD_OUT_LINES = 200
"""Lines of it from the beginning that the relation loss is measured on; translations are looked for in those behind."""
