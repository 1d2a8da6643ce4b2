from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from conftest import MakeTeacher
from reldistill import UsageError
from reldistill.evaluation.model import model_with_head
from tiny_models import save_classifier

LABELS = ("entailment", "neutral", "contradiction")


def test_a_new_head_carries_the_names_of_the_labels_in_their_order(teacher: MakeTeacher) -> None:
    model: Any = model_with_head("sequence-classification", teacher("bert"), LABELS)
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id["contradiction"] == 2


def test_without_labels_it_is_a_regression(teacher: MakeTeacher) -> None:
    model = model_with_head("sequence-classification", teacher("roberta"))
    assert (model.config.num_labels, model.config.problem_type) == (1, "regression")


def test_a_new_head_takes_the_place_of_one_for_another_task(teacher: MakeTeacher, tmp_path: Path) -> None:
    other = save_classifier(tmp_path / "other", teacher("bert"), ["a", "b"])
    model = model_with_head("sequence-classification", other, LABELS)
    assert model.num_labels == 3


def test_a_head_of_the_same_shape_is_not_taken_over_either(teacher: MakeTeacher, tmp_path: Path) -> None:
    other = save_classifier(tmp_path / "other", teacher("bert"), ["neutral", "contradiction", "entailment"])
    theirs = AutoModelForSequenceClassification.from_pretrained(other)
    torch.manual_seed(5)
    ours: Any = model_with_head("sequence-classification", other, LABELS)
    assert not torch.equal(ours.classifier.weight, theirs.classifier.weight)
    assert torch.equal(ours.bert.embeddings.word_embeddings.weight, theirs.bert.embeddings.word_embeddings.weight)
    torch.manual_seed(5)
    again: Any = model_with_head("sequence-classification", other, LABELS)
    assert torch.equal(ours.classifier.weight, again.classifier.weight)


def test_an_encoder_that_told_three_labels_apart_gets_a_start_and_an_end(teacher: MakeTeacher, tmp_path: Path) -> None:
    nli = save_classifier(tmp_path / "nli", teacher("bert"), list(LABELS))
    model: Any = model_with_head("question-answering", nli)
    assert model(input_ids=torch.tensor([[2, 9, 3]])).start_logits.shape == (1, 3)


def test_the_outputs_of_a_fine_tuned_model_are_put_into_the_tasks_order_by_name(
    teacher: MakeTeacher, tmp_path: Path
) -> None:
    ids = torch.tensor([[2, 9, 8, 3]])
    theirs = save_classifier(tmp_path / "nli", teacher("bert"), ["CONTRADICTION", "Entailment", "neutral"])
    plain = AutoModelForSequenceClassification.from_pretrained(theirs).eval()(ids).logits
    ours = model_with_head("sequence-classification", theirs, LABELS, fine_tuned=True).eval()(input_ids=ids).logits
    assert torch.equal(ours, plain[:, [1, 2, 0]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], "what they mean would be a guess"),
        (["entailment", "not_entailment"], "has the labels entailment, not_entailment"),
    ],
)
def test_a_fine_tuned_model_whose_labels_are_not_the_tasks_is_refused(
    labels: list[str], message: str, teacher: MakeTeacher, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        model_with_head(
            "sequence-classification", save_classifier(tmp_path / "x", teacher("bert"), labels), LABELS, fine_tuned=True
        )


def test_an_encoder_without_a_head_is_not_scored_as_it_is(teacher: MakeTeacher, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    model = AutoModel.from_pretrained(teacher("bert"))
    model.save_pretrained(tmp_path / "encoder")
    config = AutoConfig.from_pretrained(tmp_path / "encoder")
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: i for i, label in config.id2label.items()}
    config.save_pretrained(tmp_path / "encoder")
    with pytest.raises(UsageError, match="has no trained head"):
        model_with_head("sequence-classification", tmp_path / "encoder", LABELS, fine_tuned=True)
