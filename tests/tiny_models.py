"""Small but whole checkpoints of the built-in families, made on the spot: real architectures, real tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from reldistill import Registry, TeacherAdapter

FAMILIES = ("bert", "roberta", "xlm-r")
"""Those that the paper distils."""

BERT_SHAPED = (*FAMILIES, "camembert", "data2vec-text", "ernie", "roberta-prelayernorm", "xlm-r-xl")
"""All whose modules have BERT's names. Of XLM-R there are two shapes, which one adapter serves: :data:`ADAPTERS`."""

ADAPTERS = {"xlm-r-xl": "xlm-r"}
"""Shape -> the adapter's name, where it is another."""

SHAPES = (*BERT_SHAPED, "modernbert")
"""All that are built in."""

MODEL_TYPES = {"xlm-r": "xlm-roberta", "xlm-r-xl": "xlm-roberta-xl"}
"""Shape -> ``model_type``, where it is another."""

OF_BERT = frozenset({"bert", "ernie"})
"""Those that have BERT's kind of tokenizer."""

OF_ROBERTA = frozenset({"roberta", "data2vec-text", "roberta-prelayernorm", "modernbert"})
"""Those that have byte-level BPE, as RoBERTa."""

FROM_ZERO = OF_BERT | {"modernbert"}
"""Those whose positions begin with 0."""

WINDOW = 8
"""Of the tiny ModernBERT: tokens that one sees to either side in two layers of three."""


def adapter_of(shape: str) -> TeacherAdapter:
    """The built-in adapter that serves it."""
    return Registry.installed().teachers.get(ADAPTERS.get(shape, shape)).thing


SENTENCES = (
    "The harbour was quiet before the first boats came in.",
    "She counted the lamps along the quay, one for each winter.",
    "A ferry that nobody had booked crossed the sound at noon.",
    "Nets dry slowly when the wind turns to the north-east.",
    "Nobody asked why the bell rang twice; everybody knew.",
    "Salt, rope and tar: the shop sold little else in 1931.",
    "If the tide allows it, we will be home by Thursday.",
    "Gulls argued over the roof as if it were a treaty.",
    "El puerto estaba tranquilo antes de que llegaran los barcos.",
    "Die Netze trocknen langsam, wenn der Wind dreht.",
)


def documents(count: int, *, longest: int = 6) -> list[str]:
    """Distinct documents of one to ``longest`` sentences, the same each time."""
    picked = []
    for number in range(count):
        length = 1 + number % longest
        picked.append(
            " ".join(SENTENCES[(number * 7 + k * (1 + number % 3)) % len(SENTENCES)] for k in range(length))
            + f" ({number})"
        )
    return picked


def write_text(path: Path, count: int = 120) -> Path:
    """A .txt with a document a line."""
    path.write_text("\n".join(documents(count)) + "\n", encoding="utf-8")
    return path


def make_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """WordPiece, byte-level BPE or Unigram, trained on :data:`SENTENCES`."""
    if family in OF_BERT:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        trainer: Any = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
        names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    elif family in OF_ROBERTA:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        names = _fairseq_names()
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
        )
        names = _fairseq_names()
    tokenizer.train_from_iterator(SENTENCES, trainer)
    first, last = names["cls_token"], names["sep_token"]
    ids = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(f"{first} $A {last}", f"{first} $A {last} $B {last}", ids)
    fast: PreTrainedTokenizerFast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)
    return fast


def make_teacher(
    folder: Path,
    family: str,
    *,
    layers: int = 3,
    hidden_size: int = 24,
    heads: int = 4,
    positions: int = 64,
    seed: int = 0,
) -> Path:
    """A checkpoint of random weights, saved as transformers saves it, tokenizer included. Layers differ in scale, so
    that one taken for another is noticed."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(family)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": hidden_size, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": 3 * hidden_size, "pad_token_id": tokenizer.pad_token_id, "initializer_range": 0.2,
    }  # fmt: skip
    sizes["max_position_embeddings"] = positions + (0 if family in FROM_ZERO else 2)
    if family not in FROM_ZERO:
        sizes["type_vocab_size"] = 1
    if family == "ernie":
        sizes["use_task_id"] = True
    if family == "modernbert":
        special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "cls", "sep")}
        sizes |= special | {"local_attention": 2 * WINDOW}
    model = AutoModel.from_config(AutoConfig.for_model(MODEL_TYPES.get(family, family), **sizes))
    if family not in FAMILIES:
        spread_norms(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def spread_norms(model: PreTrainedModel) -> None:
    """Let no norm be the one that it was initialised as: one that is left out or taken for another then shows."""
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)


def save_classifier(folder: Path, encoder: Path, labels: Sequence[str]) -> Path:
    """A fine-tuned checkpoint: the encoder with a head whose outputs have these names, in this order."""
    torch.manual_seed(1)
    names = dict(enumerate(labels))
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        encoder, id2label=names, label2id={label: number for number, label in names.items()}
    )
    model.save_pretrained(folder)
    return folder


def padded(tokenizer: Any, texts: Sequence[str], *, side: str = "right") -> tuple[torch.Tensor, torch.Tensor]:
    """``input_ids`` and ``attention_mask``, ``[texts, longest]``."""
    tokenizer.padding_side = side
    encoded = tokenizer(list(texts), padding=True, truncation=True, max_length=60, return_tensors="pt")
    return encoded["input_ids"], encoded["attention_mask"]


def _fairseq_names() -> dict[str, str]:
    return {
        "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "mask_token": "<mask>",
    }  # fmt: skip
