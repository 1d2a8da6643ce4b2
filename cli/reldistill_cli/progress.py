"""A distillation on the screen: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.markup import escape

from reldistill.distillation.reporter import Reporter
from reldistill_cli.durations import count, duration
from reldistill_cli.screen import Screen

if TYPE_CHECKING:
    from reldistill.distillation import Plan
    from reldistill.layers import LayerEvidence
    from reldistill_loader import Progress as TokenisingProgress

__all__ = ["ScreenReporter", "evidence_in_words"]


class ScreenReporter(Screen, Reporter):
    """Shows plan, tokenising, training and measuring."""

    def __init__(self) -> None:
        super().__init__()
        self._tokenising: set[str] = set()
        self._continued: set[str] = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._tokenising and kind is not None and issubclass(kind, KeyboardInterrupt):
            self.note("finished shards stay; the same command goes on behind them")

    def plan(self, plan: Plan) -> None:
        for name, value in _plan_rows(plan):
            self.console.print(f"[bold]{name:<10}[/] {escape(value)}", soft_wrap=True)

    def tokenising(self, source: str, progress: TokenisingProgress) -> None:
        self._tokenising.add(source)
        if progress.continued and source not in self._continued:
            self._continued.add(source)
            self.console.print(f"continuing an interrupted build: {progress.continued:,} sequences are there")
        done = f"{progress.sequences:,} sequences, {count(progress.tokens)} tokens"
        self.bar(f"tokenising {source}", progress.bytes_done, progress.bytes_total, done)
        if progress.documents:
            self.line("tokenising", f"tokenising {source}: {progress.bytes_done / 1e6:.0f} MB, {done}")

    def probing(self, step: int, steps: int, losses: Mapping[int, float]) -> None:
        detail = "loss by teacher layer: " + ", ".join(f"{layer} {loss:.3f}" for layer, loss in losses.items())
        self.line("probing", f"probe {step:,}/{steps:,}  {detail}", force=step == steps)
        self.bar("probing", step, steps, detail)

    def probed(self, evidence: Sequence[LayerEvidence], seconds: float) -> None:
        self.take_down("probing")
        for found in evidence:
            self.console.print(f"teacher layer {found.teacher_layer}: {evidence_in_words(found)}", soft_wrap=True)
        self.console.print(f"the probe took {duration(seconds)}")

    def tokenised(self, source: str) -> None:
        self._tokenising.discard(source)
        self.take_down(f"tokenising {source}")

    def resumed(self, step: int, steps: int) -> None:
        self.console.print(f"going on from the checkpoint of step {step:,}/{steps:,}")

    def saved(self, step: int, seconds: float) -> None:
        self.line("saved", f"checkpoint of step {step:,} saved in {seconds:.1f} s")

    def step(self, step: int, steps: int, row: Mapping[str, float] | None) -> None:
        detail = None
        if row is not None:
            relations = " ".join(f"{name[5:]} {value:.4f}" for name, value in row.items() if name.startswith("loss/"))
            detail = f"loss {row['loss']:.4f} ({relations}) {row['tokens_per_second']:,.0f} tokens/s"
            left = (steps - step) * row["tokens"] / step / row["tokens_per_second"]
            self.line("training", f"step {step:,}/{steps:,}  {detail}  {duration(left)} left", force=step == steps)
        self.bar("training", step, steps, detail)

    def validated(self, row: Mapping[str, float]) -> None:
        relations = " ".join(
            f"{name.removeprefix('validation/loss/')} {value:.4f}"
            for name, value in row.items()
            if name.startswith("validation/loss/")
        )
        self.console.print(f"held-out text at step {row['step']:,.0f}: loss {row['validation/loss']:.4f} ({relations})")

    def measuring(self, text: str, done: int, of: int) -> None:
        name = f"measuring on {text}"
        self.bar(name, done, of)
        self.line(name, f"{name}: {done:,} of {of:,} parts" if done else name)

    def measured(self, text: str) -> None:
        self.take_down(f"measuring on {text}")


def evidence_in_words(found: LayerEvidence) -> str:
    """``relation loss 0.81 → 0.44 (0.54 of untrained), alignment 0.613``."""
    share = f" ({found.loss / found.untrained_loss:.2f} of untrained)" if found.untrained_loss else ""
    return f"relation loss {found.untrained_loss:.4f} → {found.loss:.4f}{share}, alignment {found.mean_alignment:.4f}"


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
