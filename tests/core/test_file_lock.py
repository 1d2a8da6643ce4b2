from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from reldistill.file_lock import claim, claimed


def add_ones(folder: Path, times: int) -> None:
    """Reads, adds and writes: what two processes at once would lose."""
    number = folder / "number"
    for _ in range(times):
        with claimed(folder / "lock", wait=lambda: None) as mine:
            assert mine
            number.write_text(str(int(number.read_text()) + 1))


def test_of_several_processes_one_is_at_the_work_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_ones, args=(tmp_path, 300)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "number").read_text() == "900"
    assert not (tmp_path / "lock").exists()


def test_who_does_not_wait_is_told_that_it_is_not_his(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("ab") as other:
        assert claim(other)
        with claimed(tmp_path / "lock") as mine:
            assert not mine
    with claimed(tmp_path / "lock") as mine:
        assert mine


def test_the_file_goes_with_work_that_fails_too(tmp_path: Path) -> None:
    with pytest.raises(MemoryError), claimed(tmp_path / "lock"):
        raise MemoryError
    assert not list(tmp_path.iterdir())
