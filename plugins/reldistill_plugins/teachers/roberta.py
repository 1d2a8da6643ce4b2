"""RoBERTa (Liu et al. 2019): BERT's modules, byte-level BPE, positions behind the padding id."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

ROBERTA = BertArchitecture(
    name="roberta",
    model_types=frozenset({"roberta"}),
    aliases={
        "roberta-base": "FacebookAI/roberta-base",
        "roberta-large": "FacebookAI/roberta-large",
    },
    positions_after_padding=True,
)
