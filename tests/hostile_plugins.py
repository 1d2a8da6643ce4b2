"""Plugins in a folder on sys.path, found as installed ones are: real distributions without pip, broken ones included."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import TracebackType

__all__ = ["GOOD_RELATION", "PluginFolder"]

GOOD_RELATION = """
from reldistill import PairRelation, hookimpl

@hookimpl
def reldistill_relations():
    return [PairRelation("{name}", "query", "key")]
"""
"""A plugin with one sound relation, called ``{name}``."""


class PluginFolder:
    """A folder of distributions; as a context manager it is on sys.path, and what was imported from it is forgotten
    at the end.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    def add(
        self,
        plugin: str,
        source: str,
        *,
        distribution: str | None = None,
        version: str = "1.0",
        entry_point: str | None = None,
    ) -> None:
        """Install a plugin: a module of this ``source``, and a distribution (default: of the plugin's name) beside it."""
        module = plugin.replace("-", "_") + "_module"
        (self.path / f"{module}.py").write_text(source, encoding="utf-8")
        named = distribution or plugin
        metadata = f"Metadata-Version: 2.1\nName: {named}\nVersion: {version}\n"
        self.add_metadata(
            f"{named.replace('-', '_')}-{version}", f"[reldistill]\n{plugin} = {entry_point or module}\n", metadata
        )

    def add_command(
        self,
        command: str,
        source: str,
        *,
        distribution: str | None = None,
        version: str = "1.0",
        summary: str = "",
        entry_point: str = ":command",
    ) -> None:
        """Install a command: a module of this ``source``, whose ``command`` it is, and a distribution beside it."""
        named = distribution or command
        module = f"{named}_{command}".replace("-", "_") + "_command"
        (self.path / f"{module}.py").write_text(source, encoding="utf-8")
        metadata = f"Metadata-Version: 2.1\nName: {named}\nVersion: {version}\n" + (
            f"Summary: {summary}\n" if summary else ""
        )
        entry_points = f"[reldistill.commands]\n{command} = {module}{entry_point}\n"
        self.add_metadata(f"{named.replace('-', '_')}-{version}", entry_points, metadata)

    def add_metadata(self, stem: str, entry_points: str, metadata: str | None) -> None:
        """Only the metadata of a distribution, whatever stands in it; ``metadata=None`` leaves METADATA out."""
        folder = self.path / f"{stem}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        if metadata is not None:
            (folder / "METADATA").write_text(metadata, encoding="utf-8")
        importlib.invalidate_caches()

    def __enter__(self) -> PluginFolder:
        sys.path.insert(0, str(self.path))
        importlib.invalidate_caches()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.path.remove(str(self.path))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.path)):
                del sys.modules[name]
        importlib.invalidate_caches()
