"""The options of an evaluation: one typed field each, with the help that the command line shows.

Kept free of torch, so that ``minictl eval --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from reldistill.config.option import at_least, hold_to_types, not_empty, option
from reldistill.config.option_types import Words, flag, shown
from reldistill.errors import UsageError

if TYPE_CHECKING:
    from reldistill.eval_task import EvalTask

__all__ = ["SEEDS", "EvalConfig", "EvalPlan"]

SEEDS: tuple[int, ...] = (1, 2, 3)

ALL = ("all",)
"""All languages of the task."""


@dataclass(frozen=True)
class EvalConfig:
    """Everything that the evaluation on a task can be told. None means: the task's own default, which is the paper's."""

    model: str | None = option(
        "A folder, an alias, or an id on the Hub. (default: the student of the last distillation)",
        None,
        panel="Model and data",
    )
    data_dir: str | None = option(
        "Folder of the official files, Parquet or save_to_disk. (default: the Hugging Face Hub)",
        None,
        panel="Model and data",
    )
    languages: Words | None = option(
        "Languages to choose by and to score: en,fr. (default: all of the task)", None, panel="Model and data"
    )
    train_languages: Words | None = option(
        "Languages to train on, all for translate-train-all. (default: en)", None, panel="Model and data"
    )
    score_on: Literal["test", "dev"] | None = option(
        "dev scores development sets in place of test sets. (default: as the paper reports the task)",
        None,
        panel="Model and data",
    )
    learning_rates: tuple[float, ...] | None = option(
        "To choose from: 2e-5,5e-5. (default: the paper's for the task)", None, panel="Search"
    )
    epochs: tuple[int, ...] | None = option(
        "To choose from: 3,5; 0 scores a fine-tuned model as it is. (default: the paper's)", None, panel="Search"
    )
    seeds: tuple[int, ...] | None = option(
        f"Each setting once with each. (default: {shown(SEEDS)})", None, panel="Search"
    )
    quick: bool = option("One sensible setting and one seed in place of the search.", False, panel="Search")
    max_length: int | None = option("Longest sequence, in tokens. (default: the task's)", None)
    batch_size: int | None = option("Sequences in a batch. (default: the task's)", None)
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto takes bf16 where the device is fast at it.", "auto", panel="Machine"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("Where to run.", "auto", panel="Machine")
    predict: Literal["test"] | None = option(
        "test writes the files that GLUE's server takes.", None, alters_result=False, panel="Output"
    )
    output: str | None = option(
        "Folder of results. (default: eval/ in the run folder of the student, or below runs/eval/)",
        None,
        alters_result=False,
        panel="Output",
    )

    def __post_init__(self) -> None:
        hold_to_types(self)
        for name in ("learning_rates", "epochs", "seeds", "languages", "train_languages"):
            values: tuple[Any, ...] | None = getattr(self, name)
            if values is not None and not values:
                raise UsageError(f"{flag(name)} is empty", hint="Leave it out to have the task's own.")
            if values is not None and len(set(values)) < len(values):
                raise UsageError(f"{flag(name)} {shown(values)}: one twice", hint="Give each value once.")
        for name in ("languages", "train_languages"):
            if (words := getattr(self, name)) not in (None, ALL) and "all" in words:
                raise UsageError(
                    f"{flag(name)} {shown(words)}: all stands alone", hint="It is every language of the task."
                )
        if any(not 0 < rate < 1 for rate in self.learning_rates or ()):
            raise UsageError(
                f"--learning-rates {shown(self.learning_rates)}: each must be above 0 and below 1",
                hint="For example 2e-5,3e-5.",
            )
        for name in ("epochs", "seeds"):
            if any(not 0 <= number < 2**31 for number in getattr(self, name) or ()):
                raise UsageError(
                    f"{flag(name)} {shown(getattr(self, name))}: each must be at least 0 and below 2,147,483,648"
                )
        if self.epochs is not None and 0 in self.epochs and len(self.epochs) > 1:
            raise UsageError(
                f"--epochs {shown(self.epochs)}: 0 stands alone", hint="It scores a fine-tuned model as it is."
            )
        for name in ("max_length", "batch_size"):
            if (value := getattr(self, name)) is not None:
                at_least(name, value, 1)
        not_empty("model", self.model, "Give a folder, an alias such as bert-base, or an id on the Hub.")
        for name in ("data_dir", "output"):
            not_empty(name, getattr(self, name), "Give the name of a folder.")

    def resolved(self, task: EvalTask) -> EvalPlan:
        """With the task's defaults filled in. Raises :class:`UsageError` for a language that it does not have.

        ``quick``: where they are not given, one seed, the largest learning rate, which suits small models, and the middle
        of the numbers of epochs.
        """
        languages, train_languages = self.languages or ALL, self.train_languages or task.languages[:1]
        for language in (*(self.languages or ()), *(self.train_languages or ())):
            if language == "all":
                continue
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
            languages=task.languages if languages == ALL else languages,
            train_languages=task.languages if train_languages == ALL else train_languages,
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
