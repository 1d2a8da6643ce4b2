"""``minictl plan``: what a distillation costs, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reldistill.config import DistillConfig
from reldistill.errors import UsageError, as_one
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill_loader import Corpus

OPTIONS = (
    "teacher", "student", "student_heads", "student_ffn", "init", "relations", "relation_heads", "layers", "max_length", "batch_size",
    "steps", "micro_batch_tokens", "precision", "device",
)  # fmt: skip


def _plan(
    config: DistillConfig,
    mean_length: Annotated[
        float | None,
        typer.Option(help="Tokens of a sequence on average. (default: --max-length)", rich_help_panel="Data"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A corpus of `minictl data build`: its lengths are taken.", metavar="CORPUS", rich_help_panel="Data"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Show what a distillation costs: parameters, operations, memory, time, and what does not fit together.

    Example: minictl plan --teacher bert-base --student 3x192 --mean-length 180

    Of a teacher only its config.json is read. Nothing is written or trained; matrix products are measured for a moment.
    """
    if mean_length is not None and data is not None:
        raise UsageError("both --mean-length and --data are given", hint="One of them says how long sequences are.")
    from reldistill.distillation.count_cost import count_cost
    from reldistill.registry import Registry
    from reldistill_cli.cost_tables import print_cost

    with results_alone():
        cost = count_cost(config, Registry.installed(warn=warn), mean_length=mean_length, corpus=_corpus(data))
    if as_json:
        print_json(cost.describe())
    else:
        print_cost(cost)
    if cost.problems:
        raise as_one(cost.problems)


def _corpus(folder: Path | None) -> Corpus | None:
    if folder is None:
        return None
    from reldistill_loader import Corpus

    return Corpus.open(folder)


command = with_config_options(_plan, OPTIONS)
