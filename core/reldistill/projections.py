"""What is left of a layer when only its projections are wanted: no attention, no feed-forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.teacher import Projections

__all__ = ["ProjectionsOnly"]


class ProjectionsOnly(nn.Module):
    """A layer that computes its query, key and value projections, in this order, and passes its input on.

    It takes the projections over from ``layer`` under their names, so that weights are found as before: a projection
    at ``attention.self.query`` of the layer is at ``attention.self.query`` here too.
    """

    def __init__(self, layer: nn.Module, projections: Projections) -> None:
        super().__init__()
        self._paths: dict[str, str] = {}
        names = {module: name for name, module in layer.named_modules()}
        for kind in ("query", "key", "value"):
            projection = getattr(projections, kind)
            self._paths[kind] = names[projection]
            self._attach(names[projection], projection)

    def keep(self, kinds: frozenset[str]) -> None:
        """Drop the projections that are not of these kinds, of ``{"query", "key", "value"}``."""
        for kind in self._paths.keys() - kinds:
            *parents, last = self._paths.pop(kind).split(".")
            delattr(self.get_submodule(".".join(parents)), last)

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        """``[…, hidden size]`` in, the same out; hooks on the projections see their outputs."""
        for path in self._paths.values():
            self.get_submodule(path)(hidden)
        return hidden

    def _attach(self, path: str, module: nn.Module) -> None:
        parent: nn.Module = self
        *parents, last = path.split(".")
        for name in parents:
            if not hasattr(parent, name):
                parent.add_module(name, nn.Module())
            parent = parent.get_submodule(name)
        parent.add_module(last, module)
