"""Builds that were interrupted, in ways that only a process can be, end with the bytes of one that was not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reldistill_loader import Corpus, InputError, Progress, tokenize, tokenize_documents
from rust_loader.small_tokenizers import numbers

JOURNAL = "unfinished.journal"
SHARD_TOKENS = 8_000

BUILD = f"""
import sys
from reldistill_loader import tokenize
text, tokenizer, output = sys.argv[1:]
tokenize(text, tokenizer, output, threads=1, shard_tokens={SHARD_TOKENS}, progress=lambda now: print(now.sequences, flush=True))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lines(count: int) -> Iterator[str]:
    """Of 100 bytes, most of them spaces: much text with few tokens."""
    return (f"{3 + number % 990} {3 + number % 31}".ljust(99) for number in range(count))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text" / "a.txt"
    path.parent.mkdir()
    path.write_text("".join(f"{line}\n" for line in lines(80_000)))
    (tmp_path / "tokenizer.json").write_text(numbers(999).to_str())
    return path


def build(text: Path, output: Path) -> tuple[dict[str, bytes], list[Progress]]:
    """Builds to the end, in this process."""
    told: list[Progress] = []
    tokenize(text, output.parent / "tokenizer.json", output, shard_tokens=SHARD_TOKENS, progress=told.append)
    return contents(output), told


def start(text: Path, output: Path, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BUILD, str(text), str(output.parent / "tokenizer.json"), str(output)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )


def stopped_by(signal_number: int, text: Path, output: Path) -> str:
    """Starts a build, sends it the signal when there are shards and returns what it said."""
    with start(text, output) as process:
        while not (output / JOURNAL).exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(signal_number)
        return process.communicate()[1]


def assert_continued(text: Path, output: Path) -> None:
    """The next build goes on with shards that are there, and gives what an undisturbed one gives."""
    assert set(contents(output)) > {JOURNAL}
    written, told = build(text, output)
    assert told[-1].continued > 0
    assert written == build(text, output.parent / "undisturbed")[0]


@pytest.mark.slow
def test_a_build_that_is_killed_at_random_moments_ends_with_the_same_bytes(tmp_path: Path, text: Path) -> None:
    output, chance, kills = tmp_path / "corpus", random.Random(3), 0
    text.write_text("".join(f"{line}\n" for line in lines(400_000)))
    while not (output / "manifest.json").exists():
        with start(text, output) as process:
            assert process.stdout is not None
            process.stdout.readline()  # Python has started
            try:
                assert process.wait(chance.uniform(0, 0.6)) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    assert kills >= 2
    (output / JOURNAL).unlink(missing_ok=True)  # if the last one came between manifest and end
    assert contents(output) == build(text, tmp_path / "undisturbed")[0]


KILL_BEFORE_A_NAME = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int rename(const char *from, const char *to) {
    static int given = 0;
    if (strstr(to, "/corpus/") && given++ == atoi(getenv("NAMES_BEFORE_THE_KILL"))) raise(SIGKILL);
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
"""


@pytest.mark.slow
def test_a_build_that_is_killed_before_any_of_its_files_gets_its_name_is_continued(tmp_path: Path, text: Path) -> None:
    output = tmp_path / "corpus"
    text.write_text("".join(f"{line}\n" for line in lines(20_000)))
    undisturbed, _ = build(text, tmp_path / "undisturbed")
    (tmp_path / "kill.c").write_text(KILL_BEFORE_A_NAME)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "kill.so", tmp_path / "kill.c", "-ldl"], check=True)
    assert len(undisturbed) > 5
    for names in range(len(undisturbed)):
        killer = {"LD_PRELOAD": str(tmp_path / "kill.so"), "NAMES_BEFORE_THE_KILL": str(names)}
        with start(text, output, **killer) as process:
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        left = set(contents(output))
        assert "manifest.json" not in left
        assert sum(name.endswith(".arrow") for name in left) == names
        written, told = build(text, output)
        assert told[-1].continued > 0
        assert written == undisturbed
        shutil.rmtree(output)


def test_ctrl_c_leaves_what_is_finished(tmp_path: Path, text: Path) -> None:
    assert "KeyboardInterrupt" in stopped_by(signal.SIGINT, text, tmp_path / "corpus")
    assert_continued(text, tmp_path / "corpus")


def test_an_exception_of_the_callback_leaves_what_is_finished(tmp_path: Path, text: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.sequences > 10_000:
            raise TimeoutError("enough")

    arguments = (text, tmp_path / "tokenizer.json", tmp_path / "corpus")
    with pytest.raises(TimeoutError, match="enough"):
        tokenize(*arguments, shard_tokens=SHARD_TOKENS, progress=stop)
    assert_continued(text, tmp_path / "corpus")


FULL_DISK = f"""
import resource, signal, sys
from reldistill_loader import tokenize
text, tokenizer, output = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (23_000, -1))
try:
    tokenize(text, tokenizer, output, shard_tokens={SHARD_TOKENS})
except OSError as error:
    print(error.filename)
"""


def test_a_full_disk_leaves_what_is_finished(tmp_path: Path) -> None:
    # As many tokens in shorter sequences make a larger shard.
    (tmp_path / "a.txt").write_text("3 4 5 6 7 8 9 10 11 12 13 14\n" * 20_000 + "3\n" * 100_000)
    (tmp_path / "tokenizer.json").write_text(numbers(999).to_str())
    arguments = [str(tmp_path / name) for name in ("a.txt", "tokenizer.json", "corpus")]
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, *arguments], capture_output=True, text=True, check=True)
    failed = Path(ran.stdout.strip())
    assert failed.suffix in (".tmp", ".journal")
    left = contents(tmp_path / "corpus")
    assert JOURNAL in left
    assert not failed.exists() or failed.name == JOURNAL
    assert_continued(tmp_path / "a.txt", tmp_path / "corpus")


def test_text_that_was_changed_meanwhile_starts_again(tmp_path: Path, text: Path) -> None:
    stopped_by(signal.SIGKILL, text, tmp_path / "corpus")
    text.write_text("7\n" + text.read_text())
    written, told = build(text, tmp_path / "corpus")
    assert told[-1].continued == 0
    assert written == build(text, tmp_path / "undisturbed")[0]
    assert Corpus.open(tmp_path / "corpus").sequence(0).tolist() == [1, 7, 2]


def test_a_shard_that_was_damaged_meanwhile_is_written_again(tmp_path: Path, text: Path) -> None:
    output = tmp_path / "corpus"
    stopped_by(signal.SIGKILL, text, output)
    shard = output / "shard-00000.arrow.tmp"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    written, told = build(text, output)
    assert told[-1].continued == 0
    assert written == build(text, tmp_path / "undisturbed")[0]
    assert Corpus.open(output, verify="full").manifest.documents == 80_000


class Stream:
    """Documents that end with an exception after so many, and how many were asked for."""

    def __init__(self, most: int | None = None, count: int = 80_000) -> None:
        self.most, self.count, self.given = most, count, 0

    def __iter__(self) -> Iterator[str]:
        for line in lines(self.count):
            if self.given == self.most:
                raise ConnectionError("the hub is gone")
            self.given += 1
            yield line


def build_stream(stream: Stream, output: Path, key: str | None) -> list[Progress]:
    told: list[Progress] = []
    tokenize_documents(
        stream, numbers(999).to_str(), output, source="hub", threads=1, shard_tokens=SHARD_TOKENS, resume_key=key,
        progress=told.append,
    )  # fmt: skip
    return told


def test_documents_with_a_key_are_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="the hub is gone"):
        build_stream(Stream(30_000), tmp_path / "corpus", "a")
    with pytest.raises(ConnectionError, match="the hub is gone"):
        build_stream(Stream(60_000), tmp_path / "corpus", "a")
    told = build_stream(stream := Stream(), tmp_path / "corpus", "a")
    assert told[-1].continued > 30_000
    assert told[1].documents > 20_000
    assert stream.given == 80_000
    build_stream(Stream(), tmp_path / "undisturbed", None)
    assert contents(tmp_path / "corpus") == contents(tmp_path / "undisturbed")


def test_documents_without_a_key_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        build_stream(Stream(60_000), tmp_path / "corpus", None)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize("key", ["b", None])
def test_documents_of_another_key_start_again(tmp_path: Path, key: str | None) -> None:
    with pytest.raises(ConnectionError):
        build_stream(Stream(60_000), tmp_path / "corpus", "a")
    assert build_stream(Stream(), tmp_path / "corpus", key)[-1].continued == 0
    assert set(contents(tmp_path / "corpus")) == {"manifest.json", *(s.name for s in shards(tmp_path / "corpus"))}


def shards(corpus: Path) -> list[Path]:
    return [corpus / shard.name for shard in Corpus.open(corpus).manifest.shards]


def test_fewer_documents_under_the_old_key_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        build_stream(Stream(60_000), tmp_path / "corpus", "a")
    with pytest.raises(
        InputError, match=r"hub ends after 1000 documents, and the interrupted build had read \d+; pass"
    ):
        build_stream(Stream(count=1_000), tmp_path / "corpus", "a")
    assert (tmp_path / "corpus" / JOURNAL).exists()
