"""The cost of a run as tables of at most 80 columns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reldistill.distillation.relations import relations_in_words
from reldistill.layers import pairs_in_words
from reldistill_cli.durations import count, duration

if TYPE_CHECKING:
    from reldistill.cost import Bytes, Parameters
    from reldistill.distillation.run_cost import RunCost

__all__ = ["print_cost"]

MIB = 2**20
COLUMNS = 80
PARTS = (
    ("embeddings", "embeddings"),
    ("attention's projections", "attention_projections"),
    ("attention's scores and values", "attention_products"),
    ("feed-forward", "feed_forward"),
    ("last layer's projections", "last_projections"),
)


def print_cost(cost: RunCost) -> None:
    """On stdout: what was asked for, parameters, operations, memory, time."""
    # A pipe gets the same lines as a terminal of 80 columns.
    screen = Console(highlight=False, width=None if sys.stdout.isatty() else COLUMNS)
    for table in (_choices(cost), _parameters(cost), _operations(cost), _memory(cost), _time(cost)):
        screen.print(table)
        screen.print()
    for note in cost.notes:
        screen.print(f"[yellow]note:[/] {escape(note)}")


def _pairs() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True, min_width=16)
    table.add_column(overflow="fold")
    return table


def _figures(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title, min_width=37, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", min_width=10, no_wrap=True)
    return table


def _choices(cost: RunCost) -> Table:
    teacher, student, config = cost.size.teacher.model, cost.size.student.model, cost.config
    table = _pairs()
    table.add_row(
        "teacher",
        escape(cost.teacher.label)
        + f": {cost.teacher.adapter.name}, {teacher.layers} layers, width {teacher.hidden_size}, "
        f"{teacher.attention_heads} heads, FFN {teacher.intermediate_size}, {teacher.vocabulary:,} words",
    )
    table.add_row("student", f"{config.student}: {config.student_heads} heads, FFN {student.intermediate_size}")
    table.add_row("layers", f"{pairs_in_words(cost.pairs)}  (teacher → student, {escape(config.layers)})")
    table.add_row("relations", relations_in_words(cost.relations))
    fitting = ", ".join(map(str, cost.fitting_relation_heads))
    wrong = "heads of the two differ" if config.relation_heads == "attention" else "do not divide the widths"
    heads = str(cost.relation_heads) if cost.relation_heads else f"{config.relation_heads} {wrong}"
    table.add_row("relation heads", f"{heads}; both widths are divided by {fitting}")
    table.add_row("lengths", f"{cost.lengths.mean:,.4g} tokens on average: {escape(cost.lengths_from)}")
    table.add_row(
        "batch",
        f"{config.batch_size:,} sequences, {count(config.batch_size * cost.lengths.mean)} tokens, "
        f"{cost.tokens_at_once:,.0f} of them at once",
    )
    table.add_row("machine", f"{cost.device}, {cost.precision_in_words}")
    return table


def _parameters(cost: RunCost) -> Table:
    table = _figures("parameters, millions", "embeddings", "the rest", "all")
    found = cost.parameters

    def row(name: str, parameters: Parameters) -> None:
        table.add_row(name, *(f"{n / 1e6:,.2f}" for n in (parameters.embeddings, parameters.rest, parameters.total)))

    row("teacher, whole", found["teacher"])
    row(f"teacher, read up to layer {cost.size.teacher.layers}", found["teacher_loaded"])
    row("student, whole", found["student"])
    row("student, trained", found["student_trained"])
    return table


def _operations(cost: RunCost) -> Table:
    table = _figures("million operations a token", "forward", "backward", "share")
    flops = cost.flops_per_token
    teacher, student, back, loss = flops.teacher, flops.student_forward, flops.student_backward, flops.loss

    def row(name: str, forward: float, backward: float | None) -> None:
        share = (forward + (backward or 0)) / flops.total
        table.add_row(name, _millions(forward), "" if backward is None else _millions(backward), f"{share:.1%}")

    row("teacher", teacher.total, None)
    for name, part in PARTS:
        row(f"  {name}", getattr(teacher, part), None)
    row("student", student.total, back.total)
    for name, part in PARTS:
        row(f"  {name}", getattr(student, part), getattr(back, part))
    row("loss", loss.forward, loss.backward)
    row("all", teacher.total + student.total + loss.forward, back.total + loss.backward)
    return table


def _memory(cost: RunCost) -> Table:
    table = _figures("memory, MiB", "embeddings", "the rest", "all")
    memory, at_once = cost.memory, f"{cost.tokens_at_once:,.0f} tokens"

    def row(name: str, part: Bytes) -> None:
        table.add_row(name, *(f"{n / MIB:,.1f}" for n in (part.embeddings, part.rest, part.total)))

    row(f"teacher's weights, {cost.precision_in_words}", memory.teacher_weights)
    row("student's weights, fp32", memory.student_weights)
    row("its gradients, fp32", memory.gradients)
    row("Adam's two moments, fp32", memory.adam_moments)
    row(f"student's activations, {at_once}", memory.student_activations)
    row("teacher's activations", memory.teacher_activations)
    row("states and loss", memory.loss)
    there = cost.device_memory
    table.add_row(
        "all" + (f", of {there / 2**30:,.1f} GiB on {cost.device}" if there else ""),
        "",
        "",
        f"{memory.total / MIB:,.1f}",
    )
    return table


def _time(cost: RunCost) -> Table:
    table = _pairs()
    precision, product = cost.precision_in_words, " × ".join(map(str, cost.measured.shape))
    slow = "" if precision != "bf16" or cost.bf16_in_hardware else "; bf16 is not in this hardware, fp32 is faster"
    table.add_row(
        "matrix products", f"{count(cost.measured.rate)} {precision} operations/s, measured ({product}){slow}"
    )
    table.add_row("assumed", f"a step reaches {cost.assumed_share:.0%} of that rate")
    table.add_row("expected", f"{cost.tokens_per_second:,.0f} tokens/s")
    table.add_row("optimiser", f"moves {cost.optimizer_bytes_per_step / MIB:,.1f} MiB a step, not in the time")
    run = f"{cost.steps:,} steps, {count(cost.tokens)} tokens, about {duration(cost.seconds)}"
    table.add_row("the run", run if cost.steps else "0 steps: nothing is trained, the figures above are of a step")
    return table


def _millions(operations: float) -> str:
    return f"{operations / 1e6:,.2f}"
