"""Questions from the JSON files of SQuAD 1.1, SQuAD 2.0 and MLQA, which have one layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reldistill.errors import DataError, in_one_line
from reldistill.evaluation.question_answering.question import Question

__all__ = ["SquadFile", "read_questions", "read_squad_file"]

_LAYOUT = (
    'Expected is SQuAD\'s layout: {"data": [{"paragraphs": [{"context": ..., "qas": [{"id": ..., "question": ..., '
    '"answers": [{"text": ..., "answer_start": ...}]}]}]}]}.'
)


@dataclass(frozen=True)
class SquadFile:
    """What a file holds. ``moved_answers``: how many gold answers were not where the file says, but elsewhere."""

    questions: tuple[Question, ...]
    moved_answers: int


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions of a file, in its order; see :func:`read_squad_file`."""
    return read_squad_file(path).questions


def read_squad_file(path: Path) -> SquadFile:
    """The questions of a SQuAD or MLQA file, those that are ``is_impossible`` without answers.

    An answer whose text is not at its ``answer_start`` is moved to the nearest place that has the text, the earlier of
    two. Raises :class:`DataError` for a file that cannot be read, is no JSON or of another layout, for an id that two
    questions have, and for answers that start outside of the context or are not in it.
    """
    questions: list[Question] = []
    places: dict[str, str] = {}
    absent: list[str] = []
    moved = 0
    for place, context, entry in _entries(path, _content(path)):
        id = _text(path, place, entry, "id")
        if id in places:
            raise DataError(
                f"{path}: {place} has the id {id!r}, as {places[id]} has.",
                hint="Predictions are told apart by id: give each question its own.",
            )
        places[id] = place
        texts: list[str] = []
        starts: list[int] = []
        for text, given in [] if _is_impossible(path, place, entry) else _answers(path, place, entry):
            if not 0 <= given <= len(context):
                raise DataError(
                    f"{path}: {place} (id {id!r}): answer_start {given} of {text!r} is outside of the context, which has "
                    f"{len(context)} characters.",
                    hint="answer_start counts characters (not bytes) from 0, in the context as it stands in the file.",
                )
            start = _nearest(text, context, given)
            if start is None:
                absent.append(f"{place} (id {id!r}): {text!r}")
                continue
            moved += start != given
            texts.append(text)
            starts.append(start)
        questions.append(Question(id, _text(path, place, entry, "question"), context, tuple(texts), tuple(starts)))
    if absent:
        raise DataError(
            f"{path}: {len(absent)} gold answers are not in their context, first {absent[0]}.",
            hint="An extractive reader can only give text of the context: correct these answers, or remove their questions.",
        )
    if not questions:
        raise DataError(f"{path} has no questions.", hint=_LAYOUT)
    return SquadFile(tuple(questions), moved)


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or in_one_line(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON in UTF-8: {in_one_line(error)}.", hint=_LAYOUT) from error


def _entries(path: Path, content: Any) -> Iterator[tuple[str, str, Any]]:
    """Place, context and entry of each question."""
    for article_number, article in enumerate(_list(path, "the file", content, "data")):
        article_place = f"article {article_number}"
        for paragraph_number, paragraph in enumerate(_list(path, article_place, article, "paragraphs")):
            place = f"{article_place}, paragraph {paragraph_number}"
            context = _text(path, place, paragraph, "context")
            for number, entry in enumerate(_list(path, place, paragraph, "qas")):
                yield f"{place}, question {number}", context, entry


def _answers(path: Path, place: str, entry: Any) -> Iterator[tuple[str, int]]:
    for number, answer in enumerate(_list(path, place, entry, "answers")):
        answer_place = f"{place}, answer {number}"
        start = _field(path, answer_place, answer, "answer_start")
        if not isinstance(start, int) or isinstance(start, bool):
            raise _wrong(path, answer_place, "answer_start", "a whole number")
        yield _text(path, answer_place, answer, "text"), start


def _is_impossible(path: Path, place: str, entry: Any) -> bool:
    impossible = entry.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise _wrong(path, place, "is_impossible", "true or false")
    return impossible


def _nearest(text: str, context: str, start: int) -> int | None:
    """Where the text begins in the context, nearest to ``start``; None where it is nowhere."""
    if context.startswith(text, start):
        return start
    before = context.rfind(text, 0, start + len(text))
    after = context.find(text, start)
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start)) if places else None


def _field(path: Path, place: str, of: Any, name: str) -> Any:
    if not isinstance(of, dict):
        raise DataError(f"{path}: {place} is no JSON object.", hint=_LAYOUT)
    if name not in of:
        raise DataError(f"{path}: {place} has no {name!r}.", hint=_LAYOUT)
    return of[name]


def _text(path: Path, place: str, of: Any, name: str) -> str:
    value = _field(path, place, of, name)
    if not isinstance(value, str):
        raise _wrong(path, place, name, "text")
    return value


def _list(path: Path, place: str, of: Any, name: str) -> list[Any]:
    value = _field(path, place, of, name)
    if not isinstance(value, list):
        raise _wrong(path, place, name, "a list")
    return value


def _wrong(path: Path, place: str, name: str, wanted: str) -> DataError:
    return DataError(f"{path}: {place}: {name!r} is not {wanted}.", hint=_LAYOUT)
