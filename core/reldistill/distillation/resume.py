"""Which checkpoint a run goes on from, and whether it may."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from reldistill.checkpoint import MANIFEST, CheckpointFolder, step_of, verify
from reldistill.errors import UsageError
from reldistill.local_path import local_path
from reldistill.registry.content_hash import content_hash
from reldistill.run_files import CHECKPOINTS

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan
    from reldistill.distillation.run_folder import RunFolder

__all__ = ["Checkpoint", "about_run", "checkpoint_to_resume"]

Announce = Callable[[str], None]
SHOWN = 8
"""Differences shown, at most."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of which every byte was verified."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def step(self) -> int:
        """The step that it was saved behind."""
        return step_of(self.path)


def about_run(plan: Plan, folder: RunFolder, ranks: int) -> dict[str, Any]:
    """What a checkpoint's manifest says of its run: the recipe, and the code and machine that the last bit depends on."""
    return {
        "identity": folder.identity,
        "recipe": folder.recipe,
        "plugins": _plugins(plan),
        "environment": _environment(plan, ranks),
    }


def checkpoint_to_resume(plan: Plan, folder: RunFolder, ranks: int, announce: Announce) -> Checkpoint | None:
    """The one that ``--resume`` means, verified and of this very run; None to start from the beginning.

    Raises:
        UsageError: ``--resume`` names no checkpoint, or what it was made with differs in what alters the result and the
            configuration does not accept that.
        CheckpointError: there are checkpoints and none is whole.
    """
    # What torchrun starts again goes on, whatever was asked for the first time.
    restarted = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    resume = "auto" if restarted else plan.config.resume
    if resume == "never":
        return None
    found = folder.checkpoints.newest_whole(announce)
    if resume != "auto":
        named = _named(resume, announce)
        # One of this folder goes back to it. That of another run was the beginning of this one: what came of it is newer.
        if found is None or named.path.resolve().parent == folder.checkpoints.path.resolve():
            return _same_run(named, plan, folder, ranks, announce)
    return None if found is None else _same_run(Checkpoint(*found), plan, folder, ranks, announce)


def _named(text: str, announce: Announce) -> Checkpoint:
    path = local_path(text)
    if (path / MANIFEST).is_file():
        return Checkpoint(path.resolve(), verify(path))
    for folder in (path, path / CHECKPOINTS):
        if CheckpointFolder(folder).all() and (found := CheckpointFolder(folder).newest_whole(announce)):
            return Checkpoint(found[0].resolve(), found[1])
    raise UsageError(
        f"--resume {text}: there is no checkpoint",
        hint="Allowed: auto, never, or the path of a folder such as runs/NAME/checkpoints/step-00001000, or of a run.",
    )


def _same_run(checkpoint: Checkpoint, plan: Plan, folder: RunFolder, ranks: int, announce: Announce) -> Checkpoint:
    """The checkpoint, unless it may not be gone on from."""
    changes = list(_differences(checkpoint.manifest["recipe"], json.loads(json.dumps(folder.recipe))))
    changes += _differences(checkpoint.manifest["plugins"], _plugins(plan))
    if changes:
        shown = "\n".join(f"  {change}" for change in changes[:SHOWN])
        more = f"\n  and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        if not plan.config.accept_changes:
            raise UsageError(
                f"{checkpoint.path} is of a run that differs in what alters the result:\n{shown}{more}",
                hint="Give the options that it was made with; --accept-changes goes on with the new ones, --resume never "
                "starts again, another --output leaves this run alone.",
            )
        announce(f"going on with changes that alter the result:\n{shown}{more}")
    then, now = checkpoint.manifest["environment"], _environment(plan, ranks)
    if plan.device.type != "cpu" and not plan.config.deterministic:
        announce(f"not bit by bit what it would have been, only to rounding: {plan.device.type} adds in any order")
    if changes := list(_differences(then, now)):
        announce(f"not bit by bit what it would have been, only to rounding: {'; '.join(changes)}")
    return checkpoint


def _plugins(plan: Plan) -> dict[str, Any]:
    """Those of others; the built-in ones are of the version that stands in the environment."""
    return {
        source.name: f"{source.distribution} {source.version}, SHA-256 {content_hash(source)}"
        for source in plan.plugins
        if not source.builtin
    }


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """``learning_rate: 0.0006 then, 0.001 now``, each name once."""
    before, after = dict(_leaves(then)), dict(_leaves(now))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name)} then, {after.get(name)} now"


def _leaves(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A resolved value after what was asked for under the same name, which it takes the place of."""
    for name, part in value.items():
        if isinstance(part, Mapping) and name in ("options", "plan"):
            yield from _leaves(part)
        else:
            yield name, part


def _environment(plan: Plan, ranks: int) -> dict[str, Any]:
    device = plan.device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "instruction_set": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "processes": ranks,
        **{name: version(name) for name in ("reldistill", "torch", "transformers")},
    }
