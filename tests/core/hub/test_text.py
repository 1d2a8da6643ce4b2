"""Text through the real ``datasets`` client, against a stub of the Hub on loopback."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hub_stub import HubStub, child_environment
from reldistill.errors import UsageError
from reldistill.hub.text_name import WIKIPEDIA_REVISION, HubText, default_text, parse_hub_text
from reldistill.hub.text_stream import stream_documents

ROOT = Path(__file__).parents[3]
WIKIPEDIA = "wikimedia/wikipedia"
# As the real data set's card states them; the stub holds ROWS of each.
SIZES = {"en": 6_407_814, "de": 2_845_308, "sw": 78_862}
ROWS = {"en": 1_500, "de": 400, "sw": 100}
FILES = 30

STREAM = """
import dataclasses, itertools, json, sys, time
nap = time.sleep
time.sleep = lambda seconds: nap(seconds / 20)  # the clients' waits before they try again, and datasets' at the end
from reldistill.errors import ReldistillError
from reldistill.hub.text_name import HubText
from reldistill.hub.text_stream import stream_documents
answers = {}
for name, case in json.load(sys.stdin).items():
    source = HubText(**{**case["source"], "configs": tuple(case["source"].get("configs", ()))})
    try:
        documents = list(itertools.islice(stream_documents(source, seed=case["seed"]), case["limit"]))
        answers[name] = {"documents": documents, "error": "", "code": 0}
    except ReldistillError as error:
        answers[name] = {"documents": [], "error": str(error), "code": error.exit_code}
json.dump(answers, sys.stdout)
"""


@dataclass(frozen=True)
class Case:
    source: HubText
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Answer:
    documents: list[str]
    error: str
    code: int
    shares: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        counts = Counter(document.split()[0] for document in self.documents)
        object.__setattr__(self, "shares", {name: count / len(self.documents) for name, count in counts.items()})


def ask(environment: Mapping[str, str], cases: Mapping[str, Case]) -> dict[str, Answer]:
    """Stream each case in one child process, where the clients read this environment."""
    question = {
        name: {"source": vars(case.source), "seed": case.seed, "limit": case.limit} for name, case in cases.items()
    }
    child = subprocess.run(
        [sys.executable, "-c", STREAM],
        env={**environment, "PYTHONPATH": str(ROOT / "core")},
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert child.returncode == 0, child.stderr
    return {name: Answer(**answer) for name, answer in json.loads(child.stdout).items()}


def write_parquet(path: Path, columns: Mapping[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path)


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub's root: a Wikipedia in the real one's layout, and a data set whose card states nothing."""
    root = tmp_path_factory.mktemp("hub")
    wikipedia, bare = root / "datasets" / WIKIPEDIA, root / "datasets/acme/bare"
    configs, infos = "", ""
    for language, rows in ROWS.items():
        files = 3 if language == "en" else 1
        for number in range(files):
            mine = range(number * rows // files, (number + 1) * rows // files)
            columns: dict[str, list[Any]] = {name: [f"{name} {row}" for row in mine] for name in ("id", "url", "title")}
            columns["text"] = [f"{language} {row}" for row in mine]
            write_parquet(wikipedia / f"20231101.{language}/train-{number:05d}-of-{files:05d}.parquet", columns)
        configs += f"- config_name: 20231101.{language}\n  data_files:\n"
        configs += f"  - split: train\n    path: 20231101.{language}/train-*\n"
        infos += f"- config_name: 20231101.{language}\n  features:\n"
        infos += "".join(f"  - name: {name}\n    dtype: string\n" for name in ("id", "url", "title", "text"))
        infos += f"  splits:\n  - name: train\n    num_bytes: {SIZES[language] * 3_000}\n"
        infos += f"    num_examples: {SIZES[language]}\n  download_size: 1\n  dataset_size: {SIZES[language] * 3_000}\n"
    (wikipedia / "README.md").write_text(
        f"---\nlicense: cc-by-sa-3.0\nconfigs:\n{configs}dataset_info:\n{infos}---\n# Wikipedia\n"
    )

    write_parquet(
        bare / "large/train.parquet", {"text": [f"large {row} {row * 7919 % 1009:x}" for row in range(4_000)]}
    )
    write_parquet(bare / "small/train.parquet", {"text": [f"small {row}" for row in range(40)]})
    write_parquet(bare / "numbers/train.parquet", {"text": list(range(5))})
    write_parquet(bare / "gaps/train.parquet", {"text": ["gaps 0", None, "gaps 2"]})
    (bare / "broken").mkdir()
    (bare / "broken/train.parquet").write_bytes(b"PAR1 this is no parquet file PAR1")
    for number in range(FILES):  # more than are read before the first document comes
        write_parquet(
            bare / f"many/train-{number:02d}.parquet", {"text": [f"many {number}.{row}" for row in range(300)]}
        )
    names = ("large", "small", "numbers", "gaps", "broken", "many")
    card = "".join(f"- config_name: {name}\n  data_files: {name}/train*.parquet\n" for name in names)
    (bare / "README.md").write_text(f"---\nconfigs:\n{card}---\n")
    return root


def wikipedia(*languages: str, **options: Any) -> HubText:
    return HubText(WIKIPEDIA, tuple(f"20231101.{language}" for language in languages), **options)


CASES = {
    "english": Case(wikipedia("en", revision=WIKIPEDIA_REVISION)),
    "english again": Case(wikipedia("en")),
    "english, other seed": Case(wikipedia("en"), seed=1),
    "alpha 0.3": Case(wikipedia("en", "de", "sw", exponent=0.3), limit=3_000),
    "alpha 0.3 again": Case(wikipedia("en", "de", "sw", exponent=0.3), limit=200),
    "by size": Case(wikipedia("en", "de", "sw"), limit=3_000),
    "by file size": Case(HubText("acme/bare", ("large", "small"), exponent=0.5), limit=2_000),
    "gaps": Case(HubText("acme/bare", ("gaps",))),
    "numbers": Case(HubText("acme/bare", ("numbers",))),
    "broken": Case(HubText("acme/bare", ("broken",))),
    "no such column": Case(wikipedia("en", text_column="body")),
    "no such configuration": Case(wikipedia("english")),
    "no configuration": Case(HubText(WIKIPEDIA)),
    "no such split": Case(wikipedia("en", split="test")),
    "no such revision": Case(wikipedia("en", revision="v9")),
    "no such data set": Case(HubText("acme/unknown")),
}


@dataclass(frozen=True)
class Streams:
    answers: Mapping[str, Answer]
    requests: list[str]


@pytest.fixture(scope="module")
def streams(data_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Streams:
    """All cases, streamed in one child process."""
    with HubStub(data_sets, commits={WIKIPEDIA: WIKIPEDIA_REVISION}) as hub:
        answers = ask(hub.environment(tmp_path_factory.mktemp("home")), CASES)
        return Streams(answers, list(hub.requests))


def test_a_stream_gives_each_document_once_in_another_order(streams: Streams) -> None:
    documents = streams.answers["english"].documents
    in_order = [f"en {row}" for row in range(ROWS["en"])]
    assert sorted(documents) == sorted(in_order)
    assert documents != in_order


def test_the_seed_decides_the_order(streams: Streams) -> None:
    first, again, other = (
        streams.answers[name].documents for name in ("english", "english again", "english, other seed")
    )
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


def test_the_pinned_revision_is_what_is_read(streams: Streams) -> None:
    assert f"GET /api/datasets/{WIKIPEDIA}/revision/{WIKIPEDIA_REVISION}" in streams.requests
    files = [request for request in streams.requests if f"datasets/{WIKIPEDIA}/resolve/" in request]
    assert files
    assert all(f"/resolve/{WIKIPEDIA_REVISION}/" in request for request in files)


@pytest.mark.parametrize(("name", "exponent"), [("alpha 0.3", 0.3), ("by size", 1.0)])
def test_languages_are_drawn_in_proportion_to_a_power_of_their_size(
    streams: Streams, name: str, exponent: float
) -> None:
    answer = streams.answers[name]
    assert answer.code == 0, answer.error
    powers = {language: size**exponent for language, size in SIZES.items()}
    for language, power in powers.items():
        expected = power / sum(powers.values())
        deviation = math.sqrt(expected * (1 - expected) / len(answer.documents))
        assert answer.shares.get(language, 0.0) == pytest.approx(expected, abs=4 * deviation)


def test_a_mixed_stream_is_the_same_each_time(streams: Streams) -> None:
    again = streams.answers["alpha 0.3 again"].documents
    assert again == streams.answers["alpha 0.3"].documents[: len(again)]


def test_sizes_that_the_card_does_not_state_are_those_of_the_files(streams: Streams, data_sets: Path) -> None:
    powers = {
        name: math.sqrt((data_sets / "datasets/acme/bare" / name / "train.parquet").stat().st_size)
        for name in ("large", "small")
    }
    answer = streams.answers["by file size"]
    assert answer.code == 0, answer.error
    assert answer.shares["small"] == pytest.approx(powers["small"] / sum(powers.values()), abs=0.05)


def test_rows_without_text_are_left_out(streams: Streams) -> None:
    assert sorted(streams.answers["gaps"].documents) == ["gaps 0", "gaps 2"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no such column", ("no column 'body'", "id, url, title, text")),
        ("no such configuration", ("no configuration '20231101.english'", "20231101.en, 20231101.de, 20231101.sw")),
        ("no configuration", ("several configurations", "20231101.en, 20231101.de, 20231101.sw")),
        ("no such split", ("no split 'test'", "Its splits: train.")),
        ("no such revision", ("no revision 'v9'",)),
        ("no such data set", ("no data set 'acme/unknown'", "HF_TOKEN")),
        ("numbers", ("holds int, not text",)),
        ("broken", ("cannot read the data set 'acme/bare:broken'",)),
    ],
)
def test_a_mistake_is_a_data_error_that_says_what_exists(streams: Streams, name: str, parts: tuple[str, ...]) -> None:
    answer = streams.answers[name]
    assert answer.code == 3
    for part in parts:
        assert part in answer.error


def test_an_unreachable_hub_is_a_data_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    answer = ask(child_environment(endpoint, tmp_path), {"english": CASES["english"]})["english"]
    assert answer.code == 3
    for part in (
        "out of reach",
        f"no connection to {endpoint}",
        "--data PATH",
        ".jsonl",
        "load_dataset('wikimedia/wikipedia', '20231101.en', split='train'",
    ):
        assert part in answer.error


def test_offline_mode_is_named_as_the_reason(tmp_path: Path) -> None:
    environment = child_environment("http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1")
    answer = ask(environment, {"english": CASES["english"]})["english"]
    assert answer.code == 3
    assert "HF_HUB_OFFLINE is set" in answer.error


def test_a_server_that_dies_midway_is_a_data_error(data_sets: Path, tmp_path: Path) -> None:
    script = f"""
import os, sys, time
from pathlib import Path
from hub_stub import HubStub
nap = time.sleep
time.sleep = lambda seconds: nap(seconds / 200)
with HubStub(Path({str(data_sets)!r})) as hub:
    os.environ.update(hub.environment(Path({str(tmp_path)!r})))
    from reldistill.errors import DataError
    from reldistill.hub.text_name import parse_hub_text
    from reldistill.hub.text_stream import stream_documents
    seen = 0
    try:
        for document in stream_documents(parse_hub_text("acme/bare:many")):
            if seen == 0:
                hub.close()
            seen += 1
    except DataError as error:
        print(seen)
        print(error)
"""
    paths = f"{ROOT / 'core'}:{ROOT / 'tests'}"
    environment = {**child_environment("", tmp_path), "PYTHONPATH": paths}
    child = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert child.returncode == 0, child.stderr
    seen, message = child.stdout.split("\n", 1)
    assert 0 < int(seen) < FILES * 300
    assert message.startswith("lost the connection to the Hugging Face Hub while reading the data set 'acme/bare:many'")
    assert "--data PATH" in message


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("owner/name", HubText("owner/name")),
        ("owner/name:config", HubText("owner/name", ("config",))),
        ("owner/name:20231101.de+20231101.fr", HubText("owner/name", ("20231101.de", "20231101.fr"))),
        ("owner/name@refs/pr/1", HubText("owner/name", revision="refs/pr/1")),
        ("owner/name#validation", HubText("owner/name", split="validation")),
        ("owner/na-me.x:a+b@main#test", HubText("owner/na-me.x", ("a", "b"), "main", "test")),
    ],
)
def test_a_spec_is_read_and_written(spec: str, expected: HubText) -> None:
    assert parse_hub_text(spec) == expected
    assert str(expected) == spec


@pytest.mark.parametrize(
    "spec", ["", "name", "a/b/c", "a/b:", "a/b@", "a/b#", "a/b:c+", "a/b:+c", "a/b#x@y", "a b/c", "a/b:c+c"]
)
def test_another_form_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError):
        parse_hub_text(spec)


def test_default_text_is_pinned_and_reads_back() -> None:
    for family in ("bert", "roberta", "xlm-r", "camembert", "something else"):
        source = default_text(family)
        assert source.revision == WIKIPEDIA_REVISION
        assert parse_hub_text(str(source)).configs == source.configs
    assert default_text("bert").configs == ("20231101.en",)
    assert default_text("camembert").configs == ("20231101.fr",)
    assert len(default_text("xlm-r").configs) == 15
    assert default_text("xlm-r").exponent == 0.3
    assert {f"20231101.{language}" for language in ("en", "ar", "de", "es", "hi", "vi", "zh")} <= set(
        default_text("xlm-r").configs
    )


def test_importing_is_cheap() -> None:
    script = (
        "import sys, reldistill.hub.models, reldistill.hub.text_name, reldistill.hub.text_stream; "
        "print({'torch', 'datasets', 'huggingface_hub'} & set(sys.modules))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "core")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert child.stdout.strip() == "set()", child.stderr


def test_nothing_is_asked_of_the_hub_before_the_first_document() -> None:
    stream_documents(HubText("acme/unknown"))


PIN = """
import sys
from reldistill.hub.text_name import HubText
from reldistill.hub.text_stream import pinned
print(pinned(HubText(sys.argv[1])).revision)
"""


def test_text_is_pinned_to_the_commit_of_now(data_sets: Path, tmp_path: Path) -> None:
    with HubStub(data_sets) as hub:
        environment = {**hub.environment(tmp_path), "PYTHONPATH": str(ROOT / "core")}
        child = subprocess.run(
            [sys.executable, "-c", PIN, "acme/bare"], env=environment, capture_output=True, text=True, timeout=400
        )
        assert child.returncode == 0, child.stderr
        assert child.stdout.strip() == hub.commit("acme/bare")
