"""``qq,kk=0.5,vv`` as relations with weights."""

from __future__ import annotations

from collections.abc import Mapping

from reldistill.errors import UsageError
from reldistill.registry import Catalogue, Provided
from reldistill.relation import Relation

__all__ = ["parse_relations", "relation_weights", "relations_in_words"]


def parse_relations(text: str, catalogue: Catalogue[Relation]) -> list[tuple[Provided[Relation], float]]:
    """The relations in the order given, each with its weight α (1 unless ``name=weight`` says otherwise).

    Raises :class:`UsageError` for an empty list, a name twice or a weight that is no positive number, and whatever
    :meth:`Catalogue.get` raises for a name that is not there.
    """
    chosen: list[tuple[Provided[Relation], float]] = []
    for part in filter(None, (word.strip() for word in text.split(","))):
        name, equals, number = part.partition("=")
        provided = catalogue.get(name.strip())
        if any(other.name == provided.name for other, _ in chosen):
            raise UsageError(f"--relations {text}: {provided.name} stands there twice")
        chosen.append((provided, _weight(text, part, number) if equals else 1.0))
    if not chosen:
        raise UsageError("--relations names no relation", hint=f"Allowed: {', '.join(catalogue.names())}.")
    return chosen


def relation_weights(chosen: list[tuple[Provided[Relation], float]]) -> dict[Relation, float]:
    """The same as a mapping for the loss."""
    return {provided.thing: weight for provided, weight in chosen}


def relations_in_words(relations: Mapping[Relation, float]) -> str:
    """``qq, kk × 0.5, vv``."""
    return ", ".join(r.name + (f" × {w:g}" if w != 1 else "") for r, w in relations.items())


def _weight(text: str, part: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = float("nan")
    if not 0 < weight < float("inf"):
        raise UsageError(
            f"--relations {text}: the weight in {part!r} is not a positive number", hint="Write for example kk=0.5."
        )
    return weight
