"""What loading and training hold in memory: a tensor once, in the dtype that is asked for, and nothing of what is cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc"
)

WORDS, WIDTH = 60_000, 768
SLACK_MIB = 24
"""Of allocators, threads and activations; each of the embeddings takes 88 MiB, and a copy of one in bf16 at least 44."""

IN_A_PROCESS = """
import gc, json, sys
from pathlib import Path
import torch
from transformers import AutoConfig, XLMRobertaConfig, XLMRobertaModel
from reldistill import PackedTokens, Registry, StudentShape
from reldistill.distillation.student import new_student, write_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill_cli.bench.anonymous_memory import AnonymousMemory

folder = Path(sys.argv[1])
config = AutoConfig.from_pretrained(folder / "one file")
adapter, needs = Registry.installed().teachers.get("xlm-r").thing, frozenset({"query", "key", "value"})
measured = {}

def keep(name, memory, model):
    tensors = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    measured[name] = memory.peak_mib, tensors / 2**20

class NoTokenizer:
    def save_pretrained(self, folder):
        pass

def student(shape, written):
    model = new_student(adapter.student_config(config, shape), seed=0)
    encoder = student_encoder(model, adapter, [shape.layers], needs)
    tokens = PackedTokens(torch.arange(32), torch.arange(2, 34), torch.tensor([0, 32], dtype=torch.int32), (32,))
    with torch.autocast("cpu", torch.bfloat16):
        encoder(tokens)
    write_student(model, NoTokenizer(), {}, folder / written)
    return model

with AnonymousMemory() as memory:
    model = student(StudentShape(2, 384), "student")
keep("student", memory, model)
for kind in ("one file", "shards", "pickled"):
    del model, memory
    gc.collect()  # an encoder and its hooks refer to each other
    with AnonymousMemory() as memory:
        model = load_teacher(folder / kind, config, adapter, [2], needs, dtype=torch.bfloat16)
    keep(kind, memory, model)
print(json.dumps(measured))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    """What was done -> MiB of anonymous memory that it added to a fresh process at its peak, MiB of the tensors it made."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=4, num_attention_heads=12, intermediate_size=WIDTH,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    model = XLMRobertaModel(config)
    model.save_pretrained(folder / "one file")
    model.save_pretrained(folder / "shards", max_shard_size="40MB")
    model.config.save_pretrained(folder / "pickled")
    torch.save(model.state_dict(), folder / "pickled" / "pytorch_model.bin")
    assert (folder / "shards" / "model.safetensors.index.json").exists()
    returned_when_freed = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # else one loading could reuse what another has left
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(folder)],
        env=os.environ | returned_when_freed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[float, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", ["one file", "shards", "pickled"])
def test_a_teacher_is_read_from_fp32_into_bf16_without_a_second_copy(
    measured: dict[str, tuple[float, float]], kind: str
) -> None:
    peak, tensors = measured[kind]
    assert tensors < (WORDS * WIDTH + 3 * 7 * WIDTH**2) * 2 / 2**20, "layers that are cut were read"
    assert 0.8 * tensors < peak < tensors + SLACK_MIB


def test_a_students_embedding_is_held_once_from_making_to_writing(measured: dict[str, tuple[float, float]]) -> None:
    """Also through the encoder that shares it, and under autocast."""
    peak, tensors = measured["student"]
    assert 0.8 * tensors < peak < tensors + SLACK_MIB
