"""`windows="sentences"` and `"lines"`: only the cuts move, and they are where a plain loop puts them."""

import struct
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from reldistill_loader import Corpus, InputError, tokenize, tokenize_documents
from rust_loader.small_tokenizers import LINES, byte_level_bpe, saved, unigram, word_piece

FAMILIES = {"word_piece": word_piece, "byte_level_bpe": byte_level_bpe, "unigram": unigram}

# Each is a sentence to Unicode wherever it stands. The last part of each is white space, if any.
SENTENCES = [
    "The quick brown fox jumps over the lazy dog. ",
    "Straße, naïve café?  ",
    "漢字仮名交じり文。",
    "Ёжик в тумане!\n",
    "यह एक वाक्य है। ",
    "1,234.5 facts\r\n",
    "👩‍👩‍👧‍👦 🇩🇪 ½ Ⅷ!\t",
    "Yes.\u3000",
    "No <mask> (really?) \n",
]


def sequences(folder: Path) -> list[list[int]]:
    corpus = Corpus.open(folder, verify="full")
    return [corpus.sequence(index).tolist() for index in range(len(corpus))]


def expected(tokenizer: Tokenizer, text: str, units: list[str], max_length: int) -> list[list[int]]:
    """Greedy windows without special tokens, of a text whose units are known."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids, starts = encoding.ids, [start for start, _ in encoding.offsets]
    cuts, behind = set(), 0
    for unit in units:
        visible = behind + len(unit.rstrip())
        cuts.add(next((number for number, start in enumerate(starts) if start >= visible), len(ids)))
        behind += len(unit)
    windows, start, room = [], 0, max_length - 2
    while start < len(ids):
        end = min(start + room, len(ids))
        if end < len(ids):
            end = max((cut for cut in cuts if start < cut <= end), default=end)
        windows.append(ids[start:end])
        start = end
    return windows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sentences=st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=12),
    max_length=st.integers(3, 60),
    family=st.sampled_from(sorted(FAMILIES)),
    threads=st.integers(1, 2),
)
def test_windows_end_with_the_last_sentence_or_line_that_fits(
    sentences: list[str], max_length: int, family: str, threads: int, tmp_path: Path, trained: dict[str, Path]
) -> None:
    text = "".join(sentences)
    tokenizer = Tokenizer.from_file(str(trained[family]))
    units = {"tokens": [], "sentences": sentences, "lines": text.splitlines(keepends=True)}
    options: dict[str, Any] = {"max_length": max_length, "threads": threads, "overwrite": True}
    for windows, divided in units.items():
        manifest = tokenize_documents(
            [text], trained[family], tmp_path / "corpus", source="test", windows=windows, **options  # type: ignore[arg-type]
        )  # fmt: skip
        assert manifest.windows == windows
        inside = [window[1:-1] for window in sequences(tmp_path / "corpus")]
        assert inside == expected(tokenizer, text, divided, max_length)
        assert list(chain(*inside)) == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("family", FAMILIES)
def test_lines_of_a_paragraph_stay_whole(family: str, tmp_path: Path, trained: dict[str, Path]) -> None:
    tokenizer = Tokenizer.from_file(str(trained[family]))
    (tmp_path / "a.txt").write_text("\n".join(LINES) + "\n\n" + LINES[0] + "\n", encoding="utf-8")
    longest = 2 + max(len(tokenizer.encode(f"\n{line}", add_special_tokens=False).ids) for line in LINES)
    tokenize(
        tmp_path / "a.txt", trained[family], tmp_path / "c", text_documents="paragraphs", windows="lines",
        max_length=longest,
    )  # fmt: skip
    alone = [tokenizer.encode(line, add_special_tokens=False).ids for line in LINES]
    ends = {tuple(ids[-2:]) for ids in alone}
    assert len(sequences(tmp_path / "c")) > 2
    assert {tuple(window[-3:-1]) for window in sequences(tmp_path / "c")} <= ends


def test_joined_windows_stay_within_bounds_and_lose_nothing(tmp_path: Path, trained: dict[str, Path]) -> None:
    path = trained["word_piece"]
    tokenizer = Tokenizer.from_file(str(path))
    documents = ["".join(SENTENCES[:count]) for count in (1, 9, 2, 4, 1, 1)]
    tokenize_documents(documents, path, tmp_path / "c", source="t", join=True, windows="sentences", max_length=30)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    found = sequences(tmp_path / "c")
    assert max(map(len, found)) <= 30
    assert {ids[0] for ids in found} == {cls}
    assert [token for token in chain(*found) if token not in (cls, sep)] == [
        token for text in documents for token in tokenizer.encode(text, add_special_tokens=False).ids
    ]


def test_characters_that_sentencepiece_deletes_first_do_not_move_the_cuts(tmp_path: Path) -> None:
    """tokenizers 0.23.2 counts offsets from the wrong character there."""
    tokenizer = unigram()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(deleting(0x1C)), normalizers.NFKC()])
    sentences = ["\x1c\x1cYes. ", "No. ", "Yes. ", "No."]
    path = saved(tokenizer, tmp_path / "tokenizer.json")
    lengths = [len(tokenizer.encode(sentence.rstrip(), add_special_tokens=False).ids) for sentence in sentences]
    # With an added token in it, the whole document goes through the library.
    for last in ("", " <mask>"):
        text = "".join(sentences) + last
        tokenize_documents(
            [text], path, tmp_path / "c", source="t", windows="sentences", max_length=max(lengths) + 2, overwrite=True
        )
        assert [len(window) - 2 for window in sequences(tmp_path / "c")][:3] == lengths[:3]


def deleting(byte: int) -> bytes:
    """SentencePiece's compiled map of characters, which deletes one and keeps the others: a double array of 256 units."""
    units = [0] * 256
    has_leaf, leaf = 1 << 8, byte ^ 1
    units[byte] = byte | has_leaf | (byte ^ leaf) << 10
    trie = struct.pack("<256I", *units)
    return struct.pack("<I", len(trie)) + trie + b"\0"


def test_tokens_are_the_default_and_leave_no_trace(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3 4\n")
    assert tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c").windows == "tokens"
    assert "windows" not in (tmp_path / "c" / "manifest.json").read_text()


def test_any_other_word_is_refused(tmp_path: Path, number_tokenizer: str) -> None:
    wrong: dict[str, Any] = {"windows": "pages"}
    message = 'windows = "pages" is not allowed; pass "tokens", "sentences" or "lines"'
    (tmp_path / "a.txt").write_text("3\n")
    with pytest.raises(InputError, match=message):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "c", **wrong)
    with pytest.raises(InputError, match=message):
        tokenize_documents(["3"], number_tokenizer, tmp_path / "c", source="t", **wrong)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {name: saved(build(), folder / f"{name}.json") for name, build in FAMILIES.items()}
