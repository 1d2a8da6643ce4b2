"""Running an encoder up to the projections of a layer, on packed tokens, and no further."""

from reldistill.encoder.attention import ATTENTION_BACKENDS, attention_reasons, resolve_attention
from reldistill.encoder.compiled import check_compiler, compile_between_attention
from reldistill.encoder.encoder import Encoder
from reldistill.encoder.load import load_teacher, student_encoder
from reldistill.encoder.packed_tokens import PackedTokens
from reldistill.encoder.sharded import shard_over_ranks

__all__ = [
    "ATTENTION_BACKENDS",
    "Encoder",
    "PackedTokens",
    "attention_reasons",
    "check_compiler",
    "compile_between_attention",
    "load_teacher",
    "resolve_attention",
    "shard_over_ranks",
    "student_encoder",
]
