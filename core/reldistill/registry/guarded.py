"""Things of other people's plugins while they are used: whatever their methods raise or return wrongly is named theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from reldistill.errors import PluginError, ReldistillError
from reldistill.registry.blame import blame, plugin_error
from reldistill.registry.contracts import CHECKS
from reldistill.registry.discovery import PluginSource

__all__ = ["Guarded"]


class Guarded:
    """Stands for ``thing``, which is of this kind (``task``, …) and plugin.

    What its methods raise becomes a :class:`PluginError`, but for our own errors; what they return is held against the
    contract. Attributes that it lacks, as optional ones of a later plugin API, are lacking here too.
    """

    def __init__(self, thing: Any, kind: str, source: PluginSource) -> None:
        self._thing, self._kind, self._source = thing, kind, source

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            value = getattr(self._thing, name)
        except AttributeError:
            raise
        except (Exception, SystemExit) as error:
            raise plugin_error(self._source, self._words(name), error) from error
        return partial(self._call, name, value) if callable(value) else value

    def _call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with blame(self._source, self._words(name)):
            try:
                value = method(*arguments, **named)
            except ReldistillError:
                raise
            except OSError as error:  # which is not the user's disk here
                raise plugin_error(self._source, self._words(name), error) from error
        contract = CHECKS.get(name)
        if contract is not None and (wrong := contract(self, value)) is not None:
            raise PluginError(
                f"{self._source}: {self._words(name)} gave {wrong}", hint=f"This is a fault of the {self._kind}."
            )
        return value

    def _words(self, name: str) -> str:
        return f"the {self._kind} {self._thing.name!r} ({name})"
