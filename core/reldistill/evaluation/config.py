"""What an evaluation can be told. Free of torch, for ``minictl eval --help``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from reldistill.errors import UsageError

if TYPE_CHECKING:
    from reldistill.eval_task import EvalTask

__all__ = ["SEEDS", "EvalConfig", "EvalPlan", "numbers", "words"]

Number = TypeVar("Number", int, float)

SEEDS: tuple[int, ...] = (1, 2, 3)


@dataclass(frozen=True)
class EvalConfig:
    """One task. None means: the task's own default, which is the paper's. ``model`` None: the last distilled student."""

    model: str | None = None
    data_dir: str | None = None
    learning_rates: tuple[float, ...] | None = None
    epochs: tuple[int, ...] | None = None
    """0 alone: the model has been fine-tuned already, and is scored as it is."""
    seeds: tuple[int, ...] | None = None
    quick: bool = False
    languages: tuple[str, ...] | None = None
    train_languages: tuple[str, ...] | None = None
    """Languages to train on; None is the task's first, English."""
    train_on_all: bool = False
    """Train on the rows of all languages: translate-train-all."""
    score_on: Literal["test", "dev"] | None = None
    """None: what the task reports; ``dev``: development sets in place of test sets."""
    predict: Literal["test"] | None = None
    max_length: int | None = None
    batch_size: int | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    output: str | None = None

    def __post_init__(self) -> None:
        for name in ("learning_rates", "epochs", "seeds", "languages", "train_languages"):
            values = getattr(self, name)
            if values is not None and (not values or len(set(values)) < len(values)):
                raise UsageError(f"--{name.replace('_', '-')}: none, or one twice", hint="Give each value once: 1,2,3.")
        if any(not 0 < rate < 1 for rate in self.learning_rates or ()):
            raise UsageError("--learning-rates: each must be above 0 and below 1", hint="For example 2e-5,3e-5.")
        if any(not 0 <= number < 2**31 for number in (*(self.epochs or ()), *(self.seeds or ()))):
            raise UsageError("--epochs and --seeds: must be at least 0 and below 2,147,483,648")
        if self.epochs is not None and 0 in self.epochs and len(self.epochs) > 1:
            raise UsageError("--epochs 0 stands alone", hint="It scores a fine-tuned model as it is.")
        for name in ("max_length", "batch_size"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} {value}: must be at least 1")

    def resolved(self, task: EvalTask) -> EvalPlan:
        """With the task's defaults filled in. Raises :class:`UsageError` for a language that it does not have.

        ``quick``: where they are not given, one seed, the largest learning rate, which suits small models, and the middle
        of the numbers of epochs.
        """
        for language in (*(self.languages or ()), *(self.train_languages or ())):
            if not set(language.split("-")) <= set(task.languages) or language.count("-") > 1:
                raise UsageError(
                    f"{task.name} has no rows in {language!r}", hint=f"It has {', '.join(task.languages)}."
                )
        rates, epochs, seeds = task.learning_rates, task.epochs, SEEDS
        if self.quick:
            rates, epochs, seeds = (max(rates),), (sorted(epochs)[len(epochs) // 2],), seeds[:1]
        rates, epochs, seeds = self.learning_rates or rates, self.epochs or epochs, self.seeds or seeds
        if epochs == (0,):
            rates, seeds = (0.0,), seeds[:1]  # nothing is trained
        return EvalPlan(
            learning_rates=tuple(sorted(rates)),
            epochs=tuple(sorted(epochs)),
            seeds=seeds,
            languages=self.languages or task.languages,
            train_languages=task.languages if self.train_on_all else self.train_languages or task.languages[:1],
            max_length=self.max_length or task.max_length,
            batch_size=self.batch_size or task.batch_size,
            score_on_dev=self.score_on == "dev",
            predict_test=self.predict == "test",
        )


@dataclass(frozen=True)
class EvalPlan:
    """The same with the task's defaults filled in."""

    learning_rates: tuple[float, ...]
    epochs: tuple[int, ...]
    seeds: tuple[int, ...]
    languages: tuple[str, ...]
    train_languages: tuple[str, ...]
    max_length: int
    batch_size: int
    score_on_dev: bool = False
    predict_test: bool = False


def numbers(kind: type[Number], text: str, option: str) -> tuple[Number, ...]:
    """``1e-5,3e-5`` as numbers. Raises :class:`UsageError` for what is none."""
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        wanted = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"{option} {text}: must be {wanted}, with commas between them") from None


def words(text: str) -> tuple[str, ...]:
    """``en,fr`` as words."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
