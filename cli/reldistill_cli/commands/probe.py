"""``minictl probe``: which layer of the teacher to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reldistill.config import DistillConfig
from reldistill.errors import UsageError
from reldistill.stop import Stop
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill.distillation import ComparedLayers

OPTIONS = (
    "teacher", "student", "student_heads", "student_ffn", "init", "relations", "relation_heads", "probe_steps", "data", "mixing",
    "validation", "text_column", "max_length", "batch_size", "steps", "learning_rate", "adam_beta2", "adam_epsilon",
    "weight_decay", "clip", "seed", "micro_batch_tokens", "precision", "attention", "device", "deterministic", "compile",
)  # fmt: skip


def _probe(
    config: DistillConfig,
    candidates: Annotated[
        str,
        typer.Option(
            help="Teacher layers to try: 1-6 or 8,10,12. (default: all)", metavar="LAYERS", rich_help_panel="Method"
        ),
    ] = "",
    students: Annotated[
        Path | None,
        typer.Option(
            help="Write each layer's student into this folder, to be evaluated.",
            metavar="DIR",
            rich_help_panel="Output",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Hold the teacher's layers side by side: a short distillation from each, all on one pass of the teacher.

    Example: minictl probe --teacher ./my-bert --data texts/ --student 6x384 --probe-steps 500

    This is what `minictl distill --layers auto` decides by. Each layer's student is trained as `distill --layers N` trains it.
    """
    layers = parse_candidates(candidates)
    with Stop() as stop:
        result = _run(config, layers, students, stop)
    if as_json:
        print_json(result.describe())
    else:
        _show(result)


def parse_candidates(text: str) -> tuple[int, ...]:
    """``1-4,6`` as 1, 2, 3, 4, 6; nothing for nothing.

    Raises:
        UsageError: it is no such list.
    """
    layers: list[int] = []
    for part in filter(None, text.replace(" ", "").split(",")):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isascii() and first.isdecimal() and last.isdecimal() and int(first) <= int(last) < 10_000):
            raise UsageError(
                f"--candidates {text}: {part!r} is no layer and no range of layers", hint="Write 1-6 or 8,10,12."
            )
        layers += range(int(first), int(last) + 1)
    return tuple(layers)


def _run(config: DistillConfig, layers: tuple[int, ...], students: Path | None, stop: Stop) -> ComparedLayers:
    from reldistill.distillation import compare_layers
    from reldistill.registry import Registry
    from reldistill_cli.progress import ScreenReporter

    with results_alone(), ScreenReporter() as reporter:
        return compare_layers(
            config, layers, students=students, registry=Registry.installed(warn=warn), reporter=reporter, stop=stop
        )


def _show(result: ComparedLayers) -> None:
    from reldistill_cli.durations import duration
    from reldistill_cli.progress import evidence_in_words

    for found in result.evidence:
        typer.echo(f"teacher layer {found.teacher_layer}: {evidence_in_words(found)}")
    typer.echo(
        f"{result.steps:,} steps of {result.sequences} sequences, {result.tokens:,} tokens, {duration(result.seconds)}; losses of two "
        "layers are no measure of each other, alignments are."
    )
    for layer, folder in result.students.items():
        typer.echo(f"student of layer {layer}: {folder}")


command = with_config_options(_probe, OPTIONS)
