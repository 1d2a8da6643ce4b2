"""What tells streamed text from any other, so that an interrupted build of it is gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset

from reldistill.distillation.text_source import TextSource, streamed_text
from reldistill.hub.text_name import HubText
from reldistill_loader import Corpus, Progress, tokenize_documents
from rust_loader.small_tokenizers import numbers

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def saved(folder: Path, count: int) -> TextSource:
    Dataset.from_dict({"text": [f"{3 + number % 900} " * 9 for number in range(count)]}).save_to_disk(str(folder))
    source = streamed_text([str(folder)], "text")
    assert source is not None
    return source


def test_files_need_no_key() -> None:
    assert TextSource(files=("a.txt",)).resume_key(seed=0) is None


def test_a_saved_data_set_is_known_by_its_files(tmp_path: Path) -> None:
    source = saved(tmp_path / "one", 10)
    key = source.resume_key(seed=0)
    assert key
    assert key == saved_again(tmp_path / "one").resume_key(seed=1)
    assert source.saved is not None
    assert key != replace(source, saved=replace(source.saved, text_column="body")).resume_key(seed=0)
    assert key != saved(tmp_path / "two", 10).resume_key(seed=0)
    file = next((tmp_path / "one").glob("*.arrow"))
    file.touch()
    assert key != source.resume_key(seed=0)


def saved_again(folder: Path) -> TextSource:
    source = streamed_text([str(folder)], "text")
    assert source is not None
    return source


def test_text_of_the_hub_is_known_by_commit_and_seed() -> None:
    texts = [HubText("acme/text", revision=COMMIT), HubText("acme/text", revision="f" * 40), HubText("acme/other")]
    assert TextSource(hub=texts[0]).pinned() == TextSource(hub=texts[0])
    keys = {TextSource(hub=text).resume_key(seed=seed) for seed in (0, 1) for text in texts}
    assert len(keys) == 6
    assert None not in keys


def test_a_build_of_a_saved_data_set_is_gone_on_with(tmp_path: Path) -> None:
    source = saved(tmp_path / "saved", 120_000)

    def build(output: str, most: int | None) -> list[Progress]:
        told: list[Progress] = []

        def progress(now: Progress) -> None:
            told.append(now)
            if most is not None and now.sequences > most:
                raise TimeoutError

        documents = source.stream(seed=0)
        assert documents is not None
        tokenize_documents(
            documents, numbers(999).to_str(), tmp_path / output, source="saved", shard_tokens=50_000, threads=1,
            resume_key=source.resume_key(seed=0), progress=progress,
        )  # fmt: skip
        return told

    build("undisturbed", None)
    with pytest.raises(TimeoutError):
        build("corpus", 40_000)
    assert build("corpus", None)[-1].continued > 20_000
    assert Corpus.open(tmp_path / "corpus").fingerprint == Corpus.open(tmp_path / "undisturbed").fingerprint
