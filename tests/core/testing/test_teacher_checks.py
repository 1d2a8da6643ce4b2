"""Each check of a teacher adapter is seen to fail, on real models, and to say what to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from torch import nn
from transformers import BertConfig, ElectraConfig, RobertaConfig

from kit_outcomes import advice, outcomes
from reldistill import Projections, StudentShape
from reldistill.testing import teacher_checks
from reldistill_plugins.teachers.bert_architecture import BertArchitecture


@dataclass(frozen=True)
class Electra(BertArchitecture):
    """Right: BERT's modules, no pooler, and embeddings of a width of their own. The base of those that are wrong."""

    name: str = "electra"
    model_types: frozenset[str] = frozenset({"electra"})
    aliases: dict[str, str] = field(default_factory=lambda: {"electra-small": "google/electra-small-discriminator"})
    positions_after_padding: bool = False

    def student_config(self, config: Any, shape: StudentShape) -> Any:
        student: Any = super().student_config(config, shape)
        student.embedding_size = shape.hidden_size
        return student


def checks(adapter: Any) -> Any:
    return teacher_checks(adapter)


def test_a_sound_adapter_passes() -> None:
    assert set(outcomes(checks(Electra())).values()) == {""}


class NoMethods:
    name, model_types, aliases = "a", frozenset({"bert"}), {}  # type: ignore[var-annotated]


class ForgetsTheDepth(Electra):
    def student_config(self, config: Any, shape: StudentShape) -> Any:
        return super().student_config(config, replace(shape, layers=config.num_hidden_layers))


class ForgetsTheFeedForward(Electra):
    def student_config(self, config: Any, shape: StudentShape) -> Any:
        student: Any = super().student_config(config, shape)
        student.intermediate_size = config.intermediate_size
        return student


class BeginsAnew(Electra):
    def student_config(self, config: Any, shape: StudentShape) -> Any:
        return type(config)(
            num_hidden_layers=shape.layers, hidden_size=shape.hidden_size, embedding_size=shape.hidden_size,
            num_attention_heads=shape.attention_heads, intermediate_size=shape.intermediate_size,
        )  # fmt: skip


class ChangesTheTeacher(Electra):
    def student_config(self, config: Any, shape: StudentShape) -> Any:
        config.num_hidden_layers = shape.layers
        return super().student_config(config, shape)


class AnotherFamily(Electra):
    def student_config(self, config: Any, shape: StudentShape) -> Any:
        return BertConfig(
            num_hidden_layers=shape.layers, hidden_size=shape.hidden_size, num_attention_heads=shape.attention_heads,
            intermediate_size=shape.intermediate_size,
        )  # fmt: skip


class SwapsQueryAndKey(Electra):
    def projections(self, model: Any, layer: int) -> Projections:
        right = super().projections(model, layer)
        return replace(right, query=right.key, key=right.query)


class CountsFromZero(Electra):
    def projections(self, model: Any, layer: int) -> Projections:
        return super().projections(model, layer % len(model.encoder.layer) + 1)


class CutsTooMuch(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        if max(layers) > 1:
            del model.encoder.layer[0]


class CutsAtTheLowest(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        if len(layers) > 1:
            model.encoder.layer[min(layers) - 1].output.LayerNorm = nn.Identity()


class Renames(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        model.encoder.layer[0].attention.self.other = model.encoder.layer[0].attention.self.query
        model.encoder.layer[0].attention.self.query = nn.Linear(24, 24)


class ScalesTheInput(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        model.embeddings.register_forward_hook(lambda _module, _inputs, output: 2 * output)


class LeavesTheRest(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        del model.encoder.layer[max(layers) :]


class CutsNothing(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        pass


class TrainsACopy(Electra):
    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        query = model.encoder.layer[max(layers) - 1].attention.self.query
        query.weight = nn.Parameter(query.weight.detach().clone())


class WrongOffset(Electra):
    def position_offset(self, config: Any) -> int:
        return 3


class SeesNeighbours(Electra):
    """What a convolution over packed tokens would do, which runs across the borders of sequences."""

    def cut(self, model: Any, layers: Sequence[int]) -> None:
        super().cut(model, layers)
        model.embeddings.register_forward_hook(
            lambda _module, _inputs, output: output + output.roll(1, dims=1) if output.shape[1] > 12 else output
        )


def aliases(**words: str) -> Electra:
    return Electra(aliases={word.replace("__", "/"): hub_id for word, hub_id in words.items()})


WRONG: list[tuple[str, Any, str, str]] = [
    ("contract", NoMethods(), "lacks student_config, position_offset, cut, projections", "reldistill_teachers) has"),
    ("aliases", aliases(Electra_Small="google/electra"), "'Electra_Small' can never be found", "Write 'electra-small'"),
    ("aliases", aliases(electra="electra"), "leads to 'electra'", "Write owner/name"),
    ("aliases", Electra(aliases={"bert-base": "a/b"}), "one of the built-in family bert", "Choose another word"),
    ("model types", Electra(model_types=frozenset({"electro"})), "of the type 'electro'", "Look at the config.json"),
    ("model types", Electra(model_types=frozenset({"bert"})), "served by the built-in family bert", "Take the type out"),
    ("student config", ForgetsTheDepth(), "num_hidden_layers is 12, not 3", "under the names that the family has"),
    ("student config", ForgetsTheFeedForward(), "no weight of a student's layer is 40 wide", "such as intermediate_size"),
    ("student config", BeginsAnew(), "vocab_size is 30522, not 30530", "type(config)(**fields)"),
    ("student config", ChangesTheTeacher(), "changed the teacher's configuration", "Leave the one given as it is"),
    ("student config", AnotherFamily(), "gave BertConfig, not ElectraConfig", "type(config)(**fields)"),
    ("projections", SwapsQueryAndKey(), "calls the query of layer 1 is the key of layer 1", "Name the right module"),
    ("projections", CountsFromZero(), "calls the query of layer 1 is the query of layer 2", "layers count from 1"),
    ("states", CutsTooMuch(), "cut for layer 2, the model raised", "Keep the layers below the highest whole"),
    ("states", Renames(), "lacks 2 of the weights that are needed", "under the same name"),
    ("states", ScalesTheInput(), "cut at layer 1, the state 'query' of that layer differs", "under the same name"),
    ("several layers", CutsAtTheLowest(), "cut for layers [1, 3]", "leave the layers below it as they are"),
    ("positions", WrongOffset(), "position_offset gave 3", "Return 0 for this configuration"),
    ("packed", SeesNeighbours(), "in a packed batch, the state", "AttentionInterface"),
    ("held", LeavesTheRest(), "still holds encoder.layer.1.attention.output.dense.weight", "by ProjectionsOnly"),
    ("held", CutsNothing(), "cut at layer 2 of 3, the model still holds", "delete the layers above max(layers)"),
    ("trained", TrainsACopy(), "encoder.layer.2.attention.self.query.weight, which is no parameter", "nor clone it"),
    ("trained", CutsNothing(), "would be trained without ever getting a gradient", "Put ProjectionsOnly in the place"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "adapter", "found", "change"), WRONG, ids=lambda value: type(value).__name__)
def test_what_is_wrong_is_found_and_the_cure_is_named(name: str, adapter: Any, found: str, change: str) -> None:
    every = checks(adapter)
    full = next(check.name for check in every if check.name.partition(" (")[0] == name)
    error = advice(every, full)
    assert found in error.found
    assert change in error.change


def test_every_check_has_been_seen_to_fail() -> None:
    assert {check.name.partition(" (")[0] for check in checks(Electra())} == {
        *(name for name, *_ in WRONG),
        "saved",  # below
    }


def test_a_configuration_that_does_not_say_all_when_it_is_saved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ElectraConfig.to_diff_dict
    monkeypatch.setattr(ElectraConfig, "to_diff_dict", lambda config: {**whole(config), "num_hidden_layers": 2})
    error = advice(checks(Electra()), "saved (electra)")
    assert "saved and loaded is a ElectraModel with other values in encoder.layer.2." in error.found
    assert "so that config.json says them" in error.change


def test_an_offset_that_fits_is_named_with_the_padding_it_stands_behind() -> None:
    roberta = BertArchitecture("r", frozenset({"roberta"}), {}, positions_after_padding=False)
    error = advice(checks(roberta), "positions (roberta)")
    assert "position_offset gave 0" in error.found
    assert f"Return 2 for this configuration, whose pad_token_id is {RobertaConfig().pad_token_id}." in error.change


def test_each_model_type_is_checked() -> None:
    several = Electra(model_types=frozenset({"electra", "ernie"}))
    names = [check.name for check in checks(several)]
    assert "states (electra)" in names
    assert "states (ernie)" in names


def test_of_model_types_that_are_none_the_contract_speaks_alone() -> None:
    every = checks(Electra(model_types="electra"))  # type: ignore[arg-type]
    assert [check.name for check in every] == ["contract", "aliases", "model types"]
    assert "model_types must be a non-empty frozenset of str" in advice(every, "contract").found
