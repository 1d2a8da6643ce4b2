"""A checkpoint is whole or not there, and nothing else is ever taken for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reldistill import CheckpointError
from reldistill.checkpoint import MANIFEST, CheckpointFolder, verify

CONTENT = {"student.safetensors": b"weights" * 1000, "state.json": b"{}"}


def write(folder: Path) -> None:
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFolder:
    """Two whole ones, of steps 10 and 20."""
    folder = CheckpointFolder(tmp_path / "checkpoints")
    for step in (10, 20):
        folder.save(step, write, {"identity": "abc"})
    return folder


def names(folder: CheckpointFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_what_was_saved_is_found_with_what_was_said_of_it(checkpoints: CheckpointFolder) -> None:
    found = checkpoints.newest_whole(pytest.fail)
    assert found is not None
    path, manifest = found
    assert path.name == "step-00000020"
    assert manifest["identity"] == "abc"
    assert set(manifest["files"]) == set(CONTENT)
    assert {name: (path / name).read_bytes() for name in CONTENT} == CONTENT
    assert names(checkpoints) == ["step-00000010", "step-00000020"]


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "none").newest_whole(pytest.fail) is None


def test_a_save_that_fails_leaves_nothing_and_the_others_as_they_were(checkpoints: CheckpointFolder) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(30, fail, {})
    assert names(checkpoints) == ["step-00000010", "step-00000020"]
    for path in checkpoints.all():
        verify(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("damage", [cut, empty, flip, lengthen, Path.unlink])
@pytest.mark.parametrize("name", [*CONTENT, MANIFEST])
def test_any_damage_to_any_file_is_told_and_the_one_before_is_taken(
    checkpoints: CheckpointFolder, name: str, damage: Callable[[Path], None]
) -> None:
    damage(checkpoints.all()[0] / name)
    heard: list[str] = []
    found = checkpoints.newest_whole(heard.append)
    assert found is not None
    assert found[0].name == "step-00000010"
    assert len(heard) == 1
    assert "step-00000020 is passed over" in heard[0]
    assert name in heard[0]


def test_every_single_byte_of_a_manifest_counts(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path)
    path = checkpoints.save(1, write, {"step": 1})
    manifest = path / MANIFEST
    whole = manifest.read_bytes()
    said = verify(path)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 2
        manifest.write_bytes(changed)
        try:
            found = verify(path)
        except CheckpointError:
            continue
        assert found == said  # white space alone was changed


def test_where_none_is_whole_nothing_is_taken(checkpoints: CheckpointFolder) -> None:
    for path in checkpoints.all():
        flip(path / "student.safetensors")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is whole") as refused:
        checkpoints.newest_whole(lambda message: None)
    assert "--resume never" in str(refused.value)


def test_a_newer_format_is_refused_and_not_guessed_at(
    checkpoints: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reldistill.checkpoint.manifest.FORMAT", 2)
    newer = checkpoints.save(30, write, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format 2, this version reads 1"):
        verify(newer)


def test_leftovers_of_a_killed_process_are_no_checkpoints_and_go_with_the_next_save(
    checkpoints: CheckpointFolder,
) -> None:
    leftover = checkpoints.path / "step-00000030.tmp-0badcafe"
    leftover.mkdir()
    write(leftover)
    found = checkpoints.newest_whole(pytest.fail)
    assert found is not None
    assert found[0].name == "step-00000020"
    checkpoints.save(40, write, {})
    assert names(checkpoints) == ["step-00000010", "step-00000020", "step-00000040"]


def test_pruning_keeps_the_newest(checkpoints: CheckpointFolder) -> None:
    checkpoints.save(100_000_000, write, {})
    checkpoints.prune(2)
    assert names(checkpoints) == ["step-00000020", "step-100000000"]


def test_going_back_removes_what_lies_ahead(checkpoints: CheckpointFolder) -> None:
    checkpoints.save(30, write, {})
    checkpoints.remove_after(10)
    assert names(checkpoints) == ["step-00000010"]


def test_a_damaged_one_of_the_same_step_is_replaced(checkpoints: CheckpointFolder) -> None:
    flip(checkpoints.all()[0] / "state.json")
    checkpoints.save(20, write, {})
    verify(checkpoints.all()[0])
    assert names(checkpoints) == ["step-00000010", "step-00000020"]
