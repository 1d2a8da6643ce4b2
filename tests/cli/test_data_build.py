"""``minictl data build``: text in, a corpus out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from datasets import Dataset
from typer.testing import CliRunner

from conftest import MakeTeacher
from reldistill import Registry
from reldistill.distillation.locate import locate_teacher
from reldistill_cli.main import app
from reldistill_cli.progress import ScreenReporter
from reldistill_loader import Corpus, Progress

SOUND = '{"text": "The harbour was quiet.", "body": "Gulls argued."}\n'


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def build(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    outcome = CliRunner().invoke(app, ["data", "build", *map(str, arguments)])
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_json_describes_the_corpus_that_was_built(teacher: MakeTeacher, text: Path) -> None:
    code, out, _ = build(text, "--teacher", teacher("bert"), "-o", "corpus", "--max-length", 16, "--json")
    assert code == 0
    corpus = Corpus.open("corpus")
    assert json.loads(out) == {
        "corpus": "corpus", "documents": 120, "sequences": len(corpus), "tokens": corpus.tokens, "skipped": 0,
    }  # fmt: skip


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-r"])
def test_the_ids_are_those_of_the_teachers_tokenizer(teacher: MakeTeacher, text: Path, family: str) -> None:
    build(text, "--teacher", teacher(family), "-o", "corpus", "--max-length", 64)
    tokenizer = locate_teacher(str(teacher(family)), Registry.installed()).tokenizer
    first = text.read_text(encoding="utf-8").splitlines()[0]
    assert Corpus.open("corpus").sequence(0).tolist() == tokenizer(first)["input_ids"]


def test_a_tokenizer_json_does_without_a_teacher(teacher: MakeTeacher, text: Path) -> None:
    folder = teacher("bert")
    build(text, "--teacher", folder, "-o", "by-teacher", "--max-length", 16)
    code, out, _ = build(text, "--tokenizer", folder / "tokenizer.json", "-o", "by-file", "--max-length", 16)
    assert code == 0
    assert out.startswith("corpus: by-file  (120 documents, ")
    one, other = Corpus.open("by-teacher"), Corpus.open("by-file")
    assert [one.sequence(i).tolist() for i in range(len(one))] == [
        other.sequence(i).tolist() for i in range(len(other))
    ]


def test_a_corpus_is_data_for_its_teacher(teacher: MakeTeacher, text: Path) -> None:
    build(text, "--teacher", teacher("bert"), "-o", "corpus", "--max-length", 32)
    small = ["--student", "1x12", "--student-heads", "2", "--max-length", "32", "--batch-size", "4", "--dry-run"]
    fits = CliRunner().invoke(app, ["distill", "--teacher", str(teacher("bert")), "--data", "corpus", *small])
    other = CliRunner().invoke(app, ["distill", "--teacher", str(teacher("roberta")), "--data", "corpus", *small])
    assert fits.exit_code == 0
    assert other.exit_code == 3
    assert "corpus corpus was made with another tokenizer" in other.stderr


@pytest.mark.parametrize("both", [True, False])
def test_just_one_of_teacher_and_tokenizer_is_taken(teacher: MakeTeacher, text: Path, both: bool) -> None:
    given = ("--teacher", teacher("bert"), "--tokenizer", teacher("bert") / "tokenizer.json") if both else ()
    code, out, err = build(text, *given, "-o", "corpus")
    assert (code, out) == (2, "")
    assert err.startswith("error: give either --teacher or --tokenizer\n")


def test_text_that_is_not_there_is_a_data_error(teacher: MakeTeacher) -> None:
    code, out, err = build("missing.txt", "--teacher", teacher("bert"), "-o", "corpus")
    assert (code, out) == (3, "")
    assert "missing.txt" in err
    assert not Path("corpus/manifest.json").exists()


def test_a_broken_record_is_named_by_file_and_line(teacher: MakeTeacher) -> None:
    Path("lines.jsonl").write_text(SOUND + "{\n")
    code, _, err = build("lines.jsonl", "--teacher", teacher("bert"), "-o", "corpus")
    assert code == 3
    assert "lines.jsonl:2" in err
    assert not Path("corpus/manifest.json").exists()


def test_broken_records_are_skipped_and_counted_on_request(teacher: MakeTeacher) -> None:
    Path("lines.jsonl").write_text(SOUND + "{\n" + SOUND + '{"other": 1}\n')
    arguments = ("lines.jsonl", "--teacher", teacher("bert"), "-o", "corpus", "--on-error", "skip")
    code, out, _ = build(*arguments, "--json")
    assert code == 0
    assert {name: json.loads(out)[name] for name in ("sequences", "skipped")} == {"sequences": 2, "skipped": 2}
    code, _, err = build(*arguments, "--overwrite")
    assert code == 0
    assert "warning: 2 broken records were skipped" in err


def test_the_column_of_the_text_can_be_named(teacher: MakeTeacher) -> None:
    Path("lines.jsonl").write_text(SOUND)
    build("lines.jsonl", "--teacher", teacher("bert"), "-o", "corpus", "--text-column", "body")
    tokenizer = locate_teacher(str(teacher("bert")), Registry.installed()).tokenizer
    assert Corpus.open("corpus").sequence(0).tolist() == tokenizer("Gulls argued.")["input_ids"]


def test_blank_lines_separate_documents_on_request(teacher: MakeTeacher) -> None:
    Path("text.txt").write_text("The harbour\nwas quiet.\n\nGulls argued.\n")
    arguments = ("text.txt", "--teacher", teacher("bert"), "--json")
    for option, documents in {(): 3, ("--text-documents", "paragraphs"): 2, ("--text-documents", "lines"): 3}.items():
        code, out, _ = build(*arguments, *option, "-o", f"corpus{len(option)}", "--overwrite")
        assert (code, json.loads(out)["documents"]) == (0, documents)
    code, _, err = build(*arguments, "--text-documents", "pages", "-o", "other")
    assert code == 2
    assert "paragraphs" in err


def test_windows_end_with_sentences_on_request(teacher: MakeTeacher) -> None:
    Path("text.txt").write_text("The harbour was quiet. Gulls argued. " * 20)
    Dataset.from_dict({"text": [Path("text.txt").read_text()]}).save_to_disk("saved")
    arguments = ("--teacher", teacher("bert"), "--max-length", 16)
    for source in ("text.txt", "saved"):
        assert build(source, *arguments, "-o", "full", "--overwrite")[0] == 0
        assert build(source, *arguments, "-o", "sentences", "--overwrite", "--windows", "sentences")[0] == 0
        full, corpus = Corpus.open("full"), Corpus.open("sentences")
        assert (full.manifest.windows, corpus.manifest.windows) == ("tokens", "sentences")
        stop = locate_teacher(str(teacher("bert")), Registry.installed()).tokenizer(".")["input_ids"][1]
        assert {corpus.sequence(index).tolist()[-2] for index in range(len(corpus))} == {stop}
        assert {full.sequence(index).tolist()[-2] for index in range(len(full))} > {stop}
        assert sum(full.lengths()) - 2 * len(full) == sum(corpus.lengths()) - 2 * len(corpus)


def test_a_corpus_that_is_there_is_replaced_only_on_request(teacher: MakeTeacher, text: Path) -> None:
    arguments = (text, "--teacher", teacher("bert"), "-o", "corpus", "--max-length")
    assert build(*arguments, 16)[0] == 0
    before = Path("corpus/manifest.json").read_bytes()
    code, _, err = build(*arguments, 24)
    assert code == 3
    assert "corpus" in err
    assert Path("corpus/manifest.json").read_bytes() == before
    assert build(*arguments, 24, "--overwrite")[0] == 0
    assert Corpus.open("corpus").manifest.max_length == 24


def test_the_bytes_do_not_depend_on_the_threads(teacher: MakeTeacher, text: Path) -> None:
    for threads in (1, 3):
        build(text, "--teacher", teacher("bert"), "-o", f"corpus{threads}", "--threads", threads)
    one, three = ({path.name: path.read_bytes() for path in Path(f"corpus{n}").iterdir()} for n in (1, 3))
    assert one == three


def test_a_folder_that_datasets_saved_is_text(teacher: MakeTeacher) -> None:
    Dataset.from_dict({"body": ["The harbour was quiet.", None, "Gulls argued."]}).save_to_disk("saved")
    code, out, _ = build("saved", "--teacher", teacher("bert"), "-o", "corpus", "--text-column", "body", "--json")
    assert code == 0
    assert json.loads(out)["documents"] == 2
    tokenizer = locate_teacher(str(teacher("bert")), Registry.installed()).tokenizer
    assert Corpus.open("corpus").sequence(1).tolist() == tokenizer("Gulls argued.")["input_ids"]
    assert Corpus.open("corpus").manifest.sources == ("saved",)


def test_a_name_that_is_neither_a_path_nor_on_the_hub_is_refused(
    teacher: MakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, out, err = build("acme/none", "--teacher", teacher("bert"), "-o", "corpus")
    assert (code, out) == (3, "")
    assert "acme/none" in err
    assert not Path("corpus").exists()


def test_ctrl_c_says_that_the_same_command_goes_on(teacher: MakeTeacher) -> None:
    Path("long.txt").write_text("the harbour was quiet and gulls argued\n" * 3_000_000)
    command = [sys.executable, "-c", "from reldistill_cli.main import run; run()", "data", "build", "long.txt"]
    command += ["--teacher", str(teacher("bert")), "-o", "corpus"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not list(Path().glob("corpus/*.tmp")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "note: finished shards stay; the same command goes on behind them" in err
    assert err.endswith("error: interrupted\n")
    assert not Path("corpus").exists()


def test_what_was_found_of_an_interrupted_build_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with ScreenReporter() as reporter:
        reporter.tokenising("a.txt", Progress(0, 9, 0, 0, 0))
        for done in (3, 9):
            reporter.tokenising("a.txt", Progress(done, 9, 1_500, 1_500, 9_000, continued=1_234))
        reporter.tokenised("a.txt")
    said = capsys.readouterr().err
    assert said.count("continuing an interrupted build: 1,234 sequences are there") == 1
