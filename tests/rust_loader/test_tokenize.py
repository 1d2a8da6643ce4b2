"""What `tokenize` and `tokenize_documents` take, refuse and leave behind."""

import errno
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reldistill_loader import Corpus, CorpusError, InputError, Manifest, Progress, tokenize, tokenize_documents
from rust_loader.small_tokenizers import byte_level_bpe, numbers


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def many_lines(count: int) -> str:
    return "".join(f"{3 + number % 990} {3 + number % 31}\n" for number in range(count))


def test_any_number_of_threads_writes_the_same_bytes(tmp_path: Path) -> None:
    tokenizer = byte_level_bpe().to_str()
    (tmp_path / "text.txt").write_text(many_lines(60_000))
    written = []
    for threads in (1, 2, 5):
        output = tmp_path / str(threads)
        tokenize(tmp_path / "text.txt", tokenizer, output, threads=threads, shard_tokens=300_000)
        written.append(contents(output))
    assert len(written[0]) > 2
    assert written[0] == written[1] == written[2]


def test_documents_and_lines_give_the_same_shards(tmp_path: Path, number_tokenizer: str) -> None:
    lines = many_lines(20_000)
    (tmp_path / "text.txt").write_text(lines)
    tokenize([tmp_path / "text.txt"], number_tokenizer, str(tmp_path / "a"))
    manifest = tokenize_documents(iter(lines.splitlines()), number_tokenizer, tmp_path / "b", source="hub/name")
    assert contents(tmp_path / "a")["shard-00000.arrow"] == contents(tmp_path / "b")["shard-00000.arrow"]
    assert manifest.sources == ("hub/name",)


def test_the_manifest_tells_what_was_done(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("5 6\n\n7 8 9\n")
    manifest = tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "corpus", max_length=4)
    assert isinstance(manifest, Manifest)
    assert (manifest.documents, manifest.sequences, manifest.tokens) == (2, 3, 11)
    assert (manifest.vocabulary_size, manifest.largest_id, manifest.pad_id, manifest.dtype) == (1000, 999, 0, "uint16")
    assert manifest.special_ids == {"pad": 0, "cls": 1, "sep": 2}
    (shard,) = manifest.shards
    assert shard.bytes == (tmp_path / "corpus" / shard.name).stat().st_size
    assert Corpus.open(tmp_path / "corpus").manifest == manifest


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.txt",
            b"ok\n\xff\n",
            r"a\.txt:2: not UTF-8: byte 0xff at column 1; correct the line, or leave such lines out",
        ),
        ("a.jsonl", b'{"text": "ok"}\n\n{"text": }\n', r"a\.jsonl:3: not JSON: expected value at column 10"),
        ("a.jsonl", b'{"body": "x"}\n', r"a\.jsonl:1: no column \"text\"; its columns are \[\"body\"\]"),
        ("a.jsonl", b'{"text": 7}\n', r"a\.jsonl:1: invalid type: integer `7`, expected a string in column \"text\""),
    ],
)
def test_a_broken_line_is_named(name: str, content: bytes, message: str, tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        tokenize(tmp_path / name, number_tokenizer, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_broken_lines_may_be_skipped_and_are_listed(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"3\n\xff\n4\n")
    manifest = tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "corpus", on_error="skip")
    assert (manifest.documents, manifest.skipped_records) == (2, 1)
    (skipped,) = manifest.skipped
    assert (skipped.source, skipped.line, skipped.cause) == ("a.txt", 2, "not UTF-8: byte 0xff at column 1")


def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3\n")

    def attempt(**options: Any) -> None:
        given: dict[str, Any] = {"inputs": tmp_path / "a.txt", "tokenizer": number_tokenizer, "output": tmp_path / "c"}
        tokenize(**(given | options))

    wrong: list[tuple[dict[str, Any], str]] = [
        ({"max_length": 2}, "max_length = 2 is out of range: this tokenizer adds 2 special tokens"),
        ({"on_error": "ignore"}, 'on_error = "ignore" is not allowed; pass "raise" or "skip"'),
        ({"max_sequences": 0}, "max_sequences = 0 is not allowed"),
        ({"shard_tokens": 0}, "shard_tokens = 0 is not allowed"),
        ({"threads": 10**6}, "threads = 1000000 is not allowed"),
        ({"inputs": []}, "no inputs were given"),
        ({"inputs": tmp_path / "none.txt"}, r"none.txt\" matches no file; check the path"),
        ({"tokenizer": "{}"}, r"tokenizer \(passed as text\): "),
    ]
    for options, message in wrong:
        with pytest.raises(InputError, match=message):
            attempt(**options)
    with pytest.raises(FileNotFoundError):
        attempt(tokenizer=tmp_path / "tokenizer.json")
    assert not (tmp_path / "c").exists()


def test_an_error_of_the_documents_is_raised_and_leaves_nothing(tmp_path: Path, number_tokenizer: str) -> None:
    def documents() -> Iterator[str]:
        yield from ["3 4"] * 100_000
        raise ConnectionError("the hub is gone")

    with pytest.raises(ConnectionError, match="the hub is gone"):
        tokenize_documents(documents(), number_tokenizer, tmp_path / "corpus", source="hub")
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (["3", 4], "document 2 of hub: it is of type int; pass an iterable of str"),
        (["3", "\ud800"], "document 2 of hub: no valid Unicode"),
        ("3 4", "documents is one str"),
    ],
)
def test_a_document_that_is_no_text_is_named(
    documents: list[str], message: str, tmp_path: Path, number_tokenizer: str
) -> None:
    with pytest.raises(InputError, match=message):
        tokenize_documents(documents, number_tokenizer, tmp_path / "corpus", source="hub")


def test_an_endless_stream_ends_at_max_sequences(tmp_path: Path, number_tokenizer: str) -> None:
    def documents() -> Iterator[str]:
        while True:
            yield "5 6 7"

    manifest = tokenize_documents(documents(), number_tokenizer, tmp_path / "corpus", source="s", max_sequences=1234)
    assert (manifest.sequences, manifest.documents) == (1234, 1234)


def test_progress_is_told_and_may_stop_the_build(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text(many_lines(300_000))
    told: list[Progress] = []
    tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "corpus", threads=1, progress=told.append)
    assert told[-1].bytes_done == told[-1].bytes_total == (tmp_path / "a.txt").stat().st_size
    assert told[-1].documents == told[-1].sequences == 300_000
    assert all(before.tokens <= after.tokens for before, after in pairwise(told))

    def stop(progress: Progress) -> None:
        raise TimeoutError("enough")

    with pytest.raises(TimeoutError, match="enough"):
        tokenize(tmp_path / "a.txt", number_tokenizer, tmp_path / "other", progress=stop)
    assert not (tmp_path / "other").exists()


def test_other_python_threads_run_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(many_lines(150_000))
    tokenizer = byte_level_bpe().to_str()
    steps, done = 0, threading.Event()

    def count() -> None:
        nonlocal steps
        while not done.is_set():
            steps += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    started = time.monotonic()
    tokenize(tmp_path / "a.txt", tokenizer, tmp_path / "corpus", threads=1)
    seconds = time.monotonic() - started
    done.set()
    counter.join()
    # A held interpreter would let it through only at the few calls for signals.
    assert steps > 50 * seconds, f"{steps} steps in {seconds:.2f} s"


BUILD = """
import sys
from reldistill_loader import tokenize
tokenize(sys.argv[1], sys.argv[2], sys.argv[3], threads=1, shard_tokens=100_000, progress=lambda now: print(now.sequences, flush=True))
"""


def start_build(*arguments: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BUILD, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_sequences(build: "subprocess.Popen[str]") -> None:
    """Returns when the first sequences have been written."""
    assert build.stdout is not None
    while int(build.stdout.readline()) == 0:
        pass


@pytest.fixture
def long_build(tmp_path: Path) -> list[Path]:
    (tmp_path / "a.txt").write_text(many_lines(600_000))
    (tmp_path / "tokenizer.json").write_text(numbers(999).to_str())
    return [tmp_path / "a.txt", tmp_path / "tokenizer.json", tmp_path / "corpus"]


def assert_nothing_has_its_final_name(folder: Path) -> None:
    assert all(path.suffix in (".tmp", ".journal") for path in folder.iterdir())


def test_a_killed_build_is_built_again_with_the_same_bytes(tmp_path: Path, long_build: list[Path]) -> None:
    with start_build(*long_build) as build:
        wait_for_sequences(build)
        build.kill()
    assert contents(tmp_path / "corpus")
    assert_nothing_has_its_final_name(tmp_path / "corpus")
    with pytest.raises(CorpusError, match=r"not a finished corpus: it has no manifest\.json"):
        Corpus.open(tmp_path / "corpus")
    (tmp_path / "corpus" / "notes.md").write_text("mine")

    def build_into(output: Path) -> dict[str, bytes]:
        tokenize(long_build[0], long_build[1], output, shard_tokens=100_000)
        return contents(output)

    assert build_into(tmp_path / "corpus") == build_into(tmp_path / "undisturbed") | {"notes.md": b"mine"}


def test_ctrl_c_stops_within_a_second_and_nothing_has_its_final_name(tmp_path: Path, long_build: list[Path]) -> None:
    with start_build(*long_build) as build:
        assert build.stderr is not None
        wait_for_sequences(build)
        started = time.monotonic()
        build.send_signal(signal.SIGINT)
        errors = build.stderr.read()
        assert time.monotonic() - started < 1.5
    assert "KeyboardInterrupt" in errors
    assert_nothing_has_its_final_name(tmp_path / "corpus")


FULL_DISK = """
import resource, signal, sys
from reldistill_loader import tokenize
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    tokenize(sys.argv[1], sys.argv[2], sys.argv[3])
except OSError as error:
    print(error.errno, error.filename, error.strerror, sep="|")
"""


def test_a_full_disk_is_an_os_error_that_keeps_its_number(tmp_path: Path, long_build: list[Path]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *map(str, long_build)], capture_output=True, text=True, check=True
    )
    number, file, reason = ran.stdout.strip().split("|")
    assert int(number) == errno.EFBIG
    assert file == str(tmp_path / "corpus" / "shard-00000.arrow.tmp")
    assert reason == "File too large (cannot write)"
    assert not (tmp_path / "corpus").exists()


def test_a_finished_corpus_is_replaced_only_on_request(tmp_path: Path, number_tokenizer: str) -> None:
    tokenize_documents(["3"], number_tokenizer, tmp_path / "corpus", source="first")
    with pytest.raises(InputError, match="holds a finished corpus; choose another folder, or replace it"):
        tokenize_documents(["4"], number_tokenizer, tmp_path / "corpus", source="second")
    old = Corpus.open(tmp_path / "corpus")
    tokenize_documents(["4"], number_tokenizer, tmp_path / "corpus", source="second", overwrite=True)
    assert Corpus.open(tmp_path / "corpus").sequence(0).tolist() == [1, 4, 2]
    # Who has the old one open goes on reading it.
    assert old.sequence(0).tolist() == [1, 3, 2]


def test_the_manifest_is_plain_json_without_time_or_place(tmp_path: Path, number_tokenizer: str) -> None:
    (tmp_path / "a.txt").write_text("3\n")
    tokenize(str(tmp_path / "*.txt"), number_tokenizer, tmp_path / "corpus")
    text = (tmp_path / "corpus" / "manifest.json").read_text()
    content = json.loads(text)
    assert (content["format"], content["version"], content["sources"]) == ("reldistill-corpus", 1, ["a.txt"])
    assert str(tmp_path) not in text
