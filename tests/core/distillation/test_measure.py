"""The loss of students that exist: the very number of a distillation, the same for all who are measured together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig, BertModel, GPT2Config, XLMRobertaModel

from conftest import MakeTeacher
from distilbert_plugin import DISTILBERT, make_distilbert
from hostile_plugins import PluginFolder
from reldistill import AttentionStates, CheckpointError, DataError, DistillConfig, Registry, UsageError, relation_loss
from reldistill.distillation import Measurement, measure_students
from short_runs import Listener, configure, run
from tiny_models import documents, make_teacher, make_tokenizer, write_text

# Shape letters: T tokens of a sequence, D width of a projection.

INPUTS = """
from reldistill import hookimpl

class Inputs:
    name = "inputs"
    needs = frozenset({"hidden"})

    def logits(self, states, relation_heads):
        parts = states.hidden.unflatten(-1, (relation_heads, -1)).transpose(0, 1)
        return parts @ parts.transpose(1, 2) / parts.shape[-1] ** 0.5

@hookimpl
def reldistill_relations():
    return [Inputs()]
"""


def measure(config: DistillConfig, models: list[Path], data: list[Path], **options: Any) -> Measurement:
    return measure_students(config, [str(model) for model in models], [str(text) for text in data], **options)


def untrained(folder: Path, teacher: Path, *, layers: int = 2, width: int = 12, seed: int = 7, **sizes: Any) -> Path:
    """A student of the teacher's family with random weights of another seed than the one that is measured against."""
    config: Any = AutoConfig.from_pretrained(teacher)
    config.update(
        {"num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": 3, "intermediate_size": 24, **sizes}
    )
    torch.manual_seed(seed)
    AutoModel.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", ["bert", "xlm-r", "modernbert"])
def test_the_loss_is_the_one_that_the_distillation_reports_for_its_student(
    teacher: MakeTeacher, text: Path, here: Path, family: str
) -> None:
    held_out = write_text(here / "held-out.txt", 20)
    config = configure(teacher(family, layers=3), text, validation=(str(held_out),), relations="qq,kv=0.5", steps=5)
    result = run(config)
    (found,) = measure(config, [result.student], [held_out]).losses
    measured = {"loss": found.loss, **{f"loss/{name}": value for name, value in found.by_relation.items()}}
    assert measured == pytest.approx(result.validation["after"], rel=1e-6)
    assert found.untrained == pytest.approx(result.validation["before"]["loss"], rel=1e-6)
    assert found.share == pytest.approx(found.loss / result.validation["before"]["loss"], rel=1e-6)


def test_students_that_are_measured_together_have_the_losses_of_each_alone(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("bert", layers=3)
    students = [untrained(here / "small", folder), untrained(here / "deep", folder, layers=3, width=24)]
    texts = [write_text(here / "a.txt", 15), write_text(here / "b.txt", 25)]
    config = configure(folder, text, relation_heads=6)
    together = measure(config, students, texts).losses
    assert [(loss.text, loss.model) for loss in together] == [(str(t), str(s)) for t in texts for s in students]
    alone = [loss for t in texts for s in students for loss in measure(config, [s], [t]).losses]
    assert list(together) == alone
    assert together[0].loss != together[1].loss


def test_students_of_one_shape_share_the_untrained_one(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    students = [untrained(here / str(seed), folder, seed=seed) for seed in (1, 0)]
    first, second = measure(configure(folder, text), students, [text]).losses
    assert first.untrained == second.untrained
    assert second.share == 1.0  # seed 0 is the one that is measured against
    assert first.share != 1.0


def test_of_the_teacher_itself_nothing_is_lost(text: Path, here: Path) -> None:
    folder = make_teacher(here / "teacher", "roberta", layers=3, seed=5)
    (found,) = measure(configure(folder, text, layers="last", relation_heads=4), [folder], [text]).losses
    assert found.loss == pytest.approx(0, abs=1e-5)
    assert found.untrained is not None
    assert found.untrained > 0.01


def test_the_size_of_the_parts_changes_nothing(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder)
    whole, parts = (
        measure(configure(folder, text, micro_batch_tokens=tokens), [student], [text]).losses[0].loss
        for tokens in (4096, 50)
    )
    assert parts == pytest.approx(whole, rel=1e-5)


def test_at_most_so_many_sequences_are_drawn_the_same_each_time(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student, config = untrained(here / "student", folder), configure(folder, text)
    some, again, most, everything = (
        measure(config, [student], [text], sequences=count).losses[0] for count in (10, 10, 10_000, 0)
    )
    assert some.sequences == 10
    assert some == again
    assert everything == most
    assert everything.sequences > 100
    assert some.loss != everything.loss
    first = here / "first.txt"  # drawn from all of it, not its beginning
    first.write_text("\n".join(documents(120)[:10]) + "\n")
    assert measure(config, [student], [first]).losses[0].tokens != some.tokens


def test_without_the_untrained_student_there_is_no_share(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    found = measure(configure(folder, text), [untrained(here / "student", folder)], [text], against_untrained=False)
    assert (found.losses[0].untrained, found.losses[0].share) == (None, None)
    assert not {"untrained", "share"} & found.describe()["losses"][0].keys()


def test_without_a_model_it_is_the_last_distilled_student(teacher: MakeTeacher, text: Path, here: Path) -> None:
    config = configure(teacher("bert", layers=3), text, steps=1)
    result = run(config)
    (student,) = measure(config, [], [text]).students
    assert Path(student.name) == result.student


def test_a_student_of_another_family_stands_at_the_positions_of_its_own(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("xlm-r", layers=3)  # its positions begin with 2, BERT's with 0
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(3)
    ours: Any = BertModel(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=24,
            max_position_embeddings=64, initializer_range=0.5,
        )
    ).eval()  # fmt: skip
    ours.save_pretrained(here / "student")
    tokenizer.save_pretrained(here / "student")
    theirs: Any = XLMRobertaModel.from_pretrained(folder).eval()
    line = documents(1)[0]
    (here / "line.txt").write_text(line + "\n")
    config = configure(folder, text, relations="qq,vv", relation_heads=3, layers="last", max_length=60)
    (found,) = measure(config, [here / "student"], [here / "line.txt"]).losses
    assert found.sequences == 1

    encoded = tokenizer(line, return_tensors="pt")
    assert found.tokens == encoded["input_ids"].shape[1]

    def states(model: Any, last: int) -> AttentionStates:
        """``[T, D]``, as transformers computes them."""
        with torch.no_grad():
            hidden = model(**encoded, output_hidden_states=True).hidden_states[last - 1][0]
            part = model.encoder.layer[last - 1].attention.self
            ends = torch.tensor([0, len(hidden)], dtype=torch.int32)
            return AttentionStates(part.query(hidden), part.key(hidden), part.value(hidden), None, ends)

    encoded.pop("token_type_ids", None)
    relations = {Registry.installed().relations.get(name).thing: 1.0 for name in ("qq", "vv")}
    expected = relation_loss(states(theirs, 3), states(ours, 2), relations, 3, kernel="reference")
    assert found.loss == pytest.approx(float(expected.total), rel=1e-4)


def test_a_student_of_a_plugins_family_is_measured_as_it_was_validated(here: Path, text: Path) -> None:
    """Its configuration has other names, its relations other states than query, key and value."""
    folder = make_distilbert(here / "distilbert")
    with PluginFolder(here / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        plugins.add("inputs", INPUTS)
        config = configure(folder, text, validation=(str(text),), relations="inputs,vv", relation_heads=3, steps=2)
        result = run(config)
        (found,) = measure(config, [result.student], [text]).losses
    assert found.loss == pytest.approx(result.validation["after"]["loss"], rel=1e-6)
    assert found.by_relation["inputs"] == pytest.approx(result.validation["after"]["loss/inputs"], rel=1e-6)
    assert found.untrained == pytest.approx(result.validation["before"]["loss"], rel=1e-6)


def test_torchs_generator_is_left_as_it_was(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder)
    before = torch.get_rng_state()
    measure(configure(folder, text), [student], [text])
    assert torch.equal(torch.get_rng_state(), before)


def test_relation_heads_that_are_left_open_divide_the_widths_of_all(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("bert", layers=3)
    students = [untrained(here / str(width), folder, width=width) for width in (12, 18)]
    listener = Listener()
    found = measure(configure(folder, text), students, [text], reporter=listener)
    assert found.relation_heads == 6
    assert listener.notes == ["relation heads: 6, because the default of 48 does not divide the widths 24, 12, 18"]


def test_students_at_other_layers_of_the_teacher_are_said_not_to_be_comparable(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("bert", layers=3)
    students = [untrained(here / str(layers), folder, layers=layers) for layers in (1, 3)]
    listener = Listener()
    measure(configure(folder, text, layers="uniform", relation_heads=4), students, [text], reporter=listener)
    (note,) = listener.notes
    assert "not comparable" in note
    assert f"{students[1]} 1 → 1" in note


# ---- what is refused ------------------------------------------------------------------------------------------------


def test_a_student_with_another_tokenizer_is_refused_with_a_token_that_differs(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("bert", layers=3)
    other = untrained(here / "other", folder)
    make_tokenizer("roberta").save_pretrained(other)
    with pytest.raises(UsageError, match=r"has another tokenizer than .*'\[PAD\]'") as refused:
        measure(configure(folder, text), [other], [text])
    assert "distilled from" in str(refused.value.hint)


def test_a_student_without_a_tokenizer_is_known_by_the_size_of_its_vocabulary(
    teacher: MakeTeacher, text: Path, here: Path
) -> None:
    folder = teacher("bert", layers=3)
    rows = AutoConfig.from_pretrained(folder).vocab_size
    same, other = untrained(here / "same", folder), untrained(here / "other", folder, vocab_size=rows + 1)
    whole = measure(configure(folder, text), [same], [text]).losses[0].loss
    for student in (same, other):
        for file in student.glob("tokenizer*"):
            file.unlink()
    assert measure(configure(folder, text), [same], [text]).losses[0].loss == whole
    with pytest.raises(UsageError, match=f"a vocabulary of {rows + 1} tokens"):
        measure(configure(folder, text), [other], [text])


def test_tokens_that_a_student_has_beside_the_teachers_do_no_harm(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder)
    before = measure(configure(folder, text), [student], [text]).losses[0]
    model: Any = AutoModel.from_pretrained(student)
    tokenizer: Any = AutoTokenizer.from_pretrained(student)
    tokenizer.add_tokens(["harbourmaster"])
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(student)
    tokenizer.save_pretrained(student)
    assert measure(configure(folder, text), [student], [text]).losses[0].loss == before.loss


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": "4"}, "--model .*: --layers 4: the teacher has no layer 4"),
        ({"layers": "3:5"}, "--model .*: --layers 3:5: the student has no layer 5"),
        ({"relation_heads": 7}, r"7 relation heads do not divide .* teacher \(24\) and student \(12\)"),
        ({"relation_heads": "attention"}, "has 4 attention heads, .* 3"),
        ({"max_length": 65}, "has positions for 64 tokens"),
        ({"relations": "qz"}, "qz"),
    ],
)
def test_what_does_not_fit_the_models_is_refused(
    teacher: MakeTeacher, text: Path, here: Path, options: dict[str, Any], said: str
) -> None:
    folder = teacher("bert", layers=3)
    with pytest.raises(UsageError, match=said):
        measure(configure(folder, text, **options), [untrained(here / "student", folder)], [text])


def test_a_student_with_too_few_positions_is_refused(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder, max_position_embeddings=39)
    with pytest.raises(UsageError, match="student has positions for 39 tokens"):
        measure(configure(folder, text), [student], [text])


def test_a_model_of_a_family_without_an_adapter_is_refused(teacher: MakeTeacher, text: Path, here: Path) -> None:
    GPT2Config().save_pretrained(here / "gpt")
    with pytest.raises(UsageError, match="--model gpt is a 'gpt2' model"):
        measure(configure(teacher("bert", layers=3), text), [Path("gpt")], [text])


def test_a_model_without_its_weights_is_refused(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder)
    (student / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        measure(configure(folder, text), [student], [text])


def test_text_of_the_hub_is_refused(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = teacher("bert", layers=3)
    student = untrained(here / "student", folder)
    with pytest.raises(DataError, match=r"--data owner/name: .*this machine alone"):
        measure(configure(folder, text), [student], [Path("owner/name")])
    with pytest.raises(UsageError, match="no text given"):
        measure(configure(folder, text), [student], [])


def test_a_loss_that_is_not_finite_is_null_in_json(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder = make_teacher(here / "teacher", "bert", layers=3)
    student = untrained(here / "student", folder)
    model: Any = AutoModel.from_pretrained(student)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.fill_(torch.nan)
    shutil.rmtree(student)
    model.save_pretrained(student)
    found = measure(replace(configure(folder, text), relations="qq"), [student], [text]).describe()
    (loss,) = json.loads(json.dumps(found, allow_nan=False))["losses"]
    assert (loss["loss"], loss["loss/qq"], loss["share"]) == (None, None, None)
    assert loss["untrained"] > 0
