"""The formulas against what torch counts while the real encoders and the real loss run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, ModernBertConfig, PretrainedConfig, RobertaConfig, XLMRobertaConfig

from reldistill import AttentionStates, PackedTokens, PairRelation, Registry, StudentShape, relation_loss
from reldistill.cost import (
    EncoderSize,
    LossSize,
    ModelSize,
    StepSize,
    encoder_backward_flops,
    encoder_forward_flops,
    loss_flops,
    pairs_seen,
    plain_loss_flops,
    step_flops,
)
from reldistill.distillation.student import new_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill.states import cumulative_lengths

REGISTRY = Registry.installed()
NINE = {provided.name: provided.thing for provided in REGISTRY.relations}
STATES = ("query", "key", "value")
CONFIGS: dict[str, Callable[..., PretrainedConfig]] = {
    "bert": BertConfig,
    "roberta": RobertaConfig,
    "xlm-r": XLMRobertaConfig,
}
# A prime for each dimension, so that one taken for another is noticed.
LENGTHS_OF_BATCH = (3, 13, 1, 29)
TOKENS, SQUARES = sum(LENGTHS_OF_BATCH), sum(n * n for n in LENGTHS_OF_BATCH)


def config(family: str, *, layers: int = 5) -> PretrainedConfig:
    return CONFIGS[family](
        vocab_size=101, hidden_size=7 * 11, num_attention_heads=7, num_hidden_layers=layers, intermediate_size=67,
        max_position_embeddings=47, type_vocab_size=2, pad_token_id=0,
    )  # fmt: skip


def batch() -> PackedTokens:
    positions = torch.cat([torch.arange(n) for n in LENGTHS_OF_BATCH])
    ends = cumulative_lengths(LENGTHS_OF_BATCH, torch.device("cpu"))
    return PackedTokens(torch.randint(1, 101, (TOKENS,)), positions, ends, LENGTHS_OF_BATCH)


def counted(run: Any) -> tuple[int, Any]:
    with FlopCounterMode(display=False) as counter:
        result = run()
    return counter.get_total_flops(), result


@pytest.mark.parametrize("needs", [STATES, ("query",), ("key", "value"), ("hidden",)])
@pytest.mark.parametrize("layer", [1, 2, 4, 5])
def test_a_teacher_computes_what_the_formula_says(tmp_path: Any, layer: int, needs: Sequence[str]) -> None:
    adapter, of = REGISTRY.teachers.get("bert").thing, config("bert")
    new_student(of, 0).save_pretrained(tmp_path)
    teacher = load_teacher(tmp_path, of, adapter, [layer], frozenset(needs), attention="eager")
    with torch.no_grad():
        operations, _ = counted(lambda: teacher(batch()))
    size = EncoderSize(ModelSize.of(of), layer, len(set(needs) - {"hidden"}))
    assert operations == encoder_forward_flops(size, TOKENS, SQUARES).total


@pytest.mark.parametrize("needs", [STATES, ("value",)])
@pytest.mark.parametrize("layers", [[1], [4], [2, 4]])
@pytest.mark.parametrize("family", CONFIGS)
def test_a_student_computes_what_the_formula_says_in_both_directions(
    family: str, layers: list[int], needs: Sequence[str]
) -> None:
    adapter = REGISTRY.teachers.get(family).thing
    of = adapter.student_config(config(family), StudentShape(4, 5 * 11, 5, 61))
    student = student_encoder(new_student(of, 0), adapter, layers, frozenset(needs), attention="eager").train()
    operations, states = counted(lambda: student(batch()))
    total = sum(state.sum() for _, state in states[max(layers)].present())
    backward, _ = counted(total.backward)
    size = EncoderSize(ModelSize.of(of), max(layers), len(needs))
    assert operations == encoder_forward_flops(size, TOKENS, SQUARES).total
    # A sum's gradient reaches all of them, down to the embeddings.
    assert backward == encoder_backward_flops(size, TOKENS, SQUARES).total
    assert all(parameter.grad is not None for parameter in student.parameters())


@pytest.mark.parametrize("layers", [[1], [4], [2, 4]])
def test_a_modernbert_computes_what_the_formula_says_in_both_directions(layers: list[int]) -> None:
    """With a window that no sequence is longer than: those that it leaves out torch computes and the formula does not."""
    adapter = REGISTRY.teachers.get("modernbert").thing
    teacher = ModernBertConfig(
        vocab_size=101, hidden_size=7 * 22, num_attention_heads=7, pad_token_id=0, local_attention=58
    )
    of = adapter.student_config(teacher, StudentShape(4, 5 * 22, 5, 61))
    student = student_encoder(new_student(of, 0), adapter, layers, frozenset(STATES), attention="eager").train()
    operations, states = counted(lambda: student(batch()))
    total = sum(state.sum() for _, state in states[max(layers)].present())
    backward, _ = counted(total.backward)
    size = EncoderSize(ModelSize.of(of), max(layers))
    assert operations == encoder_forward_flops(size, TOKENS, SQUARES).total
    assert backward == encoder_backward_flops(size, TOKENS, SQUARES).total
    assert all(parameter.grad is not None for parameter in student.parameters())


@pytest.mark.parametrize("reach", [0, 1, 5, 12, 13, 14, 40])
@pytest.mark.parametrize("sequences", [1, 3])
def test_pairs_that_a_window_leaves(reach: int, sequences: int) -> None:
    length = 13
    place = torch.arange(length)
    seen = int(((place[:, None] - place).abs() <= reach).sum())
    assert pairs_seen(sequences * length, sequences * length**2, reach) == pytest.approx(sequences * seen)


def test_layers_with_a_window_do_fewer_products() -> None:
    config = ModernBertConfig(
        num_hidden_layers=4
    )  # the third and the second of three have windows of 64 to either side
    size = EncoderSize(ModelSize.of(config), 4)
    products = encoder_forward_flops(size, 512, 512 * 512).attention_products
    assert products == 4 * 768 * (512 * 512 + 2 * (512 * 129 - 64 * 65))


def test_each_part_of_a_layer_is_what_its_modules_compute() -> None:
    adapter, of = REGISTRY.teachers.get("bert").thing, config("bert", layers=3)
    student = student_encoder(new_student(of, 0), adapter, [3], frozenset(STATES), attention="eager")
    with FlopCounterMode(display=False) as counter:
        student(batch())
    by_module = {name: sum(parts.values()) for name, parts in counter.get_flop_counts().items()}

    def of_modules(*ends: str) -> int:
        return sum(flops for name, flops in by_module.items() if name.endswith(ends))

    flops = encoder_forward_flops(EncoderSize(ModelSize.of(of), 3), TOKENS, SQUARES)
    last = [f"layer.2.attention.self.{state}" for state in STATES]
    assert flops.last_projections == of_modules(*last)
    whole = [
        f"layer.{n}.attention.{m}" for n in (0, 1) for m in ("self.query", "self.key", "self.value", "output.dense")
    ]
    assert flops.attention_projections == of_modules(*whole)
    assert flops.feed_forward == of_modules("0.intermediate", "0.output", "1.intermediate", "1.output")
    assert flops.embeddings == of_modules("embeddings") == 0


# ---- loss -----------------------------------------------------------------------------------------------------------


def states(width: int, *, requires_grad: bool) -> AttentionStates:
    query, key, value = (torch.randn(TOKENS, width, dtype=torch.float64, requires_grad=requires_grad) for _ in STATES)
    ends = cumulative_lengths(LENGTHS_OF_BATCH, torch.device("cpu"))
    return AttentionStates(query, key, value, None, ends, LENGTHS_OF_BATCH)


@pytest.mark.parametrize("names", [["qq"], ["qk"], ["qq", "kk", "vv"], list(NINE)], ids=",".join)
def test_the_plain_count_is_what_the_reference_computes(names: list[str]) -> None:
    teacher, student = states(7 * 11, requires_grad=False), states(7 * 5, requires_grad=True)
    relations = {NINE[name]: 1.0 for name in names}
    forward, loss = counted(lambda: relation_loss(teacher, student, relations, 7, kernel="reference"))
    backward, _ = counted(loss.total.backward)
    plain = plain_loss_flops(77, 35, len(names), SQUARES)
    assert forward == plain.forward
    assert backward == plain.backward


@pytest.mark.parametrize(
    ("names", "alike", "crossed"),
    [("qq kk vv", 3, 0), ("qk", 0, 1), ("qk kq", 0, 1), ("qk kq qv", 0, 2), (" ".join(NINE), 3, 3)],
)
def test_a_relation_and_its_mirror_count_once(names: str, alike: int, crossed: int) -> None:
    chosen = [NINE[name] for name in names.split()]
    assert LossSize.of(chosen, 77, 35) == LossSize(77, 35, alike, crossed)
    assert LossSize.of(chosen, 77, 35, layer_pairs=3) == LossSize(77, 35, 3 * alike, 3 * crossed)


def test_a_relation_under_a_second_name_has_the_same_products() -> None:
    again = PairRelation("again", "query", "query")
    assert LossSize.of([NINE["qq"], again], 77, 35) == LossSize(77, 35, 1)


@pytest.mark.parametrize("names", ["qq", "qk", "qk kq", "qq kk vv", " ".join(NINE)])
def test_the_necessary_products_suffice_for_the_gradient(names: str) -> None:
    """Written with these products alone, the gradient is the reference's. Only the half of symmetric logits that a
    full product computes in vain, ``(S - T)·D``, is more than the formula says."""
    teacher, student = states(7 * 11, requires_grad=False), states(7 * 5, requires_grad=True)
    relations = {NINE[name]: 1.0 + 0.5 * number for number, name in enumerate(names.split())}
    relation_loss(teacher, student, relations, 7, kernel="reference").total.backward()
    operations, gradients = counted(lambda: frugal_gradients(teacher, student, relations, 7))
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, student.require(name).grad)
    size = LossSize.of(relations, 77, 35)
    in_vain = size.self_relations * (SQUARES - TOKENS) * (77 + 35)
    assert operations - in_vain == loss_flops(size, TOKENS, SQUARES).total


def frugal_gradients(
    teacher: AttentionStates, student: AttentionStates, relations: dict[Any, float], heads: int
) -> dict[str, Tensor]:
    """Each product once: logits for each unordered pair of projections, one or two products for their gradients."""
    gradients: dict[str, Tensor] = {}
    for pair in {tuple(sorted(relation.needs)) for relation in relations}:
        first, second = pair[0], pair[-1]
        for start, end in student.spans():
            parts = [states.sequence(start, end) for states in (teacher, student)]
            split = [
                [part.require(n).detach().unflatten(-1, (heads, -1)).transpose(0, 1) for n in (first, second)]
                for part in parts
            ]
            theirs, ours = (left @ right.mT / left.shape[-1] ** 0.5 for left, right in split)
            slope = torch.zeros_like(ours)  # of the logits, first by second
            for relation, weight in relations.items():
                if tuple(sorted(relation.needs)) != pair:
                    continue
                share = weight / (heads * (end - start) * len(student.lengths))
                mirrored = relation.left != first
                rows = [logits.mT if mirrored else logits for logits in (theirs, ours)]
                difference = (rows[1].softmax(-1) - rows[0].softmax(-1)) * share
                slope += difference.mT if mirrored else difference
            left, right = split[1]
            slope /= left.shape[-1] ** 0.5
            one_product = first == second
            found = {first: (slope + slope.mT if one_product else slope) @ right}
            if not one_product:
                found[second] = slope.mT @ left
            for name, part in found.items():
                whole = gradients.setdefault(
                    name, torch.zeros(student.tokens, part.shape[0] * part.shape[2], dtype=part.dtype)
                )
                whole[start:end] += part.transpose(0, 1).flatten(1)
    return gradients


def test_nine_relations_cost_nearly_three_times_the_three_of_the_paper() -> None:
    three, nine = (loss_flops(LossSize(77, 35, 3, crossed), 10, 10 * 512).total for crossed in (0, 3))
    assert nine == pytest.approx(3 * three, rel=1e-2)


def test_a_step_is_the_sum_of_its_parts_and_figures_a_token_are_those_of_all_over_their_number() -> None:
    model = ModelSize(101, 47, 2, 5, 77, 67, 7)
    size = StepSize(EncoderSize(model, 4), EncoderSize(model, 2, 1), LossSize(77, 77, 2, 1))
    whole, each = step_flops(size, TOKENS, SQUARES), step_flops(size, 1, SQUARES / TOKENS)
    assert whole.total == (
        encoder_forward_flops(size.teacher, TOKENS, SQUARES).total
        + 3 * encoder_forward_flops(size.student, TOKENS, SQUARES).total
        + loss_flops(size.loss, TOKENS, SQUARES).total
    )
    assert each.total * TOKENS == pytest.approx(whole.total)


def test_counting_needs_no_torch() -> None:
    program = "import sys, reldistill.cost; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
