"""``minictl measure``: how far students are from a teacher, by one yardstick, without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reldistill.config import DistillConfig
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill.distillation import Measurement

OPTIONS = (
    "teacher", "relations", "relation_heads", "layers", "text_column", "max_length", "micro_batch_tokens", "precision", "attention",
    "device",
)  # fmt: skip


def _measure(
    config: DistillConfig,
    data: Annotated[
        list[str],
        typer.Option(
            help="Text (a file, a folder, a glob) or a corpus of `minictl data build`. Repeatable; each is measured for itself.",
            rich_help_panel="Data",
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A student: a run, a folder that transformers loads, or an id on the Hub. Repeatable. (default: the last "
            "distilled one)",
            rich_help_panel="Models",
        ),
    ] = None,
    sequences: Annotated[
        int,
        typer.Option(
            min=0,
            help="At most so many sequences of each text, drawn from all of it, the same each time; 0: all.",
            rich_help_panel="Data",
        ),
    ] = 1024,
    against_untrained: Annotated[
        bool,
        typer.Option(
            "--against-untrained/--no-against-untrained",
            help="Also measure a student of the same shape with random weights.",
            rich_help_panel="Output",
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Measure how far students are from a teacher: their relation loss on text, by one yardstick, without training.

    Example: minictl measure --teacher bert-base --model runs/one --model runs/two --data held-out.txt

    All are held against the same relations, relation heads and layers, whatever they were trained for.

    The share is of the loss that an untrained student of the same shape has: the less, the nearer to the teacher.
    """
    from reldistill.distillation import measure_students
    from reldistill.registry import Registry
    from reldistill_cli.progress import ScreenReporter

    with results_alone(), ScreenReporter() as reporter:
        found = measure_students(
            config,
            model or [],
            data,
            Registry.installed(warn=warn),
            reporter,
            sequences=sequences,
            against_untrained=against_untrained,
        )
    if as_json:
        print_json(found.describe())
    else:
        _show(found)


def _show(found: Measurement) -> None:
    from reldistill_cli.tables import column_table, pair_table, print_table, said

    yardstick = pair_table()
    layers = dict.fromkeys(student.layers_in_words for student in found.students)
    for name, value in (
        ("teacher", f"{found.teacher.label}: {found.teacher.adapter.name}, {found.teacher.layers} layers"),
        ("layers", "; ".join(layers) + "  (teacher → student)"),
        ("relations", f"{found.relations_in_words}, {found.relation_heads} relation heads"),
        ("machine", f"{found.device}, {found.precision_in_words}, attention {found.attention}"),
    ):
        yardstick.add_row(name, said(value))
    print_table(yardstick)
    names = [relation.name for relation in found.relations]
    against = any(loss.untrained is not None for loss in found.losses)
    table = column_table("text", "model", "sequences", "tokens", "loss", *names, *["untrained", "share"] * against)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in found.losses:
        losses = [row.loss, *(row.by_relation[name] for name in names), *[row.untrained] * against]
        share = ["-" if row.share is None else f"{row.share:.2f}"] * against
        table.add_row(
            said(row.text), said(row.model), said(row.sequences), said(row.tokens),
            *("-" if value is None else f"{value:.4f}" for value in losses), *share,
        )  # fmt: skip
    print_table(table)


command = with_config_options(_measure, OPTIONS)
