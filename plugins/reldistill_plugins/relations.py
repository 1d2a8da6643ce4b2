"""The nine relations of the paper: each pair of query, key and value (section 3.1; "more relations", table 10)."""

from __future__ import annotations

from collections.abc import Iterable

from reldistill import PairRelation, Relation, hookimpl

PROJECTIONS = {"q": "query", "k": "key", "v": "value"}

NAMES = ("qq", "kk", "vv", "qk", "kq", "qv", "vq", "kv", "vk")


@hookimpl
def reldistill_relations() -> Iterable[Relation]:
    return [PairRelation(name, PROJECTIONS[name[0]], PROJECTIONS[name[1]]) for name in NAMES]
