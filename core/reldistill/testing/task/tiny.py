"""A tiny BERT and its tokenizer, for tasks to be tried with."""

from __future__ import annotations

import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from reldistill.encoder.quiet import quiet_transformers

__all__ = ["make_tokenizer", "tiny_bert"]

POSITIONS = 128

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """BERT's, uncased, of one token a letter, digit or sign of ASCII: the same whatever the rows are."""
    signs = sorted(set(string.digits + string.ascii_lowercase + string.punctuation))
    words = [*SPECIAL.values(), *signs, *(f"##{sign}" for sign in signs)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [(word, vocabulary[word]) for word in ("[CLS]", "[SEP]")]
    )
    fast: PreTrainedTokenizerFast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=POSITIONS, **SPECIAL
    )
    return fast


@contextmanager
def tiny_bert() -> Iterator[Path]:
    """The folder of a checkpoint of random weights, of one layer and width 16; it is gone afterwards."""
    tokenizer = make_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=POSITIONS, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    drawn = torch.get_rng_state()
    with tempfile.TemporaryDirectory(prefix="reldistill-testing-") as folder, quiet_transformers():
        try:
            torch.manual_seed(0)
            BertModel(config).save_pretrained(folder)
        finally:
            torch.set_rng_state(drawn)
        tokenizer.save_pretrained(folder)
        yield Path(folder)
