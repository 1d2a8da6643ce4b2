"""The loss of a run: the chosen relations on each of the chosen pairs of layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import torch

from reldistill.errors import BrokenContract
from reldistill.loss import Kernel, RelationLoss, relation_loss

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.encoder import Encoder, PackedTokens
    from reldistill.layers import LayerPair
    from reldistill.registry import PluginSource
    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["Objective", "TeacherStates"]

TeacherStates: TypeAlias = "Callable[[PackedTokens], Mapping[int, AttentionStates]]"
"""Tokens -> layer -> its states: an encoder, or what stands for one."""


@dataclass(frozen=True)
class Objective:
    """What the student is to agree on with the teacher.

    The total is ``Σ_pairs weight · Σ_relations α · L``; a relation's term is ``Σ_pairs weight · L``. ``sources``: name of a
    relation -> the plugin that provides it, for messages.
    """

    teacher: TeacherStates
    pairs: Sequence[LayerPair]
    relations: Mapping[Relation, float]
    relation_heads: int
    precision: torch.dtype
    kernel: Kernel = "auto"
    sources: Mapping[str, PluginSource] = field(default_factory=dict)

    def __call__(self, student: Encoder, tokens: PackedTokens, sequences: int) -> RelationLoss:
        """The part that these tokens have in the loss of a global batch of ``sequences`` sequences.

        Raises :class:`reldistill.errors.PluginError` where a plugin's relation does not do what it must.
        """
        return self.against(self.teacher_states(tokens), student, tokens, sequences)

    def teacher_states(self, tokens: PackedTokens) -> Mapping[int, AttentionStates]:
        """What the teacher makes of the tokens: layer -> its states. It serves every student whose layers are among them."""
        with torch.no_grad():
            return self.teacher(tokens)

    def against(
        self, theirs: Mapping[int, AttentionStates], student: Encoder, tokens: PackedTokens, sequences: int
    ) -> RelationLoss:
        """The same for states of the teacher that are there. Raises as the call does."""
        with torch.autocast(tokens.input_ids.device.type, self.precision, enabled=self.precision != torch.float32):
            ours = student(tokens)
        total: Tensor | None = None
        terms: dict[str, Tensor | float] = defaultdict(float)
        spoiled: dict[str, Tensor] = {}
        for pair in self.pairs:
            try:
                loss = relation_loss(
                    theirs[pair.teacher_layer],
                    ours[pair.student_layer],
                    self.relations,
                    self.relation_heads,
                    sequences=sequences,
                    kernel=self.kernel,
                )
            except BrokenContract as error:
                if error.thing not in self.sources:
                    raise
                raise error.of(self.sources[error.thing]) from error
            total = pair.weight * loss.total if total is None else total + pair.weight * loss.total
            for name, term in loss.terms.items():
                terms[name] = terms[name] + pair.weight * term
            for name, did in loss.spoiled.items():
                spoiled[name] = spoiled[name] | did if name in spoiled else did
        assert total is not None, "a run has at least one pair of layers"
        return RelationLoss(total, {name: torch.as_tensor(term) for name, term in terms.items()}, spoiled)
