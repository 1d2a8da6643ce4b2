"""RoBERTa with its norms before attention and feed-forward part (Wettig et al. 2022, "Should you mask 15%…")."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture, PreNorm

ROBERTA_PRELAYERNORM = BertArchitecture(
    name="roberta-prelayernorm",
    model_types=frozenset({"roberta-prelayernorm"}),
    aliases={},
    positions_after_padding=True,
    pre_norms={"roberta-prelayernorm": PreNorm(projections="attention.LayerNorm", last="LayerNorm")},
)
