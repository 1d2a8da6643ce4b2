"""What ``--relations`` takes."""

from __future__ import annotations

import pytest

from reldistill import PairRelation, Registry, Relation, UsageError
from reldistill.distillation.relations import parse_relations, relation_weights
from reldistill.registry import Catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue[Relation]:
    return Registry.installed().relations


def weights(text: str, catalogue: Catalogue[Relation]) -> dict[str, float]:
    return {relation.name: weight for relation, weight in relation_weights(parse_relations(text, catalogue)).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qq,kk,vv", {"qq": 1.0, "kk": 1.0, "vv": 1.0}),
        ("vv=2,qk=0.5", {"vv": 2.0, "qk": 0.5}),
        (" qq , kk = 0.5 ", {"qq": 1.0, "kk": 0.5}),
        ("qq=1e-2", {"qq": 0.01}),
        ("qq,", {"qq": 1.0}),
        ("reldistill:qq=3", {"qq": 3.0}),
    ],
)
def test_relations_and_weights_in_the_order_given(
    text: str, expected: dict[str, float], catalogue: Catalogue[Relation]
) -> None:
    found = weights(text, catalogue)
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize("name", ["qq", "kk", "vv", "qk", "kq", "qv", "vq", "kv", "vk"])
def test_a_built_in_relation_pairs_what_its_letters_say(name: str, catalogue: Catalogue[Relation]) -> None:
    states = {"q": "query", "k": "key", "v": "value"}
    assert catalogue.get(name).thing == PairRelation(name, states[name[0]], states[name[1]])


@pytest.mark.parametrize("text", ["", " ", ",,"])
def test_no_relation_is_refused_with_those_there_are(text: str, catalogue: Catalogue[Relation]) -> None:
    with pytest.raises(UsageError, match="names no relation\nAllowed: qq, kk, vv, qk, kq, qv, vq, kv, vk"):
        parse_relations(text, catalogue)


@pytest.mark.parametrize("text", ["qq,kk,qq", "qq,qq=0.5", "qq,reldistill:qq"])
def test_a_relation_that_stands_there_twice_is_refused(text: str, catalogue: Catalogue[Relation]) -> None:
    with pytest.raises(UsageError, match=r"--relations .*: qq stands there twice"):
        parse_relations(text, catalogue)


@pytest.mark.parametrize("number", ["", "0", "-1", "nan", "inf", "half", "0,5", "=1"])
def test_a_weight_must_be_a_positive_number(number: str, catalogue: Catalogue[Relation]) -> None:
    with pytest.raises(UsageError, match=r"is not a positive number\nWrite for example kk=0\.5"):
        parse_relations(f"qq={number}", catalogue)


def test_an_unknown_relation_is_refused_with_a_suggestion(catalogue: Catalogue[Relation]) -> None:
    with pytest.raises(UsageError, match="unknown relation 'qqq'\nDid you mean qq"):
        parse_relations("qqq", catalogue)


def test_without_a_name_there_is_no_relation(catalogue: Catalogue[Relation]) -> None:
    with pytest.raises(UsageError, match="unknown relation ''"):
        parse_relations("=0.5", catalogue)
