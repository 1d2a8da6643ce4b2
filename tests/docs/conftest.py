"""A folder in which what stands on the pages can be done: their teachers, texts, corpus, tasks and runs, all tiny."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from reldistill_loader import tokenize
from short_runs import configure, run
from tiny_models import documents, make_teacher, write_text
from written_tasks import write_rte

SMALL = {
    "MINICTL_DATA": "texts/", "MINICTL_STUDENT": "2x24", "MINICTL_BATCH_SIZE": "8", "MINICTL_MAX_LENGTH": "48", "MINICTL_STEPS": "2",
    "MINICTL_EVAL_DATA_DIR": "glue_data", "MINICTL_EVAL_BATCH_SIZE": "8", "MINICTL_EVAL_MAX_LENGTH": "32",
}  # fmt: skip
"""What a page leaves to the papers' numbers, so that it takes seconds."""


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "folder"
    for teacher in ("my-bert", "bert-base"):
        make_teacher(folder / teacher, "bert", hidden_size=48, heads=12, positions=512)
    make_teacher(folder / "xlm-r-base", "xlm-r", hidden_size=48, heads=12, positions=512)
    for language in ("en", "de", "sw"):
        (folder / "texts" / language).mkdir(parents=True)
        write_text(folder / "texts" / language / "a.txt", 8)
    write_text(folder / "texts" / "a.txt", 40)
    lines = "".join(f'{{"text": "{text}"}}\n' for text in documents(9))
    with pa.CompressedOutputStream(str(folder / "more.jsonl.zst"), "zstd") as packed:
        packed.write(lines.encode())
    pq.write_table(pa.table({"text": documents(7)}), folder / "wiki.parquet")
    tokenizer = AutoTokenizer.from_pretrained(folder / "bert-base").backend_tokenizer.to_str()
    tokenize([folder / "texts"], tokenizer, folder / "corpus", max_length=48)
    write_rte(folder / "glue_data")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for seed in (0, 1):
            run(configure(Path("my-bert"), Path("texts"), steps=2, student_heads=12, student="2x24", seed=seed))
    return folder


@pytest.fixture
def page_folder(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; a copy, so that a page may write into it."""
    folder = tmp_path / "folder"
    shutil.copytree(made_once, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    return folder
