"""What a reader is asked: a question about a text that holds the answer, or does not."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """A question with its gold answers. ``answers`` is empty where the context does not answer it.

    ``answer_starts[i]`` is where ``answers[i]`` begins in ``context``, in characters.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    answer_starts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.answers) != len(self.answer_starts):
            raise ValueError(
                f"question {self.id!r}: {len(self.answers)} answers but {len(self.answer_starts)} answer starts"
            )
