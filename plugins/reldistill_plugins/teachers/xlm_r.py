"""XLM-R (Conneau et al. 2019): RoBERTa's modules, 250,002 SentencePiece units of a hundred languages.

XLM-R XL and XXL (Goyal et al. 2021) are of the family: the same languages and words in 36 and 48 layers, with the norms
before attention and feed-forward part.
"""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture, PreNorm

_BASE, _LARGE = "FacebookAI/xlm-roberta-base", "FacebookAI/xlm-roberta-large"
_XL, _XXL = "facebook/xlm-roberta-xl", "facebook/xlm-roberta-xxl"

XLM_R = BertArchitecture(
    name="xlm-r",
    model_types=frozenset({"xlm-roberta", "xlm-roberta-xl"}),
    aliases={
        "xlm-r-base": _BASE,
        "xlmr-base": _BASE,
        "xlm-roberta-base": _BASE,
        "xlm-r-large": _LARGE,
        "xlmr-large": _LARGE,
        "xlm-roberta-large": _LARGE,
        "xlm-r-xl": _XL,
        "xlmr-xl": _XL,
        "xlm-roberta-xl": _XL,
        "xlm-r-xxl": _XXL,
        "xlmr-xxl": _XXL,
        "xlm-roberta-xxl": _XXL,
    },
    positions_after_padding=True,
    pre_norms={"xlm-roberta-xl": PreNorm(projections="attention.self_attn_layer_norm", last="encoder.LayerNorm")},
)
