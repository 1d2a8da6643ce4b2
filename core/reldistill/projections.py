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
    at ``attention.self.query`` of the layer is at ``attention.self.query`` here too. ``norm`` is the module of a pre-norm
    layer that stands between its input and its projections; it is taken over in the same way.
    """

    def __init__(self, layer: nn.Module, projections: Projections, norm: nn.Module | None = None) -> None:
        super().__init__()
        names = {module: name for name, module in layer.named_modules()}
        modules = projections.modules
        self._paths = {kind: names[module] for kind, module in modules.items()}
        self._norm = None if norm is None else names[norm]
        for module in dict.fromkeys(modules.values()):
            self._attach(names[module], module)
        if norm is not None:
            self._attach(names[norm], norm)

    def keep(self, kinds: frozenset[str]) -> None:
        """Drop the projections that are not of these kinds, of ``{"query", "key", "value"}``.

        One that computes several at once stays whole while any of them is needed: of its weights the rows of the others
        then get a gradient of zero.
        """
        dropped = [self._paths.pop(kind) for kind in self._paths.keys() - kinds]
        unused = set(dropped) - set(self._paths.values())
        if self._norm is not None and not self._paths:
            unused.add(self._norm)
            self._norm = None
        for path in unused:
            *parents, last = path.split(".")
            delattr(self.get_submodule(".".join(parents)), last)

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        """``[…, hidden size]`` in, the same out; hooks on the projections see their outputs."""
        normed = hidden if self._norm is None else self.get_submodule(self._norm)(hidden)
        for path in dict.fromkeys(self._paths.values()):
            self.get_submodule(path)(normed)
        return hidden

    def _attach(self, path: str, module: nn.Module) -> None:
        parent: nn.Module = self
        *parents, last = path.split(".")
        for name in parents:
            if not hasattr(parent, name):
                parent.add_module(name, nn.Module())
            parent = parent.get_submodule(name)
        parent.add_module(last, module)
