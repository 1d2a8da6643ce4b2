"""What a probe found, asked for once: kept in the cache, so that a run that goes on takes the same layers at once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from reldistill.cache import cache_folder
from reldistill.checkpoint.durable import replace_durably
from reldistill.config import parse_mixing
from reldistill.distillation.corpus import corpus_of
from reldistill.distillation.probe import Probe, check_candidates, default_probe_steps
from reldistill.errors import UsageError
from reldistill.layers import LayerEvidence

if TYPE_CHECKING:
    from pathlib import Path

    from reldistill.distillation.plan import Plan
    from reldistill.distillation.ranks import Ranks
    from reldistill.distillation.reporter import Reporter
    from reldistill.distillation.text_source import TextSource
    from reldistill.stop import Stop
    from reldistill_loader import Corpus, Mixture

__all__ = ["probed"]


def probed(
    plan: Plan,
    layers: Sequence[int],
    *,
    source: TextSource,
    held_out: TextSource | None,
    reporter: Reporter,
    stop: Stop,
    ranks: Ranks,
) -> Sequence[LayerEvidence]:
    """What a probe of these layers finds, or has found before: the first rank looks, and tells the others.

    Kept in the cache under all that it depends on, so that a run that goes on takes the same layers at once.
    Raises :class:`UsageError` for layers that are not there, and what the trainer raises.
    """
    if plan.config.shard_teacher and ranks.size > 1:
        raise UsageError(
            f"--layers {plan.config.layers} with --shard-teacher: a probe needs the teacher on one device",
            hint="Name a layer, or leave the choice to the paper: --layers paper.",
        )
    check_candidates(layers, plan.teacher)

    def look() -> list[LayerEvidence]:
        mixing = parse_mixing(plan.config.mixing)
        corpus = corpus_of(plan, source, reporter, mixing=mixing)
        other = corpus_of(plan, held_out, reporter) if held_out else None
        steps = plan.config.probe_steps or default_probe_steps(plan.steps)
        kept = cache_folder() / "probes" / f"{_key(plan, layers, steps, corpus, other)}.json"
        if (known := _read(kept, layers)) is not None:
            return known
        began = time.monotonic()
        probe = Probe(plan, layers, steps, corpus, other, reporter, stop)
        reporter.note(
            f"probing {len(layers)} layers of {plan.teacher.label}: {steps:,} steps of {probe.plan.config.batch_size} sequences, "
            "one pass of the teacher for all"
        )
        evidence = probe.run()
        reporter.probed(evidence, time.monotonic() - began)
        with suppress(OSError):  # it is found out again, then
            kept.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(kept, json.dumps([found.describe() for found in evidence]).encode())
        return evidence

    return ranks.of_the_first(look)


def _read(path: Path, layers: Sequence[int]) -> list[LayerEvidence] | None:
    """What was found before; None where it is not there, or broken."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = [LayerEvidence.from_description(row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if [one.teacher_layer for one in found] == list(layers) else None


def _key(
    plan: Plan, layers: Sequence[int], steps: int, corpus: Corpus | Mixture, held_out: Corpus | Mixture | None
) -> str:
    described: dict[str, Any] = {
        name: value for name, value in plan.describe().items() if name not in ("layers", "data")
    }
    recipe = [
        described, plan.teacher.fingerprint, list(layers), steps, plan.micro_batch_tokens, plan.config.result_options(),
        corpus.fingerprint, held_out.fingerprint if held_out else None, version("reldistill"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
