"""Attention on packed tokens, registered with transformers under names of our own.

transformers hands each backend the tensors of all sequences as one row; how they fall into sequences comes along as
a keyword. A backend that gets it not, or a mask beside it, would let sequences see each other, so it raises.
"""

from reldistill.encoder.attention.backend import Backend, PackedAttention
from reldistill.encoder.attention.packing import PACKING, Packing
from reldistill.encoder.attention.registry import ATTENTION_BACKENDS, BACKENDS, attention_reasons, resolve_attention

__all__ = [
    "ATTENTION_BACKENDS",
    "BACKENDS",
    "PACKING",
    "Backend",
    "PackedAttention",
    "Packing",
    "attention_reasons",
    "resolve_attention",
]
