"""CamemBERT (Martin et al. 2020): RoBERTa's modules, 32,005 SentencePiece units of French.

``almanach/camembertv2-base`` calls itself a RoBERTa and is served as one.
"""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

_BASE = "almanach/camembert-base"

CAMEMBERT = BertArchitecture(
    name="camembert",
    model_types=frozenset({"camembert"}),
    aliases={"camembert": _BASE, "camembert-base": _BASE, "camembert-large": "almanach/camembert-large"},
    positions_after_padding=True,
)
