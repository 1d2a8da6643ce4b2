"""Files of SQuAD and MLQA: what is read, what is put right, and what is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reldistill.errors import DataError
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.squad_file import read_questions, read_squad_file

CONTEXT = "The quay was quiet. The quay was dark. The quay was 🚢 gone."


def entry(id: str = "q", **fields: Any) -> dict[str, Any]:
    return {"id": id, "question": "What was it?", "answers": [{"text": "quiet", "answer_start": 13}], **fields}


def written(folder: Path, *entries: dict[str, Any], context: str = CONTEXT) -> Path:
    content = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(entries)}]}]}
    path = folder / "dev.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_squad_1_and_mlqa_questions_have_their_answers(tmp_path: Path) -> None:
    answers = [{"text": "quiet", "answer_start": 13}, {"text": "gone", "answer_start": CONTEXT.index("gone")}]
    (question,) = read_questions(written(tmp_path, entry(answers=answers)))
    assert question == Question("q", "What was it?", CONTEXT, ("quiet", "gone"), (13, 54))


def test_impossible_questions_of_squad_2_have_none(tmp_path: Path) -> None:
    plausible = {"is_impossible": True, "plausible_answers": [{"text": "dark", "answer_start": 33}], "answers": []}
    path = written(tmp_path, entry("a", is_impossible=False), entry("b", **plausible))
    assert [question.answers for question in read_questions(path)] == [("quiet",), ()]


def test_an_impossible_question_needs_no_answers_field(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "q", "question": "?", "is_impossible": True})
    assert read_questions(path)[0].answers == ()


@pytest.mark.parametrize(
    ("given", "nearest"), [(0, 4), (20, 24), (15, 24), (14, 4), (16, 24), (30, 24), (59, 43), (4, 4)]
)
def test_an_answer_that_is_not_at_its_start_is_moved_to_the_nearest_place(
    tmp_path: Path, given: int, nearest: int
) -> None:
    found = read_squad_file(written(tmp_path, entry(answers=[{"text": "quay", "answer_start": given}])))
    assert found.questions[0].answer_starts == (nearest,)
    assert found.moved_answers == int(given != nearest)


def test_a_byte_order_mark_is_no_part_of_the_json(tmp_path: Path) -> None:
    path = written(tmp_path, entry())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_questions(path)) == 1


def test_answers_that_are_nowhere_in_their_context_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    lost = [{"text": "Quiet", "answer_start": 13}]
    path = written(tmp_path, entry("a"), entry("b", answers=lost), entry("c", answers=lost * 2))
    with pytest.raises(
        DataError, match=r"3 gold answers .* first article 0, paragraph 0, question 1 \(id 'b'\): 'Quiet'"
    ):
        read_questions(path)


@pytest.mark.parametrize("start", [-1, len(CONTEXT) + 1])
def test_an_answer_that_starts_outside_of_its_context_is_named(tmp_path: Path, start: int) -> None:
    path = written(tmp_path, entry(answers=[{"text": "quiet", "answer_start": start}]))
    with pytest.raises(
        DataError, match=rf"question 0 \(id 'q'\): answer_start {start} of 'quiet' is outside"
    ) as caught:
        read_questions(path)
    assert caught.value.exit_code == 3
    assert str(path) in caught.value.message


def test_ids_that_two_questions_have_are_named_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="question 2 has the id 'q', as article 0, paragraph 0, question 0 has"):
        read_questions(written(tmp_path, entry(), entry("other"), entry()))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"data": [', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "the file is no JSON object"),
        ("{}", "the file has no 'data'"),
        ('{"data": {}}', "the file: 'data' is not a list"),
        ('{"data": []}', "has no questions"),
        ('{"data": [{}]}', "article 0 has no 'paragraphs'"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', "article 0, paragraph 0 has no 'context'"),
        ('{"data": [{"paragraphs": [{"context": 3, "qas": []}]}]}', "paragraph 0: 'context' is not text"),
    ],
)
def test_a_file_of_another_layout_is_refused_with_the_layout(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        read_questions(path)
    assert caught.value.hint is not None
    assert '"paragraphs"' in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id": 7}, "question 0: 'id' is not text"),
        ({"question": None}, "question 0: 'question' is not text"),
        ({"answers": None}, "question 0: 'answers' is not a list"),
        ({"answers": [{"text": "quiet"}]}, "question 0, answer 0 has no 'answer_start'"),
        ({"answers": [{"answer_start": 3}]}, "question 0, answer 0 has no 'text'"),
        ({"answers": [{"text": "quiet", "answer_start": True}]}, "answer 0: 'answer_start' is not a whole number"),
        ({"answers": ["quiet"]}, "question 0, answer 0 is no JSON object"),
        ({"is_impossible": "yes"}, "question 0: 'is_impossible' is not true or false"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_place(tmp_path: Path, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_questions(written(tmp_path, entry(**fields)))


def test_a_question_without_answers_and_not_said_to_be_impossible_lacks_a_field(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="question 0 has no 'answers'"):
        read_questions(written(tmp_path, {"id": "q", "question": "?"}))


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json cannot be read"):
        read_questions(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b'{"data": "\xe9"}')
    with pytest.raises(DataError, match="is no JSON in UTF-8"):
        read_questions(tmp_path / "latin.json")


def test_a_question_has_as_many_starts_as_answers() -> None:
    with pytest.raises(ValueError, match="1 answers but 0 answer starts"):
        Question("q", "?", CONTEXT, ("quiet",), ())
