"""Tokenizers of the three families over passages in several scripts, small enough that windows cut within words."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

KINDS = (
    "wordpiece", "byte-level", "byte-level, offsets with spaces", "byte-level, space first", "metaspace",
    "metaspace, space first",
)  # fmt: skip

PASSAGES = (
    "The harbour was quiet before the first boats came in; nobody had booked the ferry that crossed at noon.",
    "She counted the lamps (twelve of them) along the quay, one for each winter  since 1931, “for luck”.",
    "En São Tomé, el puerto estaba tranquilo: ¿quién lo sabía? Die Netze trocknen langsam, wenn der Wind dreht.",
    "港口在第一批船到来之前很安静。Nobody knew, 北京 2008年 iPhone手机。",
    "كان الميناء هادئًا قبل وصول القوارب الأولى، ولم يحجز أحد العبّارة.",
    "पहली नावों के आने से पहले बंदरगाह शांत था। किसी को पता नहीं था।",
    "  Tabs\tand\nlines, a\u00a0hard space, a\u3000wide one and a \U0001d518nusual 🚢 ship.  ",
)


def make_reading_tokenizer(kind: str, *, token_type_ids: bool = False) -> PreTrainedTokenizerFast:
    """WordPiece as BERT's, byte-level BPE as RoBERTa's, or Unigram with ``▁`` as XLM-R's, with each way of offsets."""
    trainer: Any
    if kind == "wordpiece":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=190, special_tokens=special, show_progress=False)
    elif kind.startswith("byte-level"):
        special = ["<pad>", "<unk>", "<s>", "</s>"]
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind.endswith("space first"))
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        special = ["<pad>", "<unk>", "<s>", "</s>"]
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        scheme = "always" if kind.endswith("space first") else "first"
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        trainer = trainers.UnigramTrainer(
            vocab_size=260, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    tokenizer.train_from_iterator(PASSAGES, trainer)
    first, last = special[2:]
    ids = [(token, special.index(token)) for token in (first, last)]
    if kind == "wordpiece":
        tokenizer.post_processor = processors.TemplateProcessing(
            f"{first} $A {last}", f"{first} $A {last} $B:1 {last}:1", ids
        )
    elif kind.startswith("byte-level"):
        trims = "with spaces" not in kind
        tokenizer.post_processor = processors.RobertaProcessing(
            (last, ids[1][1]), (first, ids[0][1]), trim_offsets=trims, add_prefix_space=kind.endswith("space first")
        )
    else:
        tokenizer.post_processor = processors.TemplateProcessing(
            f"{first} $A {last}", f"{first} $A {last} {last} $B {last}", ids
        )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if token_type_ids else [])]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names)
