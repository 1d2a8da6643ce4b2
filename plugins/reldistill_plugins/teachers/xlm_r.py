"""XLM-R (Conneau et al. 2019): RoBERTa's modules, 250,002 SentencePiece units of a hundred languages."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

_BASE, _LARGE = "FacebookAI/xlm-roberta-base", "FacebookAI/xlm-roberta-large"

XLM_R = BertArchitecture(
    name="xlm-r",
    model_types=frozenset({"xlm-roberta"}),
    aliases={
        "xlm-r-base": _BASE,
        "xlmr-base": _BASE,
        "xlm-roberta-base": _BASE,
        "xlm-r-large": _LARGE,
        "xlmr-large": _LARGE,
        "xlm-roberta-large": _LARGE,
    },
    positions_after_padding=True,
)
