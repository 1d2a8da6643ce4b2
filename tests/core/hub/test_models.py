"""A model through the real Hub client, against a stub of the Hub on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub_stub import TOKEN, HubStub, child_environment

CORE = Path(__file__).parents[3] / "core"
FETCH = f"""
import sys
sys.path.insert(0, {str(CORE)!r})
from reldistill.errors import ReldistillError
from reldistill.hub.models import fetch_config, fetch_model
try:
    fetch = fetch_config if sys.argv[3] == "config" else fetch_model
    print(fetch(sys.argv[1], revision=sys.argv[2] or None))
except ReldistillError as error:
    print(f"{{type(error).__name__}}: {{error}}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    folder: Path
    message: str
    seconds: float


def fetch(environment: Mapping[str, str], repo_id: str, revision: str = "", what: str = "model") -> Outcome:
    """Call ``fetch_model`` or ``fetch_config`` in a child process, where the client reads this environment."""
    start = time.monotonic()
    command = [sys.executable, "-c", FETCH, repo_id, revision, what]
    child = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=300)
    return Outcome(child.returncode, Path(child.stdout.strip()), child.stderr, time.monotonic() - start)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub's root with the repositories that these tests read."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel

    root = tmp_path_factory.mktemp("hub")
    whole, sharded = root / "models/acme/tiny-bert", root / "models/acme/sharded-bert"
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])}
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    model = BertModel(config)
    model.save_pretrained(whole)
    model.save_pretrained(sharded, max_shard_size="3KB")
    for folder in (whole, sharded):
        Tokenizer(WordPiece(words, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    assert len(load_file(whole / "model.safetensors")) == len(model.state_dict())
    assert len(list(sharded.glob("model-*.safetensors"))) > 1
    for unwanted in (
        "pytorch_model.bin",
        "tf_model.h5",
        "flax_model.msgpack",
        "README.md",
        "onnx/model.onnx",
        "other.safetensors",
    ):
        (whole / unwanted).parent.mkdir(exist_ok=True)
        (whole / unwanted).write_text("not wanted")
    _copy(whole, root / "models/acme/old-bert", ("config.json", "tokenizer.json", "pytorch_model.bin", "tf_model.h5"))
    _copy(whole, root / "models/acme/gated-bert", ("config.json", "tokenizer.json", "model.safetensors"))
    (root / "models/acme/gated-bert/.gated").touch()
    _copy(whole, root / "models/acme/flax-bert", ("config.json", "tokenizer.json", "flax_model.msgpack"))
    return root


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    target.mkdir(parents=True)
    for name in names:
        (target / name).write_bytes((source / name).read_bytes())


@pytest.fixture
def closed_endpoint() -> str:
    """An address where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_a_model_is_fetched_without_other_formats_and_loads(models: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    with HubStub(models) as hub:
        outcome = fetch(hub.environment(tmp_path), "acme/tiny-bert")
        assert hub.downloads() == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert outcome.code == 0, outcome.message
    assert sorted(path.name for path in outcome.folder.iterdir()) == hub.downloads()
    assert AutoModel.from_pretrained(outcome.folder, local_files_only=True).config.hidden_size == 8
    assert AutoTokenizer.from_pretrained(outcome.folder, local_files_only=True)("a b")["input_ids"] == [2, 5, 6, 3]


def test_a_second_fetch_downloads_nothing_and_works_offline(models: Path, tmp_path: Path, closed_endpoint: str) -> None:
    with HubStub(models) as hub:
        first = fetch(hub.environment(tmp_path), "acme/tiny-bert")
        hub.requests.clear()
        again = fetch(hub.environment(tmp_path), "acme/tiny-bert")
        assert hub.downloads() == []
        offline = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "acme/tiny-bert")
        pinned = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "acme/tiny-bert", hub.commit("acme/tiny-bert"))
    unreachable = fetch(child_environment(closed_endpoint, tmp_path), "acme/tiny-bert")
    outcomes = (first, again, offline, pinned, unreachable)
    assert {outcome.folder for outcome in outcomes} == {first.folder}, [outcome.message for outcome in outcomes]


def test_all_shards_and_their_index_are_fetched_and_each_is_needed_offline(models: Path, tmp_path: Path) -> None:
    with HubStub(models) as hub:
        outcome = fetch(hub.environment(tmp_path), "acme/sharded-bert")
        shards = sorted(path.name for path in (models / "models/acme/sharded-bert").glob("model-*.safetensors"))
        assert outcome.code == 0, outcome.message
        assert set(shards) | {"model.safetensors.index.json"} <= set(hub.downloads())
        offline = hub.environment(tmp_path, HF_HUB_OFFLINE="1")
        assert fetch(offline, "acme/sharded-bert").folder == outcome.folder
        (outcome.folder / shards[-1]).unlink()
        incomplete = fetch(offline, "acme/sharded-bert")
    assert incomplete.code == 2
    assert "HF_HUB_OFFLINE is set" in incomplete.message
    assert f"missing: {shards[-1]}" in incomplete.message


@pytest.mark.parametrize(
    ("lost", "named"), [("config.json", "config.json"), ("tokenizer_config.json", "tokenizer files")]
)
def test_an_incomplete_cache_is_refused_offline_and_completed_online(
    models: Path, tmp_path: Path, lost: str, named: str
) -> None:
    with HubStub(models) as hub:
        outcome = fetch(hub.environment(tmp_path), "acme/tiny-bert")
        (outcome.folder / lost).unlink()
        incomplete = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "acme/tiny-bert")
        assert incomplete.code == 2
        assert "holds only a part of it" in incomplete.message
        assert named in incomplete.message
        assert fetch(hub.environment(tmp_path), "acme/tiny-bert").code == 0
    assert (outcome.folder / lost).is_file()


def test_pickled_weights_are_taken_where_there_are_no_others(models: Path, tmp_path: Path) -> None:
    with HubStub(models) as hub:
        assert fetch(hub.environment(tmp_path), "acme/old-bert").code == 0
        assert hub.downloads() == ["config.json", "pytorch_model.bin", "tokenizer.json"]


def test_an_unreachable_hub_is_one_message_within_ten_seconds(tmp_path: Path, closed_endpoint: str) -> None:
    outcome = fetch(child_environment(closed_endpoint, tmp_path), "acme/tiny-bert")
    assert outcome.code == 2
    assert outcome.seconds < 10
    assert outcome.message.startswith("UsageError: cannot fetch the model 'acme/tiny-bert'")
    assert f"no connection to {closed_endpoint}" in outcome.message
    for advice in ("--teacher", "--data PATH", "hf download acme/tiny-bert --local-dir DIR"):
        assert advice in outcome.message
    assert "Traceback" not in outcome.message


def test_a_hub_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:  # accepts connections into its queue and says nothing, as some firewalls do
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = fetch(child_environment(endpoint, tmp_path), "acme/tiny-bert")
    assert outcome.code == 2
    assert outcome.seconds < 15
    assert "is out of reach" in outcome.message


@pytest.mark.parametrize(
    ("repo_id", "revision", "expected"),
    [
        ("acme/unknown", "", "there is no model 'acme/unknown' on the Hugging Face Hub, or it is private"),
        ("acme/tiny-bert", "v9", "the model 'acme/tiny-bert' has no revision 'v9'"),
        ("acme/gated-bert", "", "the model 'acme/gated-bert' is gated"),
        ("acme/flax-bert", "", "the model 'acme/flax-bert' has no weights"),
        ("a/b/c", "", "'a/b/c' is neither a folder nor the name of a model on the Hub"),
    ],
)
def test_what_the_hub_does_not_give_is_one_message(
    models: Path, tmp_path: Path, repo_id: str, revision: str, expected: str
) -> None:
    with HubStub(models) as hub:
        outcome = fetch(hub.environment(tmp_path), repo_id, revision)
    assert outcome.code == 2
    assert outcome.message.startswith(f"UsageError: {expected}")
    assert "Traceback" not in outcome.message
    if "private" in expected or "gated" in expected:
        assert "HF_TOKEN" in outcome.message


def test_a_token_opens_a_gated_model(models: Path, tmp_path: Path) -> None:
    with HubStub(models) as hub:
        outcome = fetch(hub.environment(tmp_path, HF_TOKEN=TOKEN), "acme/gated-bert")
    assert outcome.code == 0, outcome.message


# ---- a configuration alone ----------------------------------------------------------------------------------------


def test_of_a_configuration_nothing_else_is_fetched_and_it_serves_offline(
    models: Path, tmp_path: Path, closed_endpoint: str
) -> None:
    with HubStub(models) as hub:
        first = fetch(hub.environment(tmp_path), "acme/tiny-bert", what="config")
        assert hub.downloads() == ["config.json"]
        assert first.code == 0, first.message
        offline = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "acme/tiny-bert", what="config")
        model = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "acme/tiny-bert")
    unreachable = fetch(child_environment(closed_endpoint, tmp_path), "acme/tiny-bert", what="config")
    assert [path.name for path in first.folder.iterdir()] == ["config.json"]
    assert {offline.folder, unreachable.folder} == {first.folder}
    # It is not taken for a copy of the model.
    assert model.code == 2
    assert "missing: tokenizer" in model.message


def test_a_configuration_that_is_nowhere_is_one_message(models: Path, tmp_path: Path, closed_endpoint: str) -> None:
    outcome = fetch(child_environment(closed_endpoint, tmp_path), "acme/tiny-bert", "v9", what="config")
    assert outcome.code == 2
    for part in (
        "configuration of 'acme/tiny-bert' at revision 'v9'",
        "out of reach",
        "does not hold it",
        "local folder",
    ):
        assert part in outcome.message


def test_a_repository_without_a_configuration_and_one_that_is_not_there_are_named(models: Path, tmp_path: Path) -> None:
    (models / "models/acme/empty").mkdir(parents=True)
    (models / "models/acme/empty/README.md").write_text("nothing")
    with HubStub(models) as hub:
        empty = fetch(hub.environment(tmp_path), "acme/empty", what="config")
        unknown = fetch(hub.environment(tmp_path), "acme/none", what="config")
    assert empty.code == unknown.code == 2
    assert "the model 'acme/empty' has no config.json" in empty.message
    assert "there is no model 'acme/none'" in unknown.message
