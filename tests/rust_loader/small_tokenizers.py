"""Tokenizers of the three families that are distilled, trained on the spot on a few lines."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The quick brown fox jumps over the lazy dog, twice: naïve café, coöperation and 1,234.5 facts!",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Straße, Übermut, ÄÖÜ.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Ёжик в тумане.",
    "いろはにほへと ちりぬるを 漢字仮名交じり文。東京特許許可局。",
    "नमस्ते दुनिया, यह एक वाक्य है। สวัสดีชาวโลก ประโยคนี้ไม่มีช่องว่าง",
    "أهلاً بالعالم، هذه جملة قصيرة. שלום עולם, זה משפט קצר.",
    "emoji 👩‍👩‍👧‍👦 🇩🇪 👍🏽 and symbols ∑∫√≠ ½ ﬁ ㎏ Ⅷ",
]


def word_piece() -> Tokenizer:
    """As BERT's: lower-cased word pieces between [CLS] and [SEP]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))],
    )
    return tokenizer


def byte_level_bpe() -> Tokenizer:
    """As RoBERTa's: bytes merged into words, between <s> and </s>."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", special.index("</s>")), ("<s>", special.index("<s>"))
    )
    return tokenizer


def unigram() -> Tokenizer:
    """As XLM-R's: SentencePiece's unigram model after NFKC, between <s> and </s>."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        LINES, trainers.UnigramTrainer(vocab_size=350, special_tokens=special, unk_token="<unk>")
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))],
    )
    return tokenizer


def numbers(largest: int) -> Tokenizer:
    """Each number from 3 to `largest` is a word and its own id; [PAD] 0, [CLS] 1, [SEP] 2."""
    words = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2} | {str(number): number for number in range(3, largest + 1)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


def saved(tokenizer: Tokenizer, path: Path) -> Path:
    """Writes a tokenizer.json."""
    tokenizer.save(str(path))
    return path
