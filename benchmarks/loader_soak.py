"""The loader under damage, forks, signals and changes of rank, for as long as tests cannot take; any failure ends it.

    python benchmarks/loader_soak.py [--parts damage,order] [--output FILE]

``damage``     10,000 flipped bits and truncations, each told before a batch of it is handed out
``processes``  1,000 children of each start method; parent and child read ahead at the same time
``threads``    1,000 children of a parent whose Python threads read meanwhile
``signals``    children killed, and what they left in shared memory; Ctrl-C and how soon it is answered
``order``      one sequence of global batches over read-ahead, ranks and resuming

Sequence s of the corpus is 1 + s mod 7 times the id 3 + s, between [CLS] and [SEP]: a wrong id is seen at once.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from reldistill_loader import Batch, Batches, Corpus, CorpusError, PackedBatch, tokenize_documents

SEQUENCES = 60_000
BLOCK_BYTES = 256 * 1024
SHARD_TOKENS = 200_000
START_METHODS = ("fork", "spawn", "forkserver")
WORLD_SIZES = (1, 2, 3, 4, 8)
READ_AHEAD = (0, 1, 2, 8)
# What takes longer than this has come to a halt.
LIMIT_SECONDS = 30

Result = dict[str, Any]


def main() -> None:
    """Run the parts and write the JSON."""
    parts: dict[str, Callable[[Path], Result]] = {
        "damage": damage,
        "processes": processes,
        "threads": threads,
        "signals": signals,
        "order": order,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=lambda names: names.split(","), default=list(parts))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "loader_soak.json")
    options = parser.parse_args()

    results: Result = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = make_corpus(Path(scratch) / "corpus")
        for name in options.parts:
            start = time.perf_counter()
            results[name] = parts[name](path)
            results[name]["seconds"] = round(time.perf_counter() - start, 1)
            print(name, json.dumps(results[name]), flush=True)
    # Nothing that reads batches needs it; with it in the process, forks would be another matter.
    assert "torch" not in sys.modules

    from reldistill_cli.bench.contest import environment

    found = {
        "command": shlex.join(["python", *sys.argv]),
        "corpus": {"sequences": SEQUENCES, "shard_tokens": SHARD_TOKENS},
        "environment": environment("numpy"),
        "results": results,
    }
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def make_corpus(path: Path) -> Path:
    """A corpus of several shards with several blocks each; gives its folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2} | {str(number): number for number in range(3, SEQUENCES + 3)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    documents = (f"{3 + number} " * (1 + number % 7) for number in range(SEQUENCES))
    tokenize_documents(documents, tokenizer.to_str(), path, source="numbers", shard_tokens=SHARD_TOKENS)
    (path.parent / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    return path


def indices_of(batch: Batch) -> list[int]:
    """Which sequences are in a batch, after a look at all of its ids."""
    for piece in batch.micro_batches(10**9):
        assert isinstance(piece, PackedBatch)
        lengths = 3 + piece.indices % 7
        expected = np.repeat(3 + piece.indices, lengths)
        expected[piece.cu_seqlens[:-1]] = 1
        expected[piece.cu_seqlens[1:] - 1] = 2
        assert np.array_equal(np.diff(piece.cu_seqlens), lengths), f"batch {batch.number} has wrong borders"
        assert np.array_equal(piece.input_ids, expected), f"batch {batch.number} has wrong ids"
    indices: list[int] = batch.indices.tolist()
    return indices


def check_some(batches: Batches, count: int, after: int | None = None) -> int:
    """Looks at the next ``count`` batches, the first of which follows number ``after``; gives the number of the last."""
    for _ in range(count):
        batch = next(batches)
        indices_of(batch)
        assert after is None or batch.number == after + 1, f"batch {batch.number} came after {after}"
        after = batch.number
    assert after is not None
    return after


@contextmanager
def limited() -> Iterator[None]:
    """Ends this process, with the stacks of its threads, if what is done takes too long."""
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


# -- damage


def damage(path: Path) -> Result:
    """Bits flipped in shards and manifest, and files cut short: what is said, and what was handed out before."""
    rng = random.Random(1)
    sound = Corpus.open(path).batches(batch_size=2, prefetch=0)
    expected = [indices_of(next(sound)) for _ in range(3000)]
    wholes = {file: file.read_bytes() for file in sorted(path.iterdir())}
    shards = [file for file in wholes if file.suffix == ".arrow"]
    manifest = path / "manifest.json"
    batches_before: list[int] = []
    for number in range(9000):
        file = manifest if number % 9 == 0 else rng.choice(shards)
        bit = rng.randrange(8 * len(wholes[file]))
        block = f"shard {file}: block {bit // 8 // BLOCK_BYTES} (bytes "
        with limited(), overwritten(file, bit // 8, bytes([wholes[file][bit // 8] ^ 1 << bit % 8])):
            told = re.escape(f"{manifest}: " if file == manifest else block)
            batches_before.append(read_until_told(path, told, expected, READ_AHEAD[number % 4]))
    for _ in range(1000):
        file = rng.choice(sorted(wholes))
        left = rng.randrange(len(wholes[file]) - 1)
        cause = "not the JSON of a manifest: " if file == manifest else f"it has {left} bytes, the manifest says "
        with limited():
            os.truncate(file, left)
            assert read_until_told(path, re.escape(f"{file}: {cause}"), expected, 2) == 0
            file.write_bytes(wholes[file])
    Corpus.open(path, verify="full")
    return {
        "flipped_bits": len(batches_before),
        "truncations": 1000,
        "told_with_file_and_block_before_their_batch": len(batches_before) + 1000,
        "told_after_right_batches": sum(count > 0 for count in batches_before),
        "most_right_batches_before": max(batches_before),
    }


@contextmanager
def overwritten(file: Path, at: int, new: bytes) -> Iterator[None]:
    """A file with other bytes for a while; the file stays the same one, as on a failing disk."""
    with file.open("r+b", buffering=0) as content:
        old = os.pread(content.fileno(), len(new), at)
        os.pwrite(content.fileno(), new, at)
        yield
        os.pwrite(content.fileno(), old, at)


def read_until_told(path: Path, told: str, expected: list[list[int]], read_ahead: int) -> int:
    """How many batches, all of them right, come before the error that says ``told``; a full verification says it too."""
    count = 0

    def read() -> None:
        nonlocal count
        batches = Corpus.open(path).batches(batch_size=2, prefetch=read_ahead)
        for indices in expected:
            assert indices_of(next(batches)) == indices, f"batch {count} is another one"
            count += 1

    for attempt in (read, lambda: Corpus.open(path, verify="full")):
        message = error_of(attempt)
        assert re.search(told, message), f"{message!r} does not say {told}"
    return count


def error_of(attempt: Callable[[], object]) -> str:
    """What is said of a corpus when something is tried with it; nothing if that works."""
    try:
        attempt()
    except CorpusError as error:
        return str(error)
    return ""


# -- processes


def processes(path: Path) -> Result:
    """Children of each start method; parent and child read ahead at the same time."""
    return {method: cycles(path, method, 1000) for method in START_METHODS}


def cycles(path: Path, method: str, count: int) -> Result:
    """Children one after the other. A forked one goes on with its parent's batches and makes some of its own."""
    context: Any = multiprocessing.get_context(method)
    corpus = Corpus.open(path)
    batches = corpus.batches(batch_size=64)
    number = check_some(batches, 3)
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        receiving, sending = context.Pipe(duplex=False)
        inherited = (batches, number) if method == "fork" else None
        child = context.Process(target=read_in_child, args=(corpus, inherited, sending))
        with limited():
            child.start()
            sending.close()
            number = check_some(batches, 5, number)
            assert receiving.poll(LIMIT_SECONDS - 5), f"a child of {method} came to a halt"
            assert receiving.recv() == "done"
            child.join()
            assert child.exitcode == 0
            number = check_some(batches, 2, number)
        receiving.close()
        seconds.append(time.perf_counter() - start)
    return {"cycles": count, "halted": 0, "seconds_each": round(median(seconds), 4), "slowest": round(max(seconds), 4)}


def read_in_child(corpus: Corpus, inherited: tuple[Batches, int] | None, sending: Connection) -> None:
    """What a child does."""
    assert "torch" not in sys.modules
    if inherited is not None:
        batches, number = inherited
        check_some(batches, 5, number)
    check_some(corpus.batches(seed=1, batch_size=64), 5)
    sending.send("done")
    sending.close()


# -- threads


def threads(path: Path) -> Result:
    """Forks while Python threads read, each batches of its own and some that they share."""
    corpus = Corpus.open(path)
    shared = corpus.batches(seed=2, batch_size=64)
    own = [corpus.batches(seed=3 + number, batch_size=64) for number in range(3)]
    stop = threading.Event()
    failures: list[BaseException] = []

    def read(batches: Batches) -> None:
        try:
            while not stop.is_set():
                indices_of(next(shared))
                check_some(batches, 1)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read, args=(batches,)) for batches in own]
    for reader in readers:
        reader.start()
    seconds = []
    for _ in range(1000):
        start = time.perf_counter()
        with limited():
            assert fork_and_read(corpus, [*own, shared]) == 0, "a child came to a halt or failed"
        seconds.append(time.perf_counter() - start)
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures, failures
    position = shared.state_dict()["next_batch"]
    return {"forks": 1000, "halted": 0, "seconds_each": round(median(seconds), 4), "batches_read_by_threads": position}


def fork_and_read(corpus: Corpus, inherited: Iterable[Batches]) -> int:
    """The status of a child that reads on where threads of its parent, which it does not have, were reading."""
    child = os.fork()
    if child == 0:
        # Whatever happens here must not run the parent's own exits.
        try:
            signal.alarm(LIMIT_SECONDS - 5)
            check_some(corpus.batches(batch_size=64), 3)
            for batches in inherited:
                check_some(batches, 2)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


# -- signals

READING = """
import itertools, sys
from reldistill_loader import Corpus
batches = Corpus.open(sys.argv[1]).batches(batch_size=256, prefetch=8)
for batch in itertools.islice(batches, 20):
    batch.micro_batches(8192)
print("ready", flush=True)
for batch in batches:
    batch.micro_batches(8192)
"""
WAITING = """
import sys
from reldistill_loader import Corpus
batches = Corpus.open(sys.argv[1]).batches(batch_size=2**24)
print("ready", flush=True)
next(batches)
"""
TOKENISING = """
import itertools, sys
from reldistill_loader import tokenize_documents
folder = sys.argv[1]
documents = ("5 6 7 8" * 20 for _ in itertools.count())
def progress(made):
    if made.documents:
        print("ready", flush=True)
tokenize_documents(documents, folder + "/../tokenizer.json", folder + "-of-tokenising", source="x", progress=progress)
"""


def signals(path: Path) -> Result:
    """SIGKILL and Ctrl-C to children at work."""
    before = set(os.listdir("/dev/shm"))
    for _ in range(20):
        with at_work(READING, path) as child:
            maps = Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8")
            assert "/dev/shm" not in maps
            child.kill()
    assert set(os.listdir("/dev/shm")) == before
    answered = {}
    for name, program in {"reading": READING, "waiting": WAITING, "tokenising": TOKENISING}.items():
        seconds = []
        for _ in range(20):
            with at_work(program, path) as child:
                start = time.perf_counter()
                child.send_signal(signal.SIGINT)
                _, errors = child.communicate(timeout=LIMIT_SECONDS)
                seconds.append(time.perf_counter() - start)
                assert "KeyboardInterrupt" in errors, errors
        assert max(seconds) < 1, f"Ctrl-C while {name} took {max(seconds):.2f} s"
        answered[name] = {"tries": 20, "median": round(median(seconds), 3), "most": round(max(seconds), 3)}
    return {"killed": 20, "left_in_shared_memory": 0, "seconds_from_ctrl_c_to_exit": answered}


@contextmanager
def at_work(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun with what it is to be disturbed at."""
    command = [
        sys.executable,
        "-c",
        "import signal; signal.signal(2, signal.default_int_handler)\n" + program,
        str(path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.2)
        yield child


# -- order


def order(path: Path) -> Result:
    """Global batches of 500 steps, however they are read, and wherever and with however many ranks a run resumes."""
    corpus, steps, batch_size = Corpus.open(path), 500, 370
    sound = corpus.batches(seed=7, batch_size=batch_size, prefetch=0)
    states, expected = [], []
    for _ in range(steps):
        states.append(sound.state_dict())
        expected.append(sorted(indices_of(next(sound))))
    assert steps * batch_size > 3 * SEQUENCES, "several epochs"

    def ranks(world_size: int, read_ahead: int) -> list[Batches]:
        return [
            corpus.batches(
                seed=7,
                batch_size=batch_size,
                rank=rank,
                world_size=world_size,
                prefetch=read_ahead,
                threads=max(1, read_ahead),
            )
            for rank in range(world_size)
        ]

    def union(all_ranks: list[Batches]) -> list[int]:
        return sorted(index for rank in all_ranks for index in indices_of(next(rank)))

    straight = resumed = 0
    for world_size in WORLD_SIZES:
        for read_ahead in READ_AHEAD:
            running = ranks(world_size, read_ahead)
            for step in range(steps):
                with limited():
                    assert all(rank.state_dict() == states[step] for rank in running), f"another state at step {step}"
                    assert union(running) == expected[step], f"{world_size} ranks differ at step {step}"
                    straight += 1
                    # The step before was the last of these ranks; another number of them goes on.
                    for other in WORLD_SIZES:
                        if other == world_size or (step + other) % 4 != READ_AHEAD.index(read_ahead):
                            continue
                        taken_up = ranks(other, read_ahead)
                        for rank in taken_up:
                            rank.load_state_dict(states[step])
                        assert union(taken_up) == expected[step], f"{other} ranks resume differently at step {step}"
                        resumed += 1
    return {
        "steps": steps,
        "epochs": round(steps * batch_size / SEQUENCES, 2),
        "world_sizes": WORLD_SIZES,
        "read_ahead_each_in_a_thread": READ_AHEAD,
        "global_batches_compared": straight,
        "resumed_with_another_world_size": resumed,
        "differences": 0,
    }


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
    main()
