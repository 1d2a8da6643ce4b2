"""A compiled encoder gives the states and gradients of a plain one, and is compiled once for batches of all kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from conftest import MakeTeacher
from reldistill import PackedTokens, Registry, StudentShape, UsageError
from reldistill.distillation.student import new_student
from reldistill.encoder import Encoder, check_compiler, compile_between_attention, load_teacher, student_encoder
from tiny_models import documents, padded

KINDS = ("query", "key", "value", "hidden")
LAYERS = 3
GRAPHS = {"xlm-r": 6, "modernbert": 2}
"""Of XLM-R attention output, intermediate and output, of ModernBERT the feed-forward part (a norm by itself torch does not
compile): of teacher and student one graph each, which all layers share."""


@pytest.fixture(params=GRAPHS)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def compiler() -> Iterator[None]:
    """Compiled code of other tests is forgotten: torch keeps a count of it for each function."""
    torch._dynamo.reset()
    try:
        check_compiler(torch.device("cpu"))
    except UsageError as error:
        pytest.skip(f"waits for a compiler: {error}")
    yield
    torch._dynamo.reset()


def batches(folder: Path, family: str) -> list[PackedTokens]:
    """Of different numbers of tokens, sequences and lengths."""
    tokenizer, adapter = AutoTokenizer.from_pretrained(folder), Registry.installed().teachers.get(family).thing
    offset = adapter.position_offset(AutoConfig.from_pretrained(folder))
    texts = documents(12)
    parts = (texts[:3], texts[3:4], texts[4:9], texts[9:], texts[:12])
    return [PackedTokens.from_padded(*padded(tokenizer, part), offset) for part in parts]


def make_teacher(folder: Path, family: str, *, compiled: bool, dtype: torch.dtype = torch.float32) -> Encoder:
    adapter = Registry.installed().teachers.get(family).thing
    config = AutoConfig.from_pretrained(folder)
    # Two layers are looked at, so that one of them is whole and has hooks inside.
    encoder = load_teacher(folder, config, adapter, [2, LAYERS], frozenset(KINDS), dtype=dtype, attention="native")
    if compiled:
        compile_between_attention(encoder, adapter)
    return encoder


def make_student(folder: Path, family: str, *, compiled: bool) -> Encoder:
    adapter = Registry.installed().teachers.get(family).thing
    config = adapter.student_config(AutoConfig.from_pretrained(folder), StudentShape(2, 12, 3))
    encoder = student_encoder(new_student(config, seed=1), adapter, [2], frozenset(KINDS[:3]), attention="native")
    if compiled:
        compile_between_attention(encoder, adapter)
    return encoder


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_compiled_teacher_gives_the_same_states(teacher: MakeTeacher, family: str, dtype: torch.dtype) -> None:
    folder = teacher(family, layers=LAYERS)
    plain, compiled = (make_teacher(folder, family, compiled=on, dtype=dtype) for on in (False, True))
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    with torch.no_grad():
        for batch in batches(folder, family):
            expected, found = plain(batch), compiled(batch)
            for layer in (2, LAYERS):
                for kind in KINDS:
                    torch.testing.assert_close(
                        found[layer].require(kind), expected[layer].require(kind), rtol=tolerance, atol=tolerance
                    )


def test_a_compiled_student_has_the_same_gradients_under_the_same_names(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    plain, compiled = (make_student(folder, family, compiled=on).eval() for on in (False, True))
    for batch in batches(folder, family):
        for student in (plain, compiled):
            states = student(batch)[2]
            sum(states.require(kind).square().sum() for kind in KINDS[:3]).backward()
    expected, found = (dict(student.named_parameters()) for student in (plain, compiled))
    assert list(found) == list(expected)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for name, parameter in expected.items():
        torch.testing.assert_close(found[name].grad, parameter.grad, rtol=1e-4, atol=1e-4)


def test_nothing_is_compiled_again_for_a_batch_of_other_lengths(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    ours, theirs = make_student(folder, family, compiled=True).train(), make_teacher(folder, family, compiled=True)
    counters = torch._dynamo.utils.counters
    counters.clear()
    graphs = []
    for batch in batches(folder, family):
        with torch.no_grad():
            theirs(batch)
        with torch.autocast("cpu", torch.bfloat16):
            states = ours(batch)[2]
        states.require("query").float().sum().backward()
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs == [GRAPHS[family]] * len(graphs)


def test_dropout_of_a_compiled_student_is_that_of_its_seed(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    student, batch = make_student(folder, family, compiled=True).train(), batches(folder, family)[0]
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(student(batch)[2].require("query").detach())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path) -> None:
    check = "import torch; from reldistill.encoder import check_compiler; check_compiler(torch.device('cpu'))"
    nowhere = {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", check], env=os.environ | nowhere, capture_output=True, text=True, check=False
    )
    assert "UsageError: --compile: torch cannot compile here: " in done.stderr
    assert "no-such-compiler" in done.stderr
    assert "install g++ or clang, or name yours in CXX" in done.stderr
