"""``minictl data build --part`` and ``minictl data merge``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Dataset
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from reldistill_cli.main import app
from reldistill_loader import Corpus


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Path) -> None:
    monkeypatch.chdir(tmp_path)
    lines = text.read_text(encoding="utf-8").splitlines(keepends=True)
    Path("texts").mkdir()
    for number, start in enumerate(range(0, len(lines), 30)):
        Path(f"texts/{number}.txt").write_text("".join(lines[start : start + 30]), encoding="utf-8")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def build(teacher: Path, *arguments: object, text: str = "texts") -> Result:
    return run("data", "build", text, "--teacher", teacher, "--max-length", 32, "-o", "corpus", *arguments)


def test_parts_are_built_merged_inspected_verified_and_trained_on(teacher: MakeTeacher) -> None:
    for number in (2, 1):
        outcome = build(teacher("bert"), "--part", f"{number}/2")
        assert outcome.exit_code == 0
        assert outcome.stdout.startswith(f"part {number} of 2: corpus/part-0000{number}-of-00002  (60 documents, ")
        assert outcome.stdout.endswith("When all 2 are there: minictl data merge corpus\n")
    outcome = run("data", "merge", "corpus")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("corpus: corpus  (120 documents, ")

    inspected = json.loads(run("data", "inspect", "corpus", "--json").stdout)
    assert inspected["manifest"]["part"] is None
    assert inspected["manifest"]["sources"] == ["0.txt", "1.txt", "2.txt", "3.txt"]
    part = json.loads(run("data", "inspect", "corpus/part-00001-of-00002", "--json").stdout)
    assert part["manifest"]["part"]["number"] == 1
    assert run("data", "verify", "corpus").stdout.startswith("whole: corpus  (")
    small = ("--student", "1x12", "--student-heads", "2", "--max-length", "32", "--batch-size", "4", "--dry-run")
    trained = run("distill", "--teacher", teacher("bert"), "--data", "corpus", *small)
    assert trained.exit_code == 0, trained.stderr


def test_json_names_the_part_and_the_whole(teacher: MakeTeacher) -> None:
    outcome = json.loads(build(teacher("bert"), "--part", "1/1", "--json").stdout)
    assert (outcome["corpus"], outcome["part"]) == ("corpus/part-00001-of-00001", {"number": 1, "of": 1})
    merged = json.loads(run("data", "merge", "corpus", "--json").stdout)
    corpus = Corpus.open("corpus")
    assert merged == {
        "corpus": "corpus", "shards": 1, "documents": 120, "sequences": len(corpus), "tokens": corpus.tokens, "skipped": 0,
    }  # fmt: skip


def test_a_part_without_files_is_said_to_be_empty(teacher: MakeTeacher) -> None:
    outcome = build(teacher("bert"), "--part", "2/60")
    assert outcome.exit_code == 0
    assert "(0 documents, 0 sequences, 0 tokens)" in outcome.stdout
    assert "No file fell to this part; it is needed all the same." in outcome.stdout


@pytest.mark.parametrize("part", ["0/4", "5/4", "x", "1", "1/0", "-1/4", "1/2/3", "1.5/4", "", "1/100000", "1/ 4"])
def test_what_is_no_part_is_a_usage_error(teacher: MakeTeacher, part: str) -> None:
    outcome = build(teacher("bert"), f"--part={part}")
    assert outcome.exit_code == 2
    assert f"error: --part {part} is no part of a build" in outcome.stderr
    assert not Path("corpus").exists()


def test_a_missing_part_is_a_data_error_that_names_it(teacher: MakeTeacher) -> None:
    build(teacher("bert"), "--part", "1/3")
    outcome = run("data", "merge", "corpus")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert (
        "of 3 parts these are missing or not finished: 2 to 3; build them, for example with --part 2/3"
        in outcome.stderr
    )


def test_a_data_set_is_not_cut_into_parts(teacher: MakeTeacher) -> None:
    Dataset.from_dict({"text": ["The harbour was quiet."]}).save_to_disk("saved")
    for name in ("saved", "acme/text"):
        outcome = build(teacher("bert"), "--part", "1/2", text=name)
        assert outcome.exit_code == 2
        assert f"--part cannot cut {name}: a part takes whole files" in outcome.stderr
        assert "to_parquet" in outcome.stderr


def test_parts_that_are_not_merged_are_no_data_for_a_distillation(teacher: MakeTeacher) -> None:
    build(teacher("bert"), "--part", "1/2")
    outcome = run("distill", "--teacher", teacher("bert"), "--data", "corpus", "--dry-run")
    assert outcome.exit_code == 3
    assert "holds parts of a corpus that are not merged" in outcome.stderr
    assert "minictl data merge corpus" in outcome.stderr
