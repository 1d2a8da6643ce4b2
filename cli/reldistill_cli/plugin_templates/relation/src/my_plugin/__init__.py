"""A relation for ``minictl distill --relations my-plugin``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from reldistill import AttentionStates, Relation, hookimpl

reldistill_api = 1


@dataclass(frozen=True)
class HiddenCosine:
    """Cosines between the inputs h of the layer, in one head, whatever the number of relation heads is::

        logits[i, j] = sharpness · h_i · h_j / (‖h_i‖ ‖h_j‖)

    The toolkit takes the softmax over j and compares the rows of teacher and student by their divergence.
    """

    name: str = "my-plugin"
    needs: frozenset[str] = frozenset({"hidden"})
    sharpness: float = 10.0

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        """``[1, n, n]`` for a sequence of n tokens."""
        unit = normalize(states.require("hidden"), dim=-1)  # [n, width]
        cosines: Tensor = unit @ unit.T
        return (self.sharpness * cosines).unsqueeze(0)


@hookimpl
def reldistill_relations() -> Iterable[Relation]:
    return [HiddenCosine()]
