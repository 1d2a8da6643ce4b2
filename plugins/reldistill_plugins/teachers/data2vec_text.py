"""data2vec for text (Baevski et al. 2022): RoBERTa's modules and tokenizer, trained to predict a model's own states."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

DATA2VEC_TEXT = BertArchitecture(
    name="data2vec-text",
    model_types=frozenset({"data2vec-text"}),
    aliases={"data2vec-text-base": "facebook/data2vec-text-base"},
    positions_after_padding=True,
)
