"""A distillation on the screen: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from reldistill.distillation.reporter import Reporter
from reldistill_cli.durations import count, duration
from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill.distillation import Plan
    from reldistill_loader import Progress as TokenisingProgress

__all__ = ["ScreenReporter"]

PLAIN_INTERVAL = 10.0
"""Seconds between two plain lines of the same kind, where there is no terminal."""


class ScreenReporter(Reporter):
    """Shows plan, tokenising and training on stderr. Use as a context manager, so that the bars are taken down."""

    def __init__(self) -> None:
        self._console = console()
        self._live = self._console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._spoke: dict[str, float] = {}
        self._tokenising: set[str] = set()
        self._continued: set[str] = set()

    def __enter__(self) -> ScreenReporter:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        if self._tokenising and kind is not None and issubclass(kind, KeyboardInterrupt):
            self.note("finished shards stay; the same command goes on behind them")

    def note(self, message: str) -> None:
        self._console.print(f"[yellow]note:[/] {escape(message)}")

    def plan(self, plan: Plan) -> None:
        for name, value in _plan_rows(plan):
            self._console.print(f"[bold]{name:<10}[/] {escape(value)}", soft_wrap=True)

    def tokenising(self, source: str, progress: TokenisingProgress) -> None:
        self._tokenising.add(source)
        if progress.continued and source not in self._continued:
            self._continued.add(source)
            self._console.print(f"continuing an interrupted build: {progress.continued:,} sequences are there")
        done = f"{progress.sequences:,} sequences, {count(progress.tokens)} tokens"
        self._bar(f"tokenising {source}", progress.bytes_done, progress.bytes_total, done)
        if progress.documents:
            self._line("tokenising", f"tokenising {source}: {progress.bytes_done / 1e6:.0f} MB, {done}")

    def tokenised(self, source: str) -> None:
        self._tokenising.discard(source)
        if (task := self._tasks.pop(f"tokenising {source}", None)) is not None:
            self._bars.remove_task(task)

    def resumed(self, step: int, steps: int) -> None:
        self._console.print(f"going on from the checkpoint of step {step:,}/{steps:,}")

    def saved(self, step: int, seconds: float) -> None:
        self._line("saved", f"checkpoint of step {step:,} saved in {seconds:.1f} s")

    def step(self, step: int, steps: int, row: Mapping[str, float] | None) -> None:
        detail = None
        if row is not None:
            relations = " ".join(f"{name[5:]} {value:.4f}" for name, value in row.items() if name.startswith("loss/"))
            detail = f"loss {row['loss']:.4f} ({relations}) {row['tokens_per_second']:,.0f} tokens/s"
            left = (steps - step) * row["tokens"] / step / row["tokens_per_second"]
            self._line("training", f"step {step:,}/{steps:,}  {detail}  {duration(left)} left", force=step == steps)
        self._bar("training", step, steps, detail)

    def validated(self, row: Mapping[str, float]) -> None:
        relations = " ".join(
            f"{name.removeprefix('validation/loss/')} {value:.4f}"
            for name, value in row.items()
            if name.startswith("validation/loss/")
        )
        self._console.print(
            f"held-out text at step {row['step']:,.0f}: loss {row['validation/loss']:.4f} ({relations})"
        )

    def _bar(self, name: str, done: int, total: int | None, detail: str | None) -> None:
        if not self._live:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(escape(name), total=total, detail="")
        if detail is None:
            self._bars.update(self._tasks[name], completed=done)
        else:
            self._bars.update(self._tasks[name], completed=done, total=total, detail=detail)

    def _line(self, kind: str, text: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._live or (not force and now - self._spoke.get(kind, float("-inf")) < PLAIN_INTERVAL):
            return
        self._spoke[kind] = now
        self._console.print(escape(text))


def _plan_rows(plan: Plan) -> list[tuple[str, str]]:
    teacher, shape, config = plan.teacher, plan.shape, plan.config
    at_once = f"{plan.micro_batch_tokens:,}"
    return [
        (
            "teacher",
            f"{teacher.label}: {teacher.adapter.name}, {teacher.layers} layers, width {teacher.config.hidden_size}",
        ),
        (
            "student",
            f"{config.student}: {shape.attention_heads} heads, FFN {shape.intermediate_size}, start {plan.start_in_words}",
        ),
        ("layers", f"{plan.layers_in_words}  (teacher → student, {config.layers})"),
        ("relations", f"{plan.relations_in_words}, {plan.relation_heads} relation heads"),
        (
            "data",
            plan.data if config.data or not plan.steps else f"{plan.data} (the default for {teacher.adapter.name})",
        ),
        *_training_rows(plan),
        (
            "machine",
            f"{plan.device}, {plan.precision_in_words}, attention {plan.attention}, {at_once} tokens at once"
            + (", compiled" if config.compile else ""),
        ),
        *_time_rows(plan),
    ]


def _training_rows(plan: Plan) -> list[tuple[str, str]]:
    if not plan.steps:
        return [("training", "none (--steps 0): the student is written as it starts, a baseline")]
    tokens = count(plan.tokens(None))
    return [
        ("training", f"{plan.steps:,} steps × {plan.config.batch_size} sequences, at most {tokens} tokens"),
        ("", f"learning rate {plan.config.learning_rate:g}, warm-up {plan.warmup:,} steps"),
    ]


def _time_rows(plan: Plan) -> list[tuple[str, str]]:
    if not plan.steps:
        return []
    return [("time", f"at most about {duration(plan.seconds(None))}, all sequences at full length (estimate)")]
